"""20 figures as PDF, and 24 in all formats as one zip: each at most 10 s, the start of Chrome included.

    python -m bench.export [--quick] [--json]

The figures are those of `ict.figures.samples`, in the style `cvpr`; `--quick` draws five of them.
"""

import time
from typing import Any

from bench.asked import report
from ict.figures import browser, samples
from ict.figures.export import FigureBundle, export, export_all, missing_formats

LIMIT_SECONDS = 10.0


def measure(figures: int, in_zip: int, style: str = "cvpr") -> dict[str, Any]:
    """Seconds for `figures` PDFs, the start of the browser in it and alone, and for a zip of all formats."""
    drawn = list(samples.figures("light").items())
    if (why := missing_formats()) is not None:
        return {"figures": 0, "error": why}
    asked = drawn[:figures]
    started = time.perf_counter()
    export(FigureBundle("first", asked[0][1]), style, ("pdf",))
    first = time.perf_counter() - started
    export_all([FigureBundle(name, figure) for name, figure in asked[1:]], style, ("pdf",))
    seconds = time.perf_counter() - started
    browser.stop()
    started = time.perf_counter()
    table = samples.ratio_table()
    packed = export_all([FigureBundle(name, one, table) for name, one in drawn[:in_zip]], style)
    zip_seconds = time.perf_counter() - started
    browser.stop()
    return {
        "figures": len(asked),
        "style": style,
        "seconds": seconds,
        "first_figure_seconds": first,
        "seconds_a_figure": (seconds - first) / max(len(asked) - 1, 1),
        "figures_in_zip": min(in_zip, len(drawn)),
        "zip_seconds": zip_seconds,
        "zip_bytes": len(packed),
        "limit_seconds": LIMIT_SECONDS,
    }


if __name__ == "__main__":
    report(__doc__, lambda quick: measure(5, 5) if quick else measure(20, 24))
