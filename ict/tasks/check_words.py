"""The report of `ict data check` as text for a terminal."""

from typing import Any, Final

from ict.tasks.pictures import said

_FEW: Final = 200
"""Test images below which one of them is more than half a point."""


def _few(images: int) -> list[str]:
    """What one image of a small test set is worth."""
    if not 0 < images < _FEW:
        return []
    return [f"{images} test image{'s' * (images != 1)}: one image is {100 / images:.1f} points"]


def readable(report: dict[str, Any]) -> str:
    """The report as text for a terminal."""
    expected = report["expected"] or {}
    counts = [
        f"{split} {count}"
        + (f" of {expected[split]}" if expected.get(split, count) != count else "")
        for split, count in report["counts"].items()
    ]
    state = "sound" if report["ok"] else "not usable as it is"
    own = "a test set of its own" if report["expected"] is None else "not the official test set"
    tests = "official counts" if report["official"] else own
    majority = report["majority_share"]["test"]
    share = "" if majority is None else f"; largest test class {100 * majority:.1f} %"
    lines = [
        f"{report['task']}: {state}, {report['errors']} errors, {report['warnings']} warnings",
        f"  {report['path']}",
        f"  {', '.join(counts)}; {report['classes']} classes; {tests}{share}",
        *(f"  {line}" for line in [*_few(report["counts"].get("test", 0)), *said(report)]),
    ]
    for problem in report["problems"]:
        where = problem["file"] + (f", line {problem['line']}" if problem["line"] else "")
        lines.append(f"  {problem['severity']:8}{where}: {problem['message']}")
    return "\n".join(lines)
