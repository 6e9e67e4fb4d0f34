"""Collected figures: redrawn from what was kept of them, with their own names, styles and captions."""

import html
import io
import json
import re
import zipfile

import pytest

from ict.errors import InputError
from ict.figures import collected, samples
from ict.figures.asked import Choice, Request
from ict.figures.export import FigureBundle, Printed, export, export_each
from ict.store import basket
from tests.figure_store import filled

FIGURES = samples.figures("light")


@pytest.mark.parametrize(
    "request_",
    [
        Request("curves", ["a b"], Choice(metric="lr", k=(3, 4), pair=("x", "y"), published=False)),
        Request("overlap"),
    ],
)
def test_a_request_comes_back_from_json_as_it_was(request_):
    back = collected.request_of(collected.request_text(request_))
    assert (back.name, list(back.sources), back.choice) == (
        request_.name, list(request_.sources), request_.choice,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"name": "corves", "sources": [], "choice": {}}, "no figure 'corves' in this version"),
        (
            {"name": ["curves"], "sources": [], "choice": {}},
            r"no figure \['curves'\] in this version",
        ),
        ({"name": "curves", "sources": "run", "choice": {}}, "no list of names"),
        ({"name": "curves", "sources": [], "choice": {"colour": 1}}, "not of this version"),
        ({"name": "curves", "sources": [], "choice": {"k": "24"}}, "not of this version"),
        ({"name": "curves", "sources": [], "choice": {"smooth": "2"}}, "not of this version"),
    ],
)
def test_a_request_of_another_version_is_refused_with_what_to_do(form, words):
    with pytest.raises(InputError, match=words):
        collected.request_of(json.dumps(form))


def test_the_zip_has_each_figure_in_its_order_name_style_and_caption(store):
    study = filled(store)
    asked = Request("k-ratio", [f"study:{study.name}"])
    basket.add(store, collected.entry_of(asked, "second"))
    own = basket.add(store, collected.entry_of(Request("curves", study.run_ids[:1]), "first"))
    basket.move(store, own.id, -1)
    basket.edit(store, own.id, style="cvpr", span="text", caption="My words.")
    basket.add(store, collected.entry_of(Request("curves", ["digits-gone-000000"]), "gone"))
    made = collected.export_collected(store, "iclr", ("txt", "json"))
    archive = zipfile.ZipFile(io.BytesIO(made.content))
    assert archive.namelist() == [
        "first/first.txt", "first/first.json", "second/second.txt", "second/second.json",
        "missing-figures.txt",
    ]  # fmt: skip
    assert archive.read("first/first.txt") == b"My words.\n"
    said = [json.loads(archive.read(f"{name}/{name}.json")) for name in ("first", "second")]
    assert [one["style"] for one in said] == ["cvpr", "iclr"]
    assert "--style=cvpr --span=text" in said[0]["command"]
    assert "no run 'digits-gone-000000'" in archive.read("missing-figures.txt").decode()
    assert made.missing.keys() == {"gone"}


def test_an_empty_basket_is_a_sentence(store):
    with pytest.raises(InputError, match="no figure is collected"):
        collected.export_collected(store)


def test_latex_takes_the_file_of_the_zip_at_its_true_size():
    bundle = FigureBundle("k_ratio", FIGURES["k-ratio"], caption="50 % of D_K.")
    assert collected.latex(Printed(bundle, "iclr", "column")).splitlines() == [
        r"\begin{figure}[t]",
        r"  \centering",
        r"  \includegraphics{k_ratio/k_ratio.pdf}",
        r"  \caption{50 \% of D\_K.}",
        r"  \label{fig:k-ratio}",
        r"\end{figure}",
    ]
    assert collected.latex(Printed(bundle, "cvpr", "text")).startswith(r"\begin{figure*}")
    assert collected.latex(Printed(bundle, "iclr", "text")).startswith(r"\begin{figure}")


def test_pages_of_a_zip_share_one_plotly_and_a_page_alone_has_its_own():
    bundles = [FigureBundle(name, FIGURES[name]) for name in ("k-ratio", "histogram")]
    archive = zipfile.ZipFile(io.BytesIO(export_each([Printed(b) for b in bundles], ("html",))))
    assert archive.namelist() == [
        "plotly.min.js",
        "k-ratio/k-ratio.html",
        "histogram/histogram.html",
    ]
    for name in archive.namelist()[1:]:
        text = archive.read(name).decode()
        assert '<script src="../plotly.min.js"></script>' in text
        assert "plotly.js v" not in text
        allowed = re.search(r"script-src ([^;]+);", html.unescape(text))[1].split()
        assert [one for one in allowed if not one.startswith("'sha256-")] == ["'self'", "file:"]
    alone = export(bundles[0], "iclr", ("html",))["k-ratio.html"].decode()
    assert "plotly.js v" in alone
    assert "<script src=" not in alone
    assert len(archive.read("plotly.min.js")) > 10 * len(archive.read("k-ratio/k-ratio.html"))
