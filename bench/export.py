"""20 figures as PDF for a paper: at most 10 s with Chrome, its start included.

    python -m bench.export [--quick] [--json]

The figures are those of `ict.figures.samples`, in the style `cvpr`; `--quick` draws five of them.
"""

import time
from typing import Any

from bench.asked import report
from ict.figures import browser, samples
from ict.figures.export import FigureBundle, export, export_all, missing_formats

LIMIT_SECONDS = 10.0


def measure(figures: int, style: str = "cvpr") -> dict[str, Any]:
    """Seconds for `figures` PDFs, the start of the browser in it and alone."""
    drawn = list(samples.figures("light").items())[:figures]
    if (why := missing_formats()) is not None:
        return {"figures": 0, "error": why}
    started = time.perf_counter()
    export(FigureBundle("first", drawn[0][1]), style, ("pdf",))
    first = time.perf_counter() - started
    export_all([FigureBundle(name, figure) for name, figure in drawn[1:]], style, ("pdf",))
    seconds = time.perf_counter() - started
    browser.stop()
    return {
        "figures": len(drawn),
        "style": style,
        "seconds": seconds,
        "first_figure_seconds": first,
        "seconds_a_figure": (seconds - first) / max(len(drawn) - 1, 1),
        "limit_seconds": LIMIT_SECONDS,
    }


if __name__ == "__main__":
    report(__doc__, lambda quick: measure(5 if quick else 20))
