"""What is exported, by commands and by pages: the files of a figure, and what they draw."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import pytest
from click.testing import CliRunner

from ict.cli import main
from ict.figures.export import FigureBundle
from ict.store import Store
from tests.figure_store import collected_figures

ROOT = Path(__file__).parents[2]
PLANTED = """<img src=x onerror="document.title='planted'">"""
# Figures of `ict figure`, each with what it is asked of: `sources` gives scores of a task their ids.
NAMED = {
    "curves": ["study:k_ratio_digits"], "k-ratio": ["study:k_ratio_digits"], "benchmark": [],
    "parameters": [], "score-map": ["digits"], "block-profile": ["digits", "--block", "3"],
    "overlap": ["digits", "count"], "overlap-lines": ["digits", "count"],
    "dendrogram": ["digits", "count"], "stability": ["digits"], "energy": ["digits"],
    "made-of": ["digits"],
    "class-profile": ["digits", "--block", "2", "--channel", "7"],
    "class-map": ["count", "--block", "1", "--k", "9"],
    "score-histogram": ["count", "--channel", "3"],
    "shared-channels": ["digits", "count", "--order", "lowest"],
    "overlap-at-k": ["digits", "count", "--block", "5"],
    "overlap-against-n": ["digits", "count"],
}  # fmt: skip


def ict(*words: str, code: int = 0) -> Any:
    result = CliRunner().invoke(main, list(words))
    assert result.exit_code == code, result.output + str(result.exception)
    return result


def bundle(**changed: Any) -> FigureBundle:
    figure = go.Figure(go.Bar(x=[PLANTED, "b"], y=[1, 2], name=PLANTED))
    return FigureBundle(**{"name": "mine", "figure": figure, "caption": PLANTED, **changed})


def drawn(page: str) -> dict[str, Any]:
    """What an exported HTML page draws, without the look."""
    last = list(re.finditer(r'Plotly\.newPlot\(\s*"[^"]+",\s*', page))[-1]
    decoder = json.JSONDecoder()
    data, end = decoder.raw_decode(page, last.end())
    layout, _ = decoder.raw_decode(page, re.compile(r"\s*,\s*").match(page, end).end())
    return bare({"data": data, "layout": layout})


def bare(figure: dict[str, Any]) -> dict[str, Any]:
    """A figure without template and title, which are a theme's or a page's."""
    layout = dict(figure["layout"])
    margin = {k: v for k, v in layout.pop("margin", {}).items() if k != "t"}
    layout = {k: v for k, v in layout.items() if k not in ("template", "title")}
    return {"data": figure["data"], "layout": {**layout, "margin": margin}}


def exported(page: str, **query: str) -> dict[str, FigureBundle]:
    """Every figure of a page of the app, put into the basket through its menu."""
    if str(ROOT / "app") not in sys.path:  # as `streamlit run app/main.py` does
        sys.path.insert(0, str(ROOT / "app"))
    testing = pytest.importorskip("streamlit.testing.v1")
    import streamlit as st

    st.cache_data.clear()
    st.cache_resource.clear()
    app = testing.AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=60)
    app.switch_page(str(ROOT / "pages" / f"{page.split(maxsplit=1)[0]}.py"))
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    for button in app.button:
        if str(button.key).startswith("add_"):
            button.click()
    app.run()
    assert not app.exception
    assert not app.error
    return collected_figures()


def sources(store: Store, words: list[str]) -> list[str]:
    ids = {task: f"{task}-ict_tiny-class_l2-attn-0123456789ab" for task in ("digits", "count")}
    return [ids.get(word, word) for word in words]
