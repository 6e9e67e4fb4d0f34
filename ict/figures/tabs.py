"""Tabs of a started browser that do one kind of work each, opened when they are needed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

_BLANK = "<!doctype html><html lang='en'><head><meta charset='utf-8'></head><body></body></html>"


class Tab:
    """A page of the browser, spoken to in the DevTools protocol."""

    def __init__(self, tab: Any, frame: str) -> None:
        self._tab, self._frame = tab, frame

    async def send(self, command: str, **parameters: Any) -> dict[str, Any]:
        """The result of a command; RuntimeError if Chrome answers with an error."""
        answer = await self._tab.send_command(command, params=parameters or None)
        if "error" in answer:
            raise RuntimeError(f"{command}: {answer['error'].get('message', answer['error'])}")
        result: dict[str, Any] = answer["result"]
        return result

    async def show(self, html: str) -> None:
        """Makes `html` the page."""
        await self.send("Page.setDocumentContent", frameId=self._frame, html=html)

    async def run(self, script: str) -> Any:
        """The value of a JavaScript expression, or of what it promises; RuntimeError if it throws."""
        answer = await self.send(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            thrown = answer["exceptionDetails"]
            said = thrown.get("exception", {}).get("description") or thrown.get("text")
            raise RuntimeError(str(said))
        return answer["result"].get("value")


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

    async def _open(self) -> Tab:
        opened = await self._browser.create_tab("about:blank")
        tree = await Tab(opened, "").send("Page.getFrameTree")
        tab = Tab(opened, tree["frameTree"]["frame"]["id"])
        await tab.show(_BLANK)
        if self._ready is not None:
            await self._ready(tab)
        return tab
