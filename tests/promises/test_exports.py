"""Exports: no script but ours, cells that no spreadsheet computes, and what a figure says of itself."""

import csv
import html
import io
import json
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from click.testing import CliRunner
from plotly.io.json import to_json_plotly

from ict.cli import main
from ict.figures.export import FigureBundle, export
from ict.scores import ChannelScores, load_scores, to_bytes
from ict.store import Store
from tests.figure_store import DOCUMENT, filled

PLANTED = """<img src=x onerror="document.title='planted'">"""
promise = pytest.mark.promise


def ict(*words: str, code: int = 0) -> Any:
    result = CliRunner().invoke(main, list(words))
    assert result.exit_code == code, result.output + str(result.exception)
    return result


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    served = pytest.importorskip("tests.app.served")
    with served.browser() as found:
        yield found


def plant(store: Store) -> None:
    """A study whose title and task are handlers, and the backbone of its linear runs."""
    study = filled(store)
    for run_id in study.run_ids:
        path = store.run(run_id).path / "config.json"
        config = json.loads(path.read_text())
        fields = config.get("config", config)
        fields["task"] = PLANTED
        if fields["method"] == "linear":
            fields["backbone"] = PLANTED
        path.write_text(json.dumps(config))
    path = study.path if study.path.is_file() else study.path / "study.json"
    record = json.loads(path.read_text())
    record.get("document", record)["title"] = PLANTED
    path.write_text(json.dumps(record))


def opened(chromium: Any, page: Path) -> tuple[Any, list[str]]:
    """The page in the real browser, and every error on its console."""
    context = chromium.new_context()
    tab, errors = context.new_page(), []
    tab.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.goto(page.as_uri())
    tab.wait_for_timeout(700)
    return tab, errors


@promise("A task or backbone called <img src=x onerror=…> does not run in the exported report.")
def test_a_planted_handler_does_not_fire_in_the_report(store, tmp_path, chromium):
    plant(store)
    out = tmp_path / "report.html"
    ict("report", DOCUMENT["name"], "--out", str(out))
    assert "onerror" in out.read_text()  # it is there, as text
    tab, errors = opened(chromium, out)
    assert tab.title() != "planted"
    assert not tab.query_selector_all("img[onerror]")
    assert not errors
    assert len(tab.query_selector_all(".js-plotly-plot .main-svg")) > 0


def test_html_page_draws_under_its_policy(tmp_path, chromium):
    """Not a promise by itself: the test below plants into the same page."""
    out = tmp_path / "figure.html"
    out.write_bytes(next(iter(export(bundle(), formats=("html",)).values())))
    tab, errors = opened(chromium, out)
    assert not errors
    assert len(tab.query_selector_all(".js-plotly-plot .point")) == 2
    assert tab.inner_text("figcaption") == PLANTED


def bundle(**changed: Any) -> FigureBundle:
    figure = go.Figure(go.Bar(x=[PLANTED, "b"], y=[1, 2], name=PLANTED))
    return FigureBundle(**{"name": "mine", "figure": figure, "caption": PLANTED, **changed})


@promise("A handler that is planted into an exported page by any means is stopped by its policy.")
@pytest.mark.parametrize("where", ["report", "figure"])
def test_the_policy_stops_a_handler_that_is_in_the_page(where, store, tmp_path, chromium):
    out = tmp_path / "page.html"
    if where == "figure":
        out.write_bytes(next(iter(export(bundle(), formats=("html",)).values())))
    else:
        filled(store)
        ict("report", DOCUMENT["name"], "--out", str(out))
    script = "<script>document.title='planted'</script>"
    out.write_text(out.read_text().replace("</body>", f"{PLANTED}{script}</body>"))
    tab, _ = opened(chromium, out)
    assert tab.query_selector_all("img[onerror]")  # the handler is in the page
    assert tab.title() != "planted"
    assert len(tab.query_selector_all(".js-plotly-plot .main-svg")) > 0
    policy = tab.get_attribute('meta[http-equiv="Content-Security-Policy"]', "content")
    assert policy.startswith("default-src 'none'")
    scripts = next(part for part in policy.split(";") if "script-src" in part)
    assert re.fullmatch(r"( 'sha256-[\w+/=]+')+", scripts.replace(" script-src", ""))


FORMULAS = ("=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1+1", "\r=1+1", "a\r=1+1", "=cmd|' /C calc'!A0")


@promise("Text cells of a CSV that begin with = + - @, a tab or a carriage return are neutralised.")
def test_no_cell_of_a_csv_is_a_formula():
    table = pd.DataFrame({"method": FORMULAS, "=1+1": [["=2", "b"]] * len(FORMULAS)})
    content = export(bundle(table=table), formats=("csv",))["mine.csv"].decode()
    rows = list(csv.reader(io.StringIO(content.replace("\r", "\n\r"), newline="")))
    cells = [cell for row in rows for cell in row]
    assert len(rows) == 1 + len(FORMULAS)
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@", "\t", "\r")]


@promise("Numbers of a CSV stay numbers: a negative one is no text.")
def test_numbers_of_a_csv_stay_numbers():
    mixed = pd.Series([-1.5, "=x", None, -7], dtype=object)
    table = pd.DataFrame({"difference": [-0.25, -1e-9, 3.0, np.nan], "mixed": mixed})
    content = export(bundle(table=table), formats=("csv",))["mine.csv"].decode()
    lines = [line.split(",") for line in content.splitlines()]
    assert [float(line[0]) for line in lines[1:4]] == [-0.25, -1e-9, 3.0]
    assert [line[1] for line in lines[1:]] == ["-1.5", "'=x", "", "-7"]


ROOT = Path(__file__).parents[2]
PAGES = {
    "curves": {"smooth": "3", "metric": "train_loss"},
    "run": {},
    "ablation": {},
    "benchmark": {"average": "mean_of_groups"},
    "channels": {"view": "rank", "block": "2", "behind": "Energy"},
    "channels of two": {
        "of": "digits-ict_tiny-class_l2-attn-9f9ee0513a6d", "order": "lowest", "k": "5",
        "with": "sprites_loc-ict_tiny-class_l2-attn-d4554f6c696a", "behind": "Stability",
    },
    "inspect": {"block": "1"},
    "overlap": {"in_block": "3", "measure": "jaccard"},
    "overlap at every K": {"pair_as": "At every K", "block": "4"},
    "criteria": {"agree": "top K", "effect_in": "1"},
    "transfer": {},
}  # fmt: skip
NAMED = {
    "curves": ["study:k_ratio_digits"], "k-ratio": ["study:k_ratio_digits"], "benchmark": [],
    "parameters": [], "score-map": ["digits"], "block-profile": ["digits", "--block", "3"],
    "overlap": ["digits", "count"], "overlap-lines": ["digits", "count"],
    "dendrogram": ["digits", "count"], "stability": ["digits"], "energy": ["digits"],
    "class-profile": ["digits", "--block", "2", "--channel", "7"],
    "class-map": ["count", "--block", "1", "--k", "9"],
    "score-histogram": ["count", "--channel", "3"],
    "shared-channels": ["digits", "count", "--order", "lowest"],
    "overlap-at-k": ["digits", "count", "--block", "5"],
    "overlap-against-n": ["digits", "count"],
}  # fmt: skip


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


def redrawn(provenance: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The figure that the command of a provenance draws."""
    words = shlex.split(provenance["command"])
    assert words[:2] == ["ict", "figure"]
    out = folder / "redrawn.html"
    ict(*words[1:], "--out", str(out), "--force")
    return drawn(out.read_text())


def check_says_what_it_shows(provenance: dict[str, Any]) -> None:
    ids = [provenance.get(f"{kind}_ids") for kind in ("run", "score", "causal", "inspect")]
    assert any(ids) or provenance.get("published"), "no run, no score, no published source"
    if any(ids):
        lacking = [x for x in ("task", "backbone", "site", "n", "command") if not provenance.get(x)]
        assert not lacking, f"the provenance does not say {', '.join(lacking)}"


@pytest.fixture
def example(tmp_path, monkeypatch) -> Path:
    """A copy of the example store, as the user's own."""
    root = shutil.copytree(ROOT / "assets" / "example_store", tmp_path / "example")
    monkeypatch.setenv("ICT_STORE", str(root))
    return root


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
    return dict(app.session_state["basket"])


@promise("Every figure that a page exports says what it shows, and is redrawn by its own command.")
@pytest.mark.parametrize("page", PAGES)
def test_exports_of_pages_are_redrawn(page, example, tmp_path):
    bundles = exported(page, **PAGES[page])
    assert bundles
    for name, one in bundles.items():
        written = json.loads(export(one, formats=("json",))[f"{one.name}.json"])
        assert "command" in written, f"{name} has no command"
        check_says_what_it_shows(written)
        figure = json.loads(to_json_plotly(one.figure.to_plotly_json()))
        assert redrawn(written, tmp_path) == bare(figure), name


def sources(store: Store, words: list[str]) -> list[str]:
    ids = {task: f"{task}-ict_tiny-class_l2-attn-0123456789ab" for task in ("digits", "count")}
    return [ids.get(word, word) for word in words]


@promise("Every figure of `ict figure` says what it shows, and is redrawn by its own command.")
@pytest.mark.parametrize("name", NAMED)
def test_figures_are_redrawn(name, store, tmp_path):
    filled(store)
    out = tmp_path / "once.html"
    words = ("figure", name, *sources(store, NAMED[name]))
    ict(*words, "--out", str(out))
    page = out.read_text()
    written = json.loads(html.unescape(page.rpartition("<pre>")[2].partition("</pre>")[0]))
    check_says_what_it_shows(written)
    assert redrawn(written, tmp_path) == drawn(page)


LINK = '<a href="https://elsewhere.example">{}</a><b>'


def rename(store: Store) -> None:
    """Every task is called by a name that Plotly would take for a link."""
    study = filled(store)
    files = [store.run(run_id).path / "config.json" for run_id in study.run_ids]
    for path in (*files, *store.root.glob("scores/*/meta.json")):
        record = json.loads(path.read_text())
        fields = record.get("config", record)
        fields["task"] = LINK.format(fields["task"])
        path.write_text(json.dumps(record))
    for path in store.root.glob("scores/*/scores.safetensors"):
        found = load_scores(path)
        meta = json.loads((path.parent / "meta.json").read_text())
        path.write_bytes(to_bytes(ChannelScores(found.arrays, meta, found.labels)))


@promise(
    "Names with markup are text in every figure: no link and no bold that a name brought along."
)
@pytest.mark.parametrize("name", NAMED)
def test_names_bring_no_markup_into_a_figure(name, store, tmp_path):
    rename(store)
    out = tmp_path / "f.html"
    ict("figure", name, *sources(store, NAMED[name]), "--out", str(out), "--force")
    figure = drawn(out.read_text())
    for trace in figure["data"]:
        trace.pop("customdata", None)
    figure["layout"].pop("meta", None)
    text = json.dumps(figure)
    assert "<a " not in text
    assert "<b>" not in text
    if name in ("overlap", "dendrogram"):
        assert "&lt;a href" in text  # the name is there, as text


@promise("A figure of one task's scores lists no run and no score of another task.")
@pytest.mark.parametrize("name", ["score-map", "block-profile", "energy", "stability"])
def test_provenance_holds_what_is_drawn_and_nothing_else(name, store, tmp_path):
    study, out = filled(store), tmp_path / "f.json"
    scores = sources(store, ["count"])
    named = [*study.run_ids[:3], *scores]
    ict("figure", name, *named, "--task", "count", "--out", str(out))
    written = json.loads(out.read_text())
    assert written["score_ids"] == scores
    assert written["run_ids"] == []
    assert written["seeds"] == []


@promise(
    "Runs that were asked for and are not drawn are named: in the caption, the provenance, on stderr."
)
@pytest.mark.parametrize("name", ["benchmark", "parameters"])
def test_a_figure_says_what_it_leaves_out(name, store, tmp_path):
    study, out = filled(store), tmp_path / "f.json"
    result = ict("figure", name, "--task", "digits", "--out", str(out))
    written = json.loads(out.read_text())
    done = set(study.run_ids[:-1])
    assert written["run_ids"] == []
    left = written.get("left_out", {})
    assert done <= {run_id for ids in left.values() for run_id in ids}
    assert "Left out" in written["caption"]
    assert f"{len(done)} (no VTAB-1K task)" in result.stderr


@promise("A figure that draws one of several score files, or finished runs only, says so.")
@pytest.mark.parametrize("name", ["score-map", "k-ratio", "curves"])
def test_runs_beside_the_drawn_ones_are_said(name, store, tmp_path):
    study, out = filled(store), tmp_path / "f.json"
    named = [*sources(store, ["count"]), "study:k_ratio_digits"]
    named = named if name == "score-map" else named[1:]
    result = ict("figure", name, *named, "--out", str(out))
    written = json.loads(out.read_text())
    left = {one for ids in written.get("left_out", {}).values() for one in ids}
    unfinished = study.run_ids[-1]
    assert unfinished in left
    assert "Left out" in result.stderr
    assert not left & set(written["run_ids"])
    if name == "score-map":
        assert set(study.run_ids) <= left


@promise("Captions name what is drawn: weights are those of channels, not of classes.")
def test_a_caption_of_weights_counts_channels(example):
    bundles = exported("inspect")
    captions = [one.caption_text for name, one in bundles.items() if "weights" in name]
    assert len(captions) == 2
    assert all("of 24 channels" in caption for caption in captions)
    assert not any("classes" in caption for caption in captions)


@promise("Captions of causal figures tell on how many images they were measured.")
def test_captions_of_causal_figures_tell_n(example):
    bundles = exported("criteria")
    captions = {name: one.caption_text for name, one in bundles.items()}
    for name in ("causal-deletion", "causal-insertion", "score-effect", "effect-by-block"):
        assert "n = 200 images" in captions[name], captions[name]


@promise("Published numbers are drawn with their source.")
@pytest.mark.parametrize("name", ["benchmark", "parameters"])
def test_published_numbers_name_their_source(name, store, tmp_path):
    out = tmp_path / "f.json"
    ict("figure", name, "--out", str(out))
    assert "V-PETL Bench" in json.loads(out.read_text())["caption"]


@promise("LaTeX tables are summaries: no figure prints a row a channel, an epoch or an image.")
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


@promise("Names are escaped in LaTeX, and labels hold none that it would not take.")
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
