"""The look of all figures: titles and captions, themes, names, colours, and what an empty one says."""

import itertools
import math

import plotly.graph_objects as go
import pytest

from ict import figures
from ict.figures import curves, samples, theme, ticks
from ict.methods.registry import REGISTRY

THEMES = ("light", "dark", "print")
ALL = {name: samples.figures(name) for name in THEMES}


@pytest.mark.parametrize("name", ALL["light"])
def test_every_axis_has_a_title_and_every_figure_a_caption(name):
    figure = ALL["light"][name]
    names_only = {"overlap", "overlap-19", "agreement", "dendrogram", "benchmark", "results"}
    names_only |= {"compare", "agreement-methods"}
    names_only |= {"score-map-swin"}  # its panels share the title of the highest
    for axis in (*figure.select_xaxes(), *figure.select_yaxes()):
        labelled = (
            bool(axis.title.text) or axis.visible is False
        )  # of parallel ones the words are notes
        assert labelled or name in names_only, axis
    assert theme.caption_of(figure).endswith(".")
    assert not [t.type for t in figure.data if "gl" in t.type]


@pytest.mark.parametrize("name", ALL["light"])
def test_a_theme_changes_the_template_and_nothing_else(name):
    plain = {t: ALL[t][name].to_plotly_json() for t in THEMES}
    for found in plain.values():
        found["layout"].pop("template")
    assert str(plain["light"]) == str(plain["dark"]) == str(plain["print"])


@pytest.mark.parametrize("name", ["ict", "full", "linear", "class_l2", "cifar", "Anything else"])
def test_a_name_looks_the_same_in_any_company(name):
    alone = theme.look(name)
    assert theme.looks([name, "SSF", "NOAH"])[name] == alone
    assert theme.looks([name])[name] == alone


def test_known_names_do_not_share_a_look():
    for group in ([*REGISTRY, *theme._SERIES], list(theme._CRITERIA), list(theme._TASKS)):
        found = theme.looks(group)
        assert len(set(found.values())) == len(group)
    assert theme.look("random, fixed rate").colour == theme.look("random").colour
    pair = theme.looks(["random, tuned rate", "random, fixed rate"])
    assert pair["random, tuned rate"].colour == pair["random, fixed rate"].colour
    assert len(set(pair.values())) == 2
    ks = theme.looks(["ict K=12", "ict K=24", "ict K=48"])
    assert len({one.colour for one in ks.values()}) == 3


def contrast(a: str, b: str) -> float:
    """WCAG contrast of two #rrggbb colours."""

    def luminance(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colour", theme.PALETTE)
def test_every_colour_is_visible_on_white_and_on_dark(colour):
    assert contrast(colour, "#FFFFFF") >= 2.0
    assert contrast(colour, "#0E1117") >= 3.0


def test_a_vit_score_map_stays_light_enough_for_a_page():
    figure = ALL["light"]["score-map"]
    assert len(figure.to_json()) < 400_000
    bare = figures.score_map(samples.stages(), view="rank")
    assert len(bare.to_json()) < 220_000


@pytest.mark.parametrize(
    "figure",
    [
        figures.accuracy_against_k([]),
        figures.overlap_matrix([]),
        figures.overlap_lines([]),
        figures.energy_split([]),
        figures.made_of_lines([]),
        figures.benchmark_dots([]),
        figures.accuracy_against_parameters([]),
        figures.deletion_curves([]),
        figures.training_curves([], "train_loss"),
    ],
)
def test_nothing_to_draw_is_a_sentence_and_not_an_error(figure):
    assert len(figure.data) == 0
    assert len(figure.layout.annotations[0].text) > 10


def test_applying_a_theme_leaves_the_original_alone():
    figure = figures.histogram([1.0, 2.0])
    before = figure.to_json()
    dark = figures.apply(figure, "dark")
    assert figure.to_json() == before
    assert isinstance(dark, go.Figure)
    assert dark.layout.template.layout.font.color != figure.layout.template.layout.font.color
    assert curves.METRICS["train_loss"][0].endswith("(nats)")


def boxes(axis: go.layout.XAxis, width_px: float) -> list[tuple[float, float]]:
    """Where the labels of an axis stand, in px, left to right."""
    at = [math.log10(v) if axis.type == "log" else float(v) for v in axis.tickvals]
    scale = width_px / (max(at) - min(at))
    half = [3 * len(str(word)) for word in axis.ticktext]
    return sorted((scale * a - h, scale * a + h) for a, h in zip(at, half, strict=True))


@pytest.mark.parametrize("name", ALL["light"])
def test_labels_of_named_ticks_never_meet(name):
    figure = ALL["light"][name]
    width = 250 if figure.layout.meta["span"] == "column" else 460
    for axis in figure.select_xaxes():
        if axis.tickvals is not None and len(axis.tickvals) > 1:
            placed = boxes(axis, width * ((axis.domain or (0, 1))[1] - (axis.domain or (0, 1))[0]))
            assert all(a[1] <= b[0] for a, b in itertools.pairwise(placed))


def test_thinned_ticks_keep_both_ends():
    ratios = [1 / 64, 1 / 63, 1 / 62, 1 / 8, 1 / 4, 0.24]
    words = ["1/64", "1/63", "1/62", "1/8", "1/4", "0.24"]
    kept = ticks.apart(ratios, words, 250, log=True)
    assert [words[i] for i in kept] == ["1/64", "1/8", "1/4"]


@pytest.mark.parametrize("name", ALL["light"])
def test_every_dashed_line_says_what_it_stands_for(name):
    figure = ALL["light"][name]
    in_legend = {trace.line.dash for trace in figure.data if trace.type == "scatter" and trace.name}
    for shape in figure.layout.shapes:
        if shape.type == "line" and shape.line.dash not in (None, "solid"):
            said = shape.label.text or shape.line.dash in in_legend or figure.layout.annotations
            assert said, shape
