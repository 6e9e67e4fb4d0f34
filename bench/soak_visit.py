"""Visitors who walk through the app at a human pace, each in a tab of one headless browser."""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from playwright.async_api import BrowserContext, Error, Page

PAUSE_SECONDS = (6.0, 14.0)  # between two things that a visitor does
_PATIENCE_SECONDS = 120.0
# An observer sees it between two looks of the sidebar at the runs, also in a tab that lies behind others.
_STANDS = """(title) => new Promise(done => {
  const stands = () => {
    const app = document.querySelector('[data-testid=stApp]');
    const shown = [...document.querySelectorAll('[data-testid=stMain] :is(h1, h2, h3)')];
    return app?.dataset.testScriptState === 'notRunning' &&
      shown.some(one => !title || one.innerText.trim() === title);
  };
  if (stands()) return done();
  const watch = new MutationObserver(() => { if (stands()) { watch.disconnect(); done(); } });
  const attributeFilter = ['data-test-script-state'];
  watch.observe(document.body, {subtree: true, childList: true, attributes: true, attributeFilter});
})"""
_CHANGE = """(number) => {
  const main = document.querySelector('[data-testid=stMain]');
  const kinds = '[role=slider], [role=tab], [data-testid=stButtonGroup] button, ' +
    'input[type=checkbox], input[type=radio]';
  const found = [...main.querySelectorAll(kinds)].filter(one => !one.disabled && one.offsetParent);
  if (!found.length) return null;
  const one = found[number % found.length];
  if (one.getAttribute('role') !== 'slider') one.click();
  else {
    one.focus();
    const key = number % 2 ? 'ArrowRight' : 'ArrowLeft';
    for (const kind of ['keydown', 'keyup'])
      one.dispatchEvent(new KeyboardEvent(kind, {key, bubbles: true}));
  }
  return one.getAttribute('role') || one.type || 'button';
}"""


@dataclass
class Seen:
    """What all visitors met."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    """By page: from the click until the page stands and its script has ended."""
    changes: int = 0
    troubles: list[str] = field(default_factory=list)

    def went(self, title: str, seconds: float) -> None:
        self.seconds.setdefault(title, []).append(seconds)


async def open_tab(context: BrowserContext, url: str, seen: Seen) -> Page:
    """A new tab on the front page."""
    page = await context.new_page()
    page.set_default_timeout(1000 * _PATIENCE_SECONDS)
    page.on("pageerror", lambda error: seen.troubles.append(str(error)))
    try:
        await page.goto(url)
        await stands(page, "")
    except (TimeoutError, Error):
        await page.close()
        raise
    return page


async def stands(page: Page, title: str) -> None:
    """Waits until the page of that heading, or any, is complete."""
    await asyncio.wait_for(page.evaluate(_STANDS, title), _PATIENCE_SECONDS)


async def go(page: Page, title: str, seen: Seen) -> None:
    """Clicks a page in the navigation, and waits until it stands."""
    link = page.get_by_test_id("stSidebarNav").get_by_role("link", name=title, exact=True)
    started = time.monotonic()
    await link.click()
    await stands(page, title)
    seen.went(title, time.monotonic() - started)
    found = await page.get_by_test_id("stException").all_inner_texts()
    seen.troubles += [f"{title}: {text[:200]}" for text in found]


async def change(page: Page, number: int, seen: Seen) -> None:
    """Moves a slider by one step, or clicks one of the page's choices; `number` says which."""
    if await page.evaluate(_CHANGE, number) is not None:
        seen.changes += 1
        await page.wait_for_timeout(300)  # until the browser has said so to the server
        await stands(page, "")


async def walk(
    context: BrowserContext, url: str, titles: Sequence[str], *, seed: int, until: float, seen: Seen
) -> None:
    """In a new tab, goes from page to page until `until` (of the monotonic clock), and changes something on each."""
    drawn = random.Random(seed)
    number = seed * 5  # each begins elsewhere
    await asyncio.sleep(drawn.uniform(0, PAUSE_SECONDS[1]))
    page = None
    while time.monotonic() < until:
        title = titles[number % len(titles)] if page else "front page"
        number += page is not None
        try:
            page = page or await open_tab(context, url, seen)
            if title in titles:
                await _look(page, title, drawn, until=until, seen=seen)
        except (TimeoutError, Error) as error:
            seen.troubles.append(f"{title}: {str(error)[:200] or 'too late'}")


async def _look(page: Page, title: str, drawn: random.Random, *, until: float, seen: Seen) -> None:
    """Goes to a page and changes one or two of its controls, with a pause after each."""
    await go(page, title, seen)
    for _ in range(drawn.choice((1, 2))):
        await _pause(drawn, until)
        if time.monotonic() < until:
            await change(page, drawn.randrange(1000), seen)
    await _pause(drawn, until)


async def _pause(drawn: random.Random, until: float) -> None:
    await asyncio.sleep(max(0, min(drawn.uniform(*PAUSE_SECONDS), until - time.monotonic())))
