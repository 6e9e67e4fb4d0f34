"""The app on a store of 500 runs: first paint ≤ 3 s, page switch ≤ 0.7 s, K slider ≤ 0.3 s.

    python -m bench.app [--quick] [--json]

Served by `streamlit run` from another directory and driven by a real browser. First paint: until
the heading of *Train* stands, of a server that just started. Switch: from the click to the heading
of the page. Slider: from the key to the new number of chosen channels. Wall-clock seconds, medians
of 3 (`--quick`: 1).
"""

import argparse
import json
import statistics
from typing import Any

from bench.own_store import own_store
from tests.app import fixture_store
from tests.app.served import Server, Visitor, browser

LIMITS = {"first_paint": 3.0, "switch": 0.7, "slider": 0.3}
PAGES = ("Curves", "Channels", "Overlap", "Inspect", "Ablation", "Benchmark", "Data", "Train")


def slider(visitor: Visitor) -> float:
    """Seconds from a press of the right arrow on K to the changed number, seen by the browser."""
    page = visitor.page
    page.get_by_role("slider").first.focus()
    return float(
        page.evaluate(
            """async () => {
              const shown = () => [...document.querySelectorAll('[data-testid=stMetricValue]')]
                .map(cell => cell.innerText).join('|');
              const before = shown(), thumb = document.activeElement, start = performance.now();
              thumb.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight', bubbles: true}));
              thumb.dispatchEvent(new KeyboardEvent('keyup', {key: 'ArrowRight', bubbles: true}));
              while (shown() === before && performance.now() - start < 20000)
                await new Promise(done => setTimeout(done, 5));
              return (performance.now() - start) / 1000;
            }"""
        )
    )


def measure(rounds: int) -> dict[str, Any]:
    """Medians in seconds, and the switch to each page."""
    with own_store() as store, browser() as chrome:
        fixture_store.add_many(store)
        fixture_store.tiny_study(store)
        paints: list[float] = []
        switches: dict[str, list[float]] = {page: [] for page in PAGES}
        slides: list[float] = []
        for _ in range(rounds):
            server = Server(store.root, store.root.parent)
            try:
                visitor = Visitor(chrome, server.url)
                paints.append(visitor.open("/"))
                visitor.settle()
                for page in PAGES * 2:
                    switches[page].append(visitor.switch(page))
                    visitor.settle()
                visitor.switch("Channels")
                visitor.settle()
                for _ in range(3):
                    slides.append(slider(visitor))
                    visitor.settle()
                visitor.context.close()
            finally:
                server.stop()
    by_page = {page: round(statistics.median(times), 2) for page, times in switches.items()}
    seconds = {
        "first_paint": round(statistics.median(paints), 2),
        "switch": round(statistics.median(by_page.values()), 2),
        "slider": round(statistics.median(slides), 2),
    }
    missed = [name for name, limit in LIMITS.items() if seconds[name] > limit]
    return {"runs": 500, "rounds": rounds, **seconds, "by_page": by_page, "limits": LIMITS,
            "missed": missed}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one round")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    report = measure(1 if chosen.quick else 3)
    if chosen.json:
        print(json.dumps(report, indent=1))
        return
    for name, limit in LIMITS.items():
        print(f"{name:12} {report[name]:6.2f} s   limit {limit} s")
    for page, seconds in report["by_page"].items():
        print(f"  to {page:10} {seconds:6.2f} s")


if __name__ == "__main__":
    main()
