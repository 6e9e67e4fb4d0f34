"""Executes a notebook as Jupyter would, without it, and writes what its cells gave into it.

    python -m docs.notebook FILE [--check]

A Plotly figure is kept twice: as itself, and as a PNG for where nothing draws it (Chrome makes it).
With --check nothing is drawn or written: the cells run, and an error in one ends the program.
"""

import argparse
import ast
import base64
import contextlib
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import ict


def executed(notebook: dict[str, Any], *, pictures: bool) -> dict[str, Any]:
    """The notebook with the outputs of its code cells, which share one namespace."""
    names: dict[str, Any] = {"__name__": "__main__"}
    cells, number = [], 0
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            cells.append(cell)
            continue
        number += 1
        outputs = _run("".join(cell["source"]), names, number, pictures=pictures)
        cells.append({**cell, "execution_count": number, "outputs": outputs})
    return {**notebook, "cells": cells}


def _run(
    source: str, names: dict[str, Any], number: int, *, pictures: bool
) -> list[dict[str, Any]]:
    """What a cell prints, and the value of its last line if that is an expression."""
    tree = ast.parse(source)
    shown = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed, value = io.StringIO(), None
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, f"cell {number}", "exec"), names)
        if isinstance(shown, ast.Expr):
            value = eval(compile(ast.Expression(shown.value), f"cell {number}", "eval"), names)
    outputs: list[dict[str, Any]] = []
    if printed.getvalue():
        text = _lines(printed.getvalue())
        outputs.append({"output_type": "stream", "name": "stdout", "text": text})
    if value is not None:
        result = {"output_type": "execute_result", "execution_count": number, "metadata": {}}
        outputs.append({**result, "data": _forms(value, pictures=pictures)})
    return outputs


def _forms(value: Any, *, pictures: bool) -> dict[str, Any]:
    """A value by kind of text: plain, HTML, a figure's own JSON and its PNG."""
    if hasattr(value, "to_plotly_json"):
        forms: dict[str, Any] = {
            "text/plain": [f"{type(value).__name__}: {value.layout.meta['caption']}"]
        }
        if pictures:
            forms["image/png"] = _png(value)
            forms["application/vnd.plotly.v1+json"] = json.loads(value.to_json())
        return forms
    forms = {"text/plain": _lines(repr(value))}
    if hasattr(value, "_repr_html_"):
        forms["text/html"] = _lines(value._repr_html_())
    return forms


def _png(figure: Any) -> str:
    with tempfile.TemporaryDirectory() as folder:
        drawn = ict.export(figure, Path(folder) / "figure.png", style="iclr")
        return base64.b64encode(drawn.read_bytes()).decode()


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m docs.notebook", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--check", action="store_true", help="run the cells, write nothing")
    chosen = parser.parse_args()
    notebook = json.loads(chosen.file.read_text(encoding="utf-8"))
    done = executed(notebook, pictures=not chosen.check)
    if not chosen.check:
        text = json.dumps(done, indent=1, ensure_ascii=False) + "\n"
        chosen.file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
