"""The report of `ict data check` as text for a terminal."""

from typing import Any

from ict.tasks.pictures import said


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
        *(f"  {line}" for line in said(report)),
    ]
    for problem in report["problems"]:
        where = problem["file"] + (f", line {problem['line']}" if problem["line"] else "")
        lines.append(f"  {problem['severity']:8}{where}: {problem['message']}")
    return "\n".join(lines)
