"""A new user's walk through the app, by real clicks on an empty store: each step timed, with a picture.

    python -m docs.walk [--epochs 4] [--limit N] [--out docs/walk]

Train digits, watch it, its channels, one channel, back, random channels beside it, compared, PDF and LaTeX exported;
no shell. Pictures go to `--out`, and `README.md`, with a table of steps, clicks and seconds, beside them. Clicks are
counted as they are made: on a button, a link, or Back.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from ict.running import local
from ict.store import Store
from tests.app.served import Server, Visitor, browser

ROOT = Path(__file__).parents[1]
PATIENCE_MS = 1_800_000
MOST_CLICKS = 12


@dataclass
class Walk:
    """What was done so far."""

    visitor: Visitor
    out: Path
    rows: list[str] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)
    clicks: int = 0

    @property
    def page(self) -> Page:
        return self.visitor.page

    def click(self, what: Locator) -> None:
        what.click()
        self.clicks += 1

    def back(self) -> None:
        self.page.go_back()
        self.clicks += 1

    def step(self, title: str, do: Callable[[], None]) -> None:
        """Does a step and takes its picture once the page stands still."""
        before, started = self.clicks, time.monotonic()
        do()
        seconds = time.monotonic() - started
        self.visitor.settle()
        self.page.wait_for_timeout(1500)
        name = f"{len(self.rows) + 1}.png"
        self.page.screenshot(path=self.out / name)
        self.titles.append(title)
        self.rows.append(f"| {title} | {self.clicks - before} | {seconds:.0f} |")


class Steps(Walk):
    """What is done on the way: each click leads where it should, or it raises."""

    @property
    def main(self) -> Locator:
        return self.page.get_by_test_id("stMain")

    def heading(self, title: str) -> None:
        self.main.get_by_role("heading", name=title, exact=True).first.wait_for()

    def start(self) -> None:
        self.click(self.page.get_by_role("button", name="Start 1 run"))
        self.page.wait_for_url("**/run?run=*")
        self.heading("Run")

    def watch(self) -> None:
        self.main.get_by_role("link", name="Its predictions").wait_for()

    def channels(self) -> None:
        self.click(self.main.get_by_role("link", name="Its channels"))
        self.heading("Channels")
        self.main.locator(".js-plotly-plot").first.wait_for()

    def channel(self) -> None:
        self.click(self.main.get_by_role("link", name="Inspect this channel"))
        self.heading("Inspect")

    def home(self) -> None:
        self.back()
        self.heading("Channels")
        self.main.locator(".js-plotly-plot").first.wait_for()
        self.back()
        self.heading("Run")

    def controls(self) -> None:
        self.click(self.main.get_by_text("Add controls to this run"))
        self.click(self.main.get_by_role("button", name="Start 6 runs"))
        expect(self.page.get_by_test_id("stSidebar")).to_contain_text("7 runs, 0 running")

    def compare(self) -> None:
        self.click(self.main.get_by_role("link", name="Compare this run"))
        self.heading("Compare")
        self.main.get_by_text("new draws").first.wait_for()

    def export(self) -> None:
        self.click(self.main.get_by_role("button", name="Export").first)
        for kind, ending in (("PDF", ".pdf"), ("LaTeX table", ".tex")):
            with self.page.expect_download() as download:
                self.click(self.page.get_by_role("button", name=kind).first)
            assert download.value.suggested_filename.endswith(ending)


def walk(visitor: Visitor, out: Path, first: str) -> Walk:
    """The whole way."""
    one = Steps(visitor, out)
    one.step("An empty store: the form of a first run", lambda: visitor.open(first) and None)
    one.step("Train digits: *Start 1 run*", one.start)
    one.step("Watch it until it is done", one.watch)
    one.step("*Its channels*", one.channels)
    one.step("*Inspect this channel*", one.channel)
    one.step("Back, and back: the run", one.home)
    one.step(
        "*Add controls to this run*: five random choices and a linear probe, until done",
        one.controls,
    )
    one.step("*Compare this run* with the random choices", one.compare)
    one.step("*Export*: PDF and LaTeX table", one.export)
    assert one.clicks <= MOST_CLICKS, one.clicks
    return one


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m docs.walk", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--limit", type=int, help="so many images of each split only")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "walk")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    first = f"/?epochs={chosen.epochs}" + (f"&limit={chosen.limit}" if chosen.limit else "")
    expect.set_options(timeout=PATIENCE_MS)
    with tempfile.TemporaryDirectory() as elsewhere, browser() as chrome:
        store = Store(Path(elsewhere) / "ict_store")
        server = Server(store.root, Path(elsewhere))
        try:
            visitor = Visitor(chrome, server.url)
            visitor.page.set_default_timeout(PATIENCE_MS)
            done = walk(visitor, chosen.out, first)
            assert not visitor.exceptions(), visitor.exceptions()
        finally:
            server.stop()
            local.cancel(
                store, [run.id for run in store.runs() if run.status() in ("running", "queued")]
            )
    (chosen.out / "README.md").write_text(page(done, chosen.epochs))
    print("\n".join(done.rows), f"\n{done.clicks} clicks")


def page(done: Walk, epochs: int) -> str:
    """The page of the documentation: the table, then each picture below its step."""
    clock = time.strftime("%Y-%m-%d", time.gmtime())
    pictures = [
        f"## {number}. {title}\n\n![{title.replace('*', '')}]({number}.png)\n"
        for number, title in enumerate(done.titles, 1)
    ]
    return "\n".join(
        [
            "# A first walk through the app\n",
            "From an empty store to a figure in a paper, without a shell: digits are trained, the run's channels and one",
            "of them looked at, random channels tuned beside it, the two compared, and the figure exported.",
            f"`python -m docs.walk --epochs {epochs}` walks it in a real browser, counts its clicks and takes these pictures",
            f"({done.clicks} clicks; {clock}, {os.cpu_count()} CPU cores, no GPU).\n",
            "| step | clicks | seconds |", "|---|---:|---:|", *done.rows, "", *pictures,
        ]
    )  # fmt: skip


if __name__ == "__main__":
    main()
