"""Is A better than B: differences with their intervals, flips by class, agreement, power."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from ict.analysis.differences import IMAGES
from ict.analysis.flips import Agreement, ClassFlips, Flips
from ict.analysis.named_sides import pair_words
from ict.analysis.power import Spread, detectable, variance_factors
from ict.analysis.verdicts import Verdict
from ict.figures import theme as look
from ict.figures.reference_lines import line_at_x

MOST_CLASSES = 60
SEED_COUNTS = (2, 3, 4, 5, 7, 10, 15, 20, 30, 50)


@dataclass(frozen=True)
class Line:
    """A row of a forest: what is compared, and the verdicts on it (new seeds, then new images too)."""

    name: str
    verdicts: Sequence[Verdict]


def forest(
    lines: Sequence[Line], a: str, b: str, *, title: str | None = None, theme: look.Theme = "light"
) -> go.Figure:
    """A − B in points or nats, a row a task or contrast: a dot with its 95 % interval for each verdict.

    The grey band is ± the margin. The words below a row's name are the verdict of its first interval.
    A row without an interval (one seed) has its dot alone.
    """
    if not lines:
        return look.empty("nothing to compare", theme)
    figure = go.Figure()
    kinds = list(dict.fromkeys(v.difference.over for line in lines for v in line.verdicts))
    margin, outcome = lines[0].verdicts[0].margin, lines[0].verdicts[0].outcome
    width = outcome.scale * margin
    figure.add_vrect(
        x0=-width, x1=width, fillcolor=look.GREY, opacity=0.15, line_width=0,
        annotation_text=f"± {outcome.margin_words(margin)}", annotation_position="bottom right",
    )  # fmt: skip
    line_at_x(figure, 0, {"width": 1, "dash": "dot"}, "no difference")
    for number, kind in enumerate(kinds):
        words = [
            (place, verdict)
            for place, line in enumerate(lines)
            for verdict in line.verdicts
            if verdict.difference.over == kind
        ]
        _add_intervals(figure, words, kind, number)
    names = [_in_lines(line.name) for line in lines]
    tall = 2 + max(name.count("<br>") for name in names)  # lines of the highest label
    figure.update_xaxes(title_text=f"{pair_words(_short(a), _short(b))} ({outcome.words})")
    figure.update_yaxes(
        tickvals=list(range(len(lines))),
        ticktext=[
            f"{name}<br>{line.verdicts[0].words}" for name, line in zip(names, lines, strict=True)
        ],
        range=[len(lines) - 0.4, -0.6],
        showgrid=False,
    )
    look.legend_above(figure)
    seeds = sorted({v.difference.seeds for line in lines for v in line.verdicts})
    caption = (
        f"{a} minus {b}, {outcome.words} with 95 % intervals, n = "
        f"{', '.join(map(str, seeds))} seeds; the band is ± {outcome.margin_words(margin)}. "
        f"Intervals: {'; '.join(kinds)}."
    )
    if any(v.role == "exploratory" for line in lines for v in line.verdicts):
        caption += " Exploratory (fewer than five seeds, or not the primary contrast)."
    return look.finish(
        figure,
        title=title,
        caption=caption,
        theme=theme,
        height=150 + max(46, 16 * tall) * max(len(lines), 2),
        aspect=min(1.3, 0.3 + 0.09 * len(lines)),
        span="text",
        rows=tall * len(lines),
    )


def _add_intervals(
    figure: go.Figure, told: Sequence[tuple[int, Verdict]], kind: str, number: int
) -> None:
    scale = told[0][1].outcome.scale
    means = [scale * verdict.difference.mean for _, verdict in told]
    bounds = [[scale * x for x in verdict.difference.interval()] for _, verdict in told]
    colour = (look.BLUE, look.ORANGE, look.GREEN, look.PURPLE)[number % 4]
    figure.add_scatter(
        x=means,
        y=[place + 0.18 * number for place, _ in told],
        mode="markers",
        name=kind,
        marker={"color": colour, "size": 8, "symbol": "circle" if number == 0 else "circle-open"},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [high - mean for mean, (_, high) in zip(means, bounds, strict=True)],
            "arrayminus": [mean - low for mean, (low, _) in zip(means, bounds, strict=True)],
            "thickness": 2 if number == 0 else 1.2,
            "width": 4,
        },
        customdata=[verdict.sentence for _, verdict in told],
        hovertemplate="%{customdata}<extra></extra>",
    )


def flip_bars(
    whole: Flips,
    classes: Sequence[ClassFlips],
    names: Sequence[str] | None,
    a: str,
    b: str,
    *,
    title: str | None = None,
    theme: look.Theme = "light",
) -> go.Figure:
    """Test images that only one of two models gets right, by class: A to the right, B to the left.

    Of more than 60 classes those with the most flips are drawn.
    """
    shown = sorted(classes, key=lambda c: (-(c.flips.lost + c.flips.gained), c.label))[
        :MOST_CLASSES
    ]
    shown = sorted(shown, key=lambda c: c.label)
    labels = [
        str(names[c.label]) if names and c.label < len(names) else str(c.label) for c in shown
    ]
    figure = go.Figure()
    for side, word, colour, sign in (
        ("lost", "right under A alone", look.BLUE, 1),
        ("gained", "right under B alone", look.ORANGE, -1),
    ):
        counts = [getattr(c.flips, side) for c in shown]
        figure.add_bar(
            y=labels,
            x=[sign * count for count in counts],
            orientation="h",
            name=word,
            marker={"color": colour},
            customdata=[
                [count, c.flips.images, c.p] for count, c in zip(counts, shown, strict=True)
            ],
            hovertemplate="%{y}: %{customdata[0]} of %{customdata[1]} images (Holm p = "
            "%{customdata[2]:.3r})<extra></extra>",
        )
    most = max((max(c.flips.lost, c.flips.gained) for c in shown), default=1) or 1
    figure.update_layout(barmode="relative", bargap=0.25)
    figure.update_xaxes(title_text="test images", range=[-1.15 * most, 1.15 * most], tickformat="d")
    ticks = figure_ticks(most)
    figure.update_xaxes(tickvals=ticks, ticktext=[str(abs(t)) for t in ticks])
    figure.update_yaxes(type="category", autorange="reversed", title_text="class", dtick=1)
    line_at_x(figure, 0, {"width": 1}, "")
    look.legend_above(figure)
    left = len(classes) - len(shown)
    caption = f"A: {a}; B: {b}. {whole.sentence}."
    caption += f" {left} classes with fewer flips are left out." if left else ""
    return look.finish(
        figure, title=title, caption=caption, theme=theme,
        height=150 + 20 * max(len(shown), 6), aspect=min(1.4, 0.3 + 0.035 * len(shown)),
        rows=len(shown),
    )  # fmt: skip


def figure_ticks(most: int) -> list[int]:
    """Whole ticks on both sides of 0."""
    step = max(1, int(np.ceil(most / 3)))
    right = list(range(0, most + 1, step))
    return [-t for t in reversed(right[1:])] + right


def agreement_matrix(
    found: Agreement,
    names: Sequence[str],
    images: int,
    *,
    title: str | None = None,
    theme: look.Theme = "light",
) -> go.Figure:
    """Models × models: of the images that either gets wrong, the share that both get wrong."""
    matrix = 100 * np.where(np.eye(len(names), dtype=bool), np.nan, found.error_overlap)
    texts = [["" if np.isnan(v) else f"{v:.0f}" for v in row] for row in matrix]
    short = [_short(name) for name in names]
    figure = go.Figure(
        go.Heatmap(
            z=matrix, x=short, y=short, zmin=0, zmax=100, text=texts,
            texttemplate="%{text}" if len(names) <= 20 else None,
            colorbar={"title": {"text": "shared errors (%)"}},
            customdata=100 * found.same_answer,
            hovertemplate="%{y} and %{x}: %{z:.1f} % of errors shared, same answer on "
            "%{customdata:.1f} %<extra></extra>",
        )
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed")
    caption = (
        f"Errors that two models share, of those that either makes, on {images:,} test images: "
        f"{len(found.never_right):,} images no model gets right, {found.always_right:,} all do."
    )
    size = len(names)
    return look.finish(
        figure, title=title, caption=caption, theme=theme,
        height=210 + 26 * max(size, 5), aspect=0.85, span="column" if size <= 8 else "text",
    )  # fmt: skip


def power_curves(
    found: Spread,
    images: int,
    over: Sequence[str],
    a: str,
    b: str,
    *,
    title: str | None = None,
    theme: look.Theme = "light",
) -> go.Figure:
    """The difference that n seeds find with 80 %, against n; the band is what few seeds leave open."""
    figure = go.Figure()
    for kind, colour in zip(over, (look.BLUE, look.ORANGE), strict=False):
        low, high = variance_factors(found.seeds)
        bounds = [
            [100 * detectable(n, images, scaled, kind) for n in SEED_COUNTS]
            for scaled in (found.scaled(low), found.scaled(high))
        ]
        figure.add_scatter(
            x=[*SEED_COUNTS, *reversed(SEED_COUNTS)],
            y=[*bounds[1], *reversed(bounds[0])],
            fill="toself",
            fillcolor=look.transparent(colour, 0.15),
            line={"width": 0},
            hoverinfo="skip",
            showlegend=False,
        )
        figure.add_scatter(
            x=list(SEED_COUNTS),
            y=[100 * detectable(n, images, found, kind) for n in SEED_COUNTS],
            mode="lines+markers",
            name=kind,
            line={"color": colour, "dash": "dash" if kind == IMAGES else "solid"},
            hovertemplate="%{x} seeds find %{y:.2f} points<extra></extra>",
        )
    figure.update_xaxes(title_text="seeds", type="log", tickvals=[2, 3, 5, 10, 20, 50])
    figure.update_yaxes(
        title_text="points found with 80 %", type="log", tickvals=[0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50],
        autorange=False, range=[-1, 2],
    )  # fmt: skip
    look.legend_above(figure)
    caption = (
        f"The difference between {a} and {b} that n seeds find with 80 % at 5 %, on {images:,} test "
        f"images; spreads from {found.seeds} seeds, the band is what so few leave open (χ², 95 %)."
    )
    return look.finish(figure, title=title, caption=caption, theme=theme)


def _in_lines(name: str, most: int = 36) -> str:
    """A contrast's name on two or three lines where one would be too long, its sides whole if they can be."""
    first, minus, second = name.partition(" − ")
    if len(name) <= most or not minus:
        return _short(name, most)
    row, at, ratio = second.rpartition(" at K/D = ")
    below = [row, f"at K/D = {ratio}"] if len(second) > most and at else [second]
    return f"{_short(first, most)} −<br>" + "<br>".join(_short(part, most) for part in below)


def _short(name: str, most: int = 36) -> str:
    """A name that fits beside an axis: its end is what tells runs apart."""
    return name if len(name) <= most else f"…{name[-most + 1 :]}"
