"""Tabs of a started browser that do one kind of work each, opened when they are needed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

_BLANK = "<!doctype html><html lang='en'><head><meta charset='utf-8'></head><body></body></html>"


@dataclass(frozen=True)
class Answer:
    """What the browser says to a command, in the words of the DevTools protocol."""

    said: Any

    def at(self, *names: str) -> Any:
        """The value below these names, one inside the other; None where there is none."""
        value = self.said
        for name in names:
            value = value.get(name) if isinstance(value, dict) else None
        return value


class Tab:
    """A page of the browser, spoken to in the DevTools protocol."""

    def __init__(self, tab: Any, frame: str) -> None:
        self._tab, self._frame = tab, frame

    async def send(self, command: str, **parameters: Any) -> Answer:
        """The result of a command; RuntimeError if Chrome answers with an error."""
        answer = await self._tab.send_command(command, params=parameters or None)
        if "error" in answer:
            raise RuntimeError(f"{command}: {answer['error'].get('message', answer['error'])}")
        return Answer(answer["result"])

    async def show(self, html: str) -> None:
        """Makes `html` the page."""
        await self.send("Page.setDocumentContent", frameId=self._frame, html=html)

    async def run(self, script: str) -> Any:
        """The value of a JavaScript expression, or of what it promises; RuntimeError if it throws."""
        answer = await self.send(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        if answer.at("exceptionDetails") is not None:
            thrown = answer.at("exceptionDetails", "exception", "description")
            raise RuntimeError(str(thrown or answer.at("exceptionDetails", "text")))
        return answer.at("result", "value")


class Tabs:
    """At most `count` tabs at work; each is made ready once and used again and again."""

    def __init__(
        self, browser: Any, count: int, ready: Callable[[Tab], Awaitable[None]] | None = None
    ) -> None:
        """`browser` is a `choreographer.Browser`."""
        self._browser, self._ready = browser, ready
        self._slots = asyncio.Semaphore(count)
        self._idle: list[Tab] = []

    @asynccontextmanager
    async def one(self) -> AsyncIterator[Tab]:
        """A tab for one piece of work."""
        async with self._slots:
            tab = self._idle.pop() if self._idle else await self._open()
            try:
                yield tab
            finally:
                self._idle.append(tab)

    async def ready(self) -> None:
        """Makes a first tab ready, where there is none: work need not wait for it."""
        async with self.one():
            pass

    async def _open(self) -> Tab:
        opened = await self._browser.create_tab("about:blank")
        tree = await Tab(opened, "").send("Page.getFrameTree")
        tab = Tab(opened, tree.at("frameTree", "frame", "id"))
        await tab.show(_BLANK)
        if self._ready is not None:
            await self._ready(tab)
        return tab
