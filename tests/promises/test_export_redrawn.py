"""Exported figures are redrawn by their own command, and names in them are text."""

import html
import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from plotly.io.json import to_json_plotly

from ict.figures.export import export
from ict.scores import ChannelScores, load_scores, to_bytes
from ict.store import Store
from tests.figure_store import filled
from tests.promises.exported import NAMED, bare, drawn, exported, ict, sources

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
    "channels made of": {"behind": "Made of", "k": "9"},
    "inspect": {"block": "1"},
    "overlap": {"in_block": "3", "measure": "jaccard"},
    "overlap at every K": {"pair_as": "At every K", "block": "4"},
    "criteria": {"agree": "top K", "effect_in": "1"},
    "transfer": {},
}  # fmt: skip


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


@pytest.mark.promise(
    "Every figure that a page exports says what it shows, and is redrawn by its own command."
)
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


@pytest.mark.promise(
    "Every figure of `ict figure` says what it shows, and is redrawn by its own command."
)
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


@pytest.mark.promise(
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
