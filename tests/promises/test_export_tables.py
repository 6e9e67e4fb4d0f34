"""Exported tables: cells that no spreadsheet computes, and LaTeX that is short and takes every name."""

import csv
import io
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ict.figures.export import export
from ict.store import Store
from tests.figure_store import filled
from tests.promises.exported import NAMED, bundle, ict, sources

FORMULAS = ("=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1+1", "\r=1+1", "a\r=1+1", "=cmd|' /C calc'!A0")


@pytest.mark.promise(
    "Text cells of a CSV that begin with = + - @, a tab or a carriage return are neutralised."
)
def test_no_cell_of_a_csv_is_a_formula():
    table = pd.DataFrame({"method": FORMULAS, "=1+1": [["=2", "b"]] * len(FORMULAS)})
    content = export(bundle(table=table), formats=("csv",))["mine.csv"].decode()
    rows = list(csv.reader(io.StringIO(content.replace("\r", "\n\r"), newline="")))
    cells = [cell for row in rows for cell in row]
    assert len(rows) == 1 + len(FORMULAS)
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@", "\t", "\r")]


@pytest.mark.promise("Numbers of a CSV stay numbers: a negative one is no text.")
def test_numbers_of_a_csv_stay_numbers():
    mixed = pd.Series([-1.5, "=x", None, -7], dtype=object)
    table = pd.DataFrame({"difference": [-0.25, -1e-9, 3.0, np.nan], "mixed": mixed})
    content = export(bundle(table=table), formats=("csv",))["mine.csv"].decode()
    lines = [line.split(",") for line in content.splitlines()]
    assert [float(line[0]) for line in lines[1:4]] == [-0.25, -1e-9, 3.0]
    assert [line[1] for line in lines[1:]] == ["-1.5", "'=x", "", "-7"]


@pytest.mark.promise(
    "LaTeX tables are summaries: no figure prints a row a channel, an epoch or an image."
)
@pytest.mark.parametrize("name", ["curves", "score-map", "block-profile"])
def test_latex_tables_are_summaries(name, store, tmp_path):
    check_latex(name, store, tmp_path)


@pytest.mark.parametrize("name", sorted(set(NAMED) - {"curves", "score-map", "block-profile"}))
def test_other_latex_tables_are_as_short(name, store, tmp_path):
    check_latex(name, store, tmp_path)


def check_latex(name: str, store: Store, tmp_path: Path) -> None:
    filled(store)
    out = tmp_path / "f.tex"
    ict("figure", name, *sources(store, NAMED[name]), "--out", str(out))
    body = out.read_text().partition("\\midrule")[2].partition("\\bottomrule")[0]
    assert 1 <= body.count("\\\\") <= 40


@pytest.mark.promise("Names are escaped in LaTeX, and labels hold none that it would not take.")
def test_names_are_escaped_in_latex(tmp_path):
    names = ["a_b & 50 % #1", "[x] {y} $z$", "* star", "\\input{secret}", "two\n\nlines", '~^<>|"']
    table = pd.DataFrame({"method": names, "a_b": range(len(names))})
    files = export(
        bundle(name="under_score", table=table, caption="\n\n".join(names)), formats=("tex",)
    )
    text = files["under_score.tex"].decode()
    body = text.partition("\\begin{table}")[2]
    assert "\\input{" not in body
    assert "\n\n" not in body
    assert re.search(r"\\label\{[a-z:-]+\}", body)
    rows = body.partition("\\midrule")[2].strip().splitlines()[: len(names)]
    assert not any(row.lstrip()[0] in "[*" for row in rows)  # an argument of the rule or row above
