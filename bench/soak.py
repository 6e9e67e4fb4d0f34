"""The app with ten visitors while a run trains: does it keep what it no longer needs, and does it stay quick?

    python -m bench.soak [--sessions 10] [--minutes 5] [--quick] [--write] [--json]

On a store of its own with the bundled example and a run that trains all the time. One visitor sees each page
once and leaves; what the server then holds is the start. Ten tabs of one browser walk through the pages
at a human pace, and are closed. Memory and open descriptors are those of the server's processes, without
the browser, the trainer, and the hidden Chrome for exports, which has a column of its own. `--quick`:
two visitors for 20 seconds, nothing judged. `--write` keeps bench/results/soak.md.
"""

import argparse
import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from playwright.async_api import async_playwright

from bench.app import PAGES
from bench.example import EXAMPLE
from bench.own_store import own_store
from bench.soak_memory import Held, held, tree
from bench.soak_visit import Seen, go, open_tab, walk
from ict.provenance import device_name, versions_of
from ict.store import Store
from tests.app.served import CHROMIUM, Server
from tests.toys import until

MARKS = 5  # equal parts of the time, of which the second and the last are compared
GROWTH, LEFT = (
    1.05,
    1.1,
)  # at most: the last mark over the second, after the last visitor over the start
AFTER_SECONDS = 60.0  # from the last visitor's end


@dataclass(frozen=True, kw_only=True)
class Moment:
    """What was held when."""

    when: str
    server: Held
    chrome: Held

    def __str__(self) -> str:
        one = self.server
        sizes = (one.pss_bytes, one.private_bytes, one.rss_bytes, self.chrome.pss_bytes)
        cells = [self.when, *(f"{size / 1e6:.0f}" for size in sizes), str(one.descriptors)]
        return f"| {' | '.join(cells)} |"


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """How much more is held at one moment than at another."""

    what: str
    found: float
    limit: float

    @property
    def is_ok(self) -> bool:
        return self.found <= self.limit

    def __str__(self) -> str:
        return (
            f"| {self.what} | {self.found:.3f} | {self.limit:g} | {'ok' if self.is_ok else 'not'} |"
        )


def ratios(moments: Sequence[Moment]) -> list[Ratio]:
    """Of moments in their order: start, MARKS marks, after the last visitor."""
    start, _, second, *_, last, after = (one.server for one in moments)
    compared = (
        ("minute 5 over minute 2", last, second, GROWTH),
        ("60 s after over start", after, start, LEFT),
    )
    return [
        Ratio(what=f"{what}, {of}", found=read(later) / read(earlier), limit=limit)
        for what, later, earlier, limit in compared
        for of, read in _MEASURES.items()
    ]


_MEASURES: dict[str, Callable[[Held], int]] = {
    "memory": lambda one: one.pss_bytes,
    "descriptors": lambda one: one.descriptors,
}


def moment(when: str, server: int) -> Moment:
    """What the server of this process id and its Chrome hold now."""
    pids = tree(server)
    return Moment(when=when, server=held(pids.own), chrome=held(pids.chrome))


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How many visitors for how long, in seconds."""

    sessions: int
    seconds: float
    after_seconds: float


async def visited(server: Server, plan: Plan) -> tuple[list[Moment], Seen]:
    """All moments in their order, and what the visitors met."""
    seen = Seen()
    async with async_playwright() as playwright:
        chrome = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        first = await chrome.new_context(viewport={"width": 1440, "height": 1000})
        page = await open_tab(first, server.url, Seen())
        for title in PAGES:
            await go(page, title, Seen())
        await first.close()
        await asyncio.sleep(plan.after_seconds)
        moments = [moment("start", server.pid)]
        visitors = await chrome.new_context(viewport={"width": 1440, "height": 1000})
        began = time.monotonic()
        walks = [
            walk(visitors, server.url, PAGES, seed=number, until=began + plan.seconds, seen=seen)
            for number in range(plan.sessions)
        ]
        marks = asyncio.create_task(_marks(server, began, plan.seconds))
        await asyncio.gather(*walks)
        marked = await marks
        await visitors.close()
        await chrome.close()
        await asyncio.sleep(plan.after_seconds)
        return [*moments, *marked, moment("after", server.pid)], seen


async def _marks(server: Server, began: float, seconds: float) -> list[Moment]:
    found = []
    for number in range(1, MARKS + 1):
        part = seconds * number / MARKS
        await asyncio.sleep(max(0, began + part - time.monotonic()))
        found.append(await asyncio.to_thread(moment, f"{part:.0f} s", server.pid))
    return found


def trains(store: Store) -> None:
    """Starts a run that does not end by itself, and waits until it trains."""
    before = set(store.run_ids())
    words = [sys.executable, "-m", "ict", "train", "digits", "--set", "epochs=100000"]
    subprocess.run(words, check=True, capture_output=True)
    (mine,) = (run for run in store.runs() if run.id not in before)
    until(lambda: bool(mine.progress()), seconds=300)


def measure(plan: Plan) -> tuple[list[Moment], Seen]:
    """The whole of it, on a store of its own."""
    with own_store() as store:
        shutil.copytree(EXAMPLE, store.root, dirs_exist_ok=True)
        trains(store)
        server = Server(store.root, store.root.parent, ICT_WARM_CHROME="1")
        try:
            return asyncio.run(visited(server, plan))
        finally:
            server.stop()


def latencies(seen: Seen) -> list[str]:
    """A line a page: how often it was opened, median and 95th percentile of the seconds."""
    rows = []
    for title, seconds in seen.seconds.items():
        most = (
            statistics.quantiles(seconds, n=20, method="inclusive")[-1]
            if seconds[1:]
            else seconds[0]
        )
        rows.append(f"| {title} | {len(seconds)} | {statistics.median(seconds):.2f} | {most:.2f} |")
    return sorted(rows)


def report(plan: Plan, load: float, moments: Sequence[Moment], seen: Seen) -> list[str]:
    """The lines of bench/results/soak.md."""
    versions = ", ".join(
        f"{name} {said}" for name, said in versions_of(("ict", "streamlit")).items()
    )
    words = " ".join(["python -m bench.soak", *sys.argv[1:]])
    return [
        "# Ten visitors while a run trains",
        "",
        f"`{words}`, {time.strftime('%Y-%m-%d')}: {device_name('cpu')} ({os.cpu_count()} cores), {versions};",
        f"load average of the machine as it began: {load:.1f}, as it ended: {os.getloadavg()[0]:.1f}. "
        f"{plan.sessions} tabs for "
        f"{plan.seconds / 60:.1f} minutes: {sum(map(len, seen.seconds.values()))} pages opened, "
        f"{seen.changes} controls changed, {len(seen.troubles)} errors.",
        "",
        "Memory in MB; `Chrome` is the hidden one for exports (PSS), which is not in the other columns.",
        "",
        "| when | PSS | private | RSS | Chrome | descriptors |",
        "|---|---:|---:|---:|---:|---:|",
        *map(str, moments),
        "",
        "| | ratio | limit | |",
        "|---|---:|---:|---|",
        *map(str, ratios(moments)),
        "",
        "Seconds from the click until the page is complete:",
        "",
        "| page | n | median | p95 |",
        "|---|---:|---:|---:|",
        *latencies(seen),
        "",
    ]  # fmt: skip


def main() -> int:
    """Runs it; 1 where a limit was missed or a visitor met an error."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--sessions", type=int, default=10)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--quick", action="store_true", help="two visitors for 20 seconds")
    parser.add_argument("--write", action="store_true", help="keep it in bench/results")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    plan = Plan(sessions=chosen.sessions, seconds=60 * chosen.minutes, after_seconds=AFTER_SECONDS)
    if chosen.quick:
        plan = Plan(sessions=2, seconds=20.0, after_seconds=3.0)
    load = os.getloadavg()[0]
    moments, seen = measure(plan)
    missed = [] if chosen.quick else [one.what for one in ratios(moments) if not one.is_ok]
    lines = report(plan, load, moments, seen)
    if chosen.json:
        found = {
            "moments": [asdict(one) for one in moments],
            "ratios": [asdict(one) for one in ratios(moments)],
        }
        print(
            json.dumps(
                {**found, "seconds": seen.seconds, "missed": missed, "troubles": seen.troubles}
            )
        )
    else:
        print("\n".join([*lines, *seen.troubles]))
    if chosen.write:
        (Path(__file__).parent / "results" / "soak.md").write_text("\n".join(lines))
    return int(bool(missed or seen.troubles))


if __name__ == "__main__":
    raise SystemExit(main())
