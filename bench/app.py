"""The app by the clock: first paint, each page cold and warm, sliders, exports, a cancelled run.

    python -m bench.app [--quick] [--runs 5000] [--write] [--json]

On the example that comes with it, and on a store of so many runs, written as the program writes them,
a hundred with predictions (writing them is not counted; reading them without an index is, apart).
Served by `streamlit run` from another folder and driven by a real browser. Cold: the first time in a
server that has just started. Warm: the median of the times after it. Wall-clock seconds; `--quick`: one
warm time of each and 1,000 runs. `--write` keeps bench/results/DEVICE-app.md. For an idle machine alone.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from playwright.sync_api import Browser

from bench import export
from bench.app_steps import cancel_seconds, page_seconds, pdf_seconds, slider_seconds, visit
from bench.many_runs import write_runs
from bench.own_store import own_store
from ict.provenance import device_name, versions_of
from ict.store import Run, Store
from tests.app import fixture_store
from tests.app.served import Visitor, browser
from tests.toys import until

PAGES = (
    "Run", "Curves", "Predictions", "Channels", "Overlap", "Criteria", "Inspect", "Transfer",
    "Ablation", "Benchmark", "Compare", "Figures", "Data", "Train",
)  # fmt: skip
PAGE_SECONDS = 1.0
LIMITS = {
    "first paint": 3.0, "Criteria": 0.5, "slider of K (Channels)": 0.3,
    "slider of K/D (Overlap)": 0.3, "first PDF": 3.0, "zip of figures": 10.0, "cancel": 2.0,
    "index of all runs": 4.0,
}  # fmt: skip
_CHROME_SECONDS = 15.0  # until the hidden Chrome has started in the background


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measurement; None where there is no such."""

    what: str
    store: str
    cold: float | None
    warm: float | None
    limit: float
    """Of the warm seconds, or of the cold ones where there are no other."""

    @property
    def is_ok(self) -> bool:
        found = self.cold if self.warm is None else self.warm
        return found is not None and found <= self.limit

    def __str__(self) -> str:
        cold, warm = ("–" if one is None else f"{one:.2f}" for one in (self.cold, self.warm))
        verdict = "ok" if self.is_ok else "not"
        return f"| {self.what} | {self.store} | {cold} | {warm} | {self.limit:g} | {verdict} |"


def row(what: str, store: str, cold: float | None, warm: Sequence[float] = ()) -> Row:
    middle = statistics.median(warm) if warm else None
    return Row(
        what=what, store=store, cold=cold, warm=middle, limit=LIMITS.get(what, PAGE_SECONDS)
    )  # fmt: skip


def pages(chrome: Browser, store: Store, name: str, rounds: int) -> Iterator[Row]:
    """First paint, each page, and the two sliders."""
    with visit(chrome, store, ICT_WARM_CHROME="0") as visitor:
        yield row("first paint", name, visitor.open("/"))
        visitor.settle()
        cold = {title: page_seconds(visitor, title) for title in PAGES}
        warm: dict[str, list[float]] = {title: [] for title in PAGES}
        for _ in range(rounds):
            for title in PAGES:
                warm[title].append(page_seconds(visitor, title))
        yield from (row(title, name, cold[title], warm[title]) for title in PAGES)
        visitor.switch("Channels")
        visitor.settle()
        yield moved(visitor, "slider of K (Channels)", name, rounds, "K, channels")
        visitor.switch("Overlap")
        visitor.settle()
        yield moved(visitor, "slider of K/D (Overlap)", name, rounds, "K/D")


def moved(visitor: Visitor, what: str, name: str, rounds: int, label: str) -> Row:
    """A slider one step on, to places where it was not before, and back."""
    shown = "[data-testid=stMetricValue], [data-testid=stMarkdown]"
    keys = ["ArrowLeft", *["ArrowRight", "ArrowLeft"] * rounds]
    first, *others = (slider_seconds(visitor, label, key=key, shown=shown) for key in keys)
    return row(what, name, first, others)


def exports(chrome: Browser, store: Store, name: str, *, figures: int) -> Iterator[Row]:
    """The first PDF of a server: at once, and once its Chrome has started; a zip in all formats."""
    seconds = []
    for waited in (0.0, _CHROME_SECONDS):
        with visit(chrome, store, ICT_WARM_CHROME="1" if waited else "0") as visitor:
            visitor.open("/curves")
            visitor.settle()
            time.sleep(waited)
            seconds.append(pdf_seconds(visitor))
    yield row("first PDF", name, seconds[0], seconds[1:])
    zipped = float(export.measure(1, figures)["zip_seconds"])
    yield row("zip of figures", f"{figures} samples", zipped)


def cancelled(chrome: Browser, store: Store) -> Row:
    """A real run that trains is cancelled on its page."""
    words = [sys.executable, "-m", "ict", "train", "digits", "--set", "epochs=5000"]
    subprocess.run(words, check=True, capture_output=True)
    (run,) = store.runs()
    until(lambda: _trains(run), seconds=120)
    with visit(chrome, store) as visitor:
        return row("cancel", "one run", cancel_seconds(visitor, run))


def _trains(run: Run) -> bool:
    return bool(run.progress())


def indexed(store: Store, name: str) -> Row:
    """The table in a process of its own that finds no index."""
    store.index_path.unlink(missing_ok=True)
    started = time.perf_counter()
    code = "from ict.store import Store; Store().table()"
    subprocess.run([sys.executable, "-c", code], check=True)
    return row("index of all runs", name, time.perf_counter() - started)


def measure(runs: int, *, rounds: int, figures: int) -> Iterator[Row]:
    """All rows, each as soon as it is known."""
    with own_store() as store, browser() as chrome:
        yield from pages(chrome, store, "example", rounds)
        yield from exports(chrome, store, "example", figures=figures)
        yield cancelled(chrome, store)
        fixture_store.tiny_study(store)
        write_runs(store, runs)
        name = f"{runs:,} runs"
        yield indexed(store, name)
        yield from pages(chrome, store, name, rounds)


def heading(load: float) -> list[str]:
    """What was measured where and when, and the head of the table."""
    versions = versions_of(("ict", "streamlit", "plotly", "choreographer"))
    said = ", ".join(f"{name} {version}" for name, version in versions.items())
    words = " ".join(["python -m bench.app", *sys.argv[1:]])
    return [
        f"`{words}`, {time.strftime('%Y-%m-%d')}: {device_name('cpu')} ({os.cpu_count()} cores), {said};",
        f"load average of the machine as it began: {load:.1f}.",
        "",
        "| what | store | cold, s | warm, s | limit, s | |",
        "|---|---|---:|---:|---:|---|",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one warm time of each, five figures")
    parser.add_argument("--runs", type=int, help="5000, or 1000 with --quick")
    parser.add_argument("--write", action="store_true", help="keep it in bench/results")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    rounds, figures = (1, 5) if chosen.quick else (3, 24)
    lines = heading(os.getloadavg()[0])
    if not chosen.json:
        print("\n".join(lines), flush=True)
    rows = []
    for one in measure(
        chosen.runs or (1000 if chosen.quick else 5000), rounds=rounds, figures=figures
    ):
        rows.append(one)
        if not chosen.json:
            print(one, flush=True)
    if chosen.json:
        missed = [f"{one.what}, {one.store}" for one in rows if not one.is_ok]
        print(json.dumps({"rows": [asdict(one) for one in rows], "missed": missed}, indent=1))
    if chosen.write:
        device = "".join(c if c.isalnum() else "-" for c in str(device_name("cpu")).lower())
        text = "\n".join(["# The app by the clock", "", *lines, *map(str, rows), ""])
        (Path(__file__).parent / "results" / f"{device}-app.md").write_text(text)


if __name__ == "__main__":
    main()
