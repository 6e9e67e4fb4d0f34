"""The table behind a figure, as CSV and as a LaTeX table for `booktabs`. Same table, same bytes."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ict.analysis.groups import over_seeds
from ict.analysis.standings import Standing
from ict.analysis.verdicts import TO_THE_HIGHEST
from ict.documents.number_words import number_words, share_words
from ict.store.run_rows import as_rows

Best = Mapping[str, str]  # column → "max" or "min"
PUBLISHED = "published"
_FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?%?")
_SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "–": "--", "−": "$-$", "×": r"$\times$", "±": r"$\pm$", "²": r"$^2$", "₂": r"$_2$",
    "·": r"$\cdot$", "κ": r"$\kappa$", "Σ": r"$\Sigma$", "≤": r"$\leq$", "≥": r"$\geq$",
    "′": r"$'$", "’": "'", "…": r"\dots{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': "''",
}  # fmt: skip


def to_csv(table: pd.DataFrame) -> bytes:
    """UTF-8, comma, header, `\\n`; numbers in full precision, a missing one empty, lists by ';'.

    Text that a spreadsheet would take for a formula gets an apostrophe before it (`plain_cell`).
    """
    safe = table.copy()
    for place, name in enumerate(table.columns):
        if not pd.api.types.is_numeric_dtype(table[name]):
            safe.isetitem(place, table[name].map(_csv_cell))
    safe.columns = [plain_cell(str(name)) for name in table.columns]
    return safe.to_csv(index=False, lineterminator="\n").encode("utf-8", "replace")


def plain_cell(text: str) -> str:
    """`text` so that no spreadsheet computes it: an apostrophe before a start of =, +, -, @, a tab
    or a line's end, in their full-width forms too. A number, also a negative one, stays as it is."""
    formula = text.lstrip(" ")[:1] in _FORMULA_STARTS and not _NUMBER.fullmatch(text)
    return f"'{text}" if text.strip(" ") and formula else text


def _csv_cell(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return ";".join(_csv_cell(str(one)) for one in value)
    if isinstance(value, str):  # a carriage return alone is not quoted, and would start a new row
        return plain_cell(value).replace("\r\n", "\n").replace("\r", "\n")
    return value


def escape(text: str) -> str:
    """Text as LaTeX prints it, on one line, as a blank one would end a caption."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    start = "{}" if line[:1] in ("[", "*") else ""  # after `\\\\` they would be its argument
    return start + "".join(_SPECIAL.get(letter, letter) for letter in line)


def latex_label(name: str) -> str:
    """`name` as a `\\label` takes it under any package: letters, digits and hyphens."""
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-") or "table"


def to_latex(
    table: pd.DataFrame,
    *,
    caption: str,
    label: str,
    best: Best | None = None,
    digits: Mapping[str, int] | None = None,
    standings: Sequence[Standing] = (),
) -> str:
    """A `table` environment with booktabs rules; needs `\\usepackage{booktabs}` and nothing else.

    The best value of each column in `best` is bold, the second underlined (ties share). With
    `standings` (one a row) a `mean` is bold only where it differs from all others, and what is
    equivalent to the highest carries a dagger. A column
    `mean` (or `x_mean`) with `low` and `high` beside it is one column with the 95 % interval in
    brackets. Rows whose `source` is "published" carry a dagger, explained below the table.
    """
    shown = _without_lists(table)
    marked = shown["source"].eq(PUBLISHED) if "source" in shown else pd.Series(False, shown.index)
    ends = _interval_columns(shown)
    hidden = {"source", *(end for pair in ends.values() for end in pair)}
    names = [name for name in shown.columns if name not in hidden]
    if "source" in shown and not marked.any():
        names = [n for n in shown.columns if n not in hidden - {"source"}]
    best = {n: how for n, how in (best or {}).items() if n != "mean" or not standings}
    columns = {
        name: _cells(shown, name, ends.get(name), best.get(name), (digits or {}).get(name))
        for name in names
    }
    if standings and "mean" in columns:
        columns["mean"] = list(map(_standing, columns["mean"], standings))
    daggers = [r"$^{\dagger}$" if mark else "" for mark in marked]
    columns[names[0]] = list(map(str.__add__, columns[names[0]], daggers))
    kinds = "".join("r" if pd.api.types.is_numeric_dtype(shown[name]) else "l" for name in names)
    head = " & ".join(escape(_title(name, name in ends)) for name in names)
    lines = [" & ".join(columns[name][i] for name in names) + r" \\" for i in range(len(shown))]
    notes = ["published"] if marked.any() else []
    notes += [TO_THE_HIGHEST] if "equivalent" in standings else []
    note = [rf"\\[2pt] {{\footnotesize $^{{\dagger}}$ {', '.join(notes)}}}"] if notes else []
    return "\n".join(
        [
            "% needs \\usepackage{booktabs}",
            r"\begin{table}[t]",
            r"\centering",
            rf"\caption{{{escape(caption)}}}",
            rf"\label{{{label}}}",
            rf"\begin{{tabular}}{{{kinds}}}",
            r"\toprule",
            head + r" \\",
            r"\midrule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            *note,
            r"\end{table}",
            "",
        ]
    )


def _standing(cell: str, standing: Standing) -> str:
    """A mean as bold or with a dagger; its interval stays as it is."""
    number, brace, interval = cell.partition(" {")
    if standing == "best":
        number = rf"\textbf{{{number}}}"
    elif standing == "equivalent":
        number += r"$^{\dagger}$"
    return number + brace + interval


def _without_lists(table: pd.DataFrame) -> pd.DataFrame:
    """Columns of lists (run ids) have no place in a printed table."""
    kept = [
        n for n in table if not table[n].map(lambda v: isinstance(v, (list, tuple, dict))).any()
    ]
    return table[kept].reset_index(drop=True)


def _interval_columns(table: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """`mean` → (low, high), `x_mean` → (x_low, x_high), where all three are there."""
    columns = {}
    for name in table.columns:
        stem = (
            "" if name == "mean" else name.removesuffix("mean") if name.endswith("_mean") else None
        )
        if stem is not None and {f"{stem}low", f"{stem}high"} <= set(table.columns):
            columns[name] = (f"{stem}low", f"{stem}high")
    return columns


def _cells(
    table: pd.DataFrame,
    name: str,
    ends: tuple[str, str] | None,
    best: str | None,
    digits: int | None,
) -> list[str]:
    values = table[name]
    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        return [escape("--" if pd.isna(v) else str(v)) for v in values]
    if name == "ratio":
        return [_fraction(value) for value in values]
    places = digits if digits is not None else _DIGITS.get(name, _places(values))
    first, second = _leaders(values.round(places), best)
    cells = []
    for i, value in enumerate(values):
        text = _number(value, places)
        rounded = round(float(value), places) if pd.notna(value) else np.nan
        if first is not None and rounded == first:
            text = rf"\textbf{{{text}}}"
        elif second is not None and rounded == second:
            text = rf"\underline{{{text}}}"
        if ends is not None and pd.notna(table[ends[0]].iloc[i]):
            low, high = (_number(table[end].iloc[i], places) for end in ends)
            text += rf" {{\scriptsize [{low}, {high}]}}"
        cells.append(text)
    return cells


_DIGITS = {"mean_of_tasks": 2, "mean_of_groups": 2}  # as papers print VTAB-1K's averages


def _fraction(ratio: Any) -> str:
    """K/D as 1/8 where it is one."""
    return "--" if pd.isna(ratio) else share_words(ratio)


def _leaders(values: pd.Series, best: str | None) -> tuple[float | None, float | None]:
    if best is None:
        return None, None
    distinct = sorted(set(values.dropna()), reverse=best == "max")
    return (distinct[0] if distinct else None), (distinct[1] if len(distinct) > 1 else None)


def _places(values: pd.Series) -> int:
    numbers = values.dropna().astype(float)
    if numbers.empty or (numbers == numbers.round()).all():
        return 0
    largest = float(numbers.abs().max())
    return 1 if largest >= 10 else 2 if largest >= 1 else 3


def _number(value: Any, places: int) -> str:
    if pd.isna(value):
        return "--"
    text = (
        f"{float(value):,.{places}f}" if abs(float(value)) >= 1e4 else f"{float(value):.{places}f}"
    )
    return f"$-${text[1:]}" if text.startswith("-") else text


_TITLES = {
    "k": "$K$", "n": "$n$", "ratio": "$K/D$", "mean": "mean", "sd": "sd", "series": "series",
    "mean_of_tasks": "mean of tasks", "mean_of_groups": "mean of groups",
}  # fmt: skip


def _title(name: str, with_interval: bool) -> str:
    words = _TITLES.get(name, name.replace("_", " ")).replace("$", "")
    return f"{words} [95 % interval]" if with_interval else words


def grouped_accuracy(table: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Rows of single runs with `accuracy` (a fraction) as mean, low, high in percent, and n."""
    percent = table.assign(percent=100 * table["accuracy"].astype(float))
    rows = as_rows(percent.to_dict("records"))
    return pd.DataFrame(
        [
            {
                **group.setting,
                "mean": group.interval.mean,
                "low": group.interval.low,
                "high": group.interval.high,
                "n": group.n,
            }
            for group in over_seeds(rows, by=by, value="percent", ends=(0.0, 100.0))
        ]
    )


def readable_cells(table: pd.DataFrame) -> list[list[str]]:
    """A table as rows of text for a page, the header first: four digits, a missing value a dash."""
    shown = _without_lists(table)
    if "ratio" in shown:
        shown = shown.assign(ratio=[v if pd.isna(v) else share_words(v) for v in shown["ratio"]])
        shown = shown.rename(columns={"ratio": "K/D"})
    rows = shown.itertuples(index=False, name=None)
    return [[str(name) for name in shown.columns], *([_readable(v) for v in row] for row in rows)]


def _readable(value: Any) -> str:
    if pd.isna(value):
        return "–"
    if isinstance(value, float):  # NumPy's double is one
        return number_words(value, ",.0f" if abs(value) >= 1e4 else ".4g")
    return str(value)
