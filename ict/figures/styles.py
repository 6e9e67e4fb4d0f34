"""Venue presets: how wide a figure is on paper and how large its letters are.

Widths as the venues' style files had them; check against the current file before you
submit. A figure is drawn at its true size: 96 px are one inch, 1 pt is 4/3 px.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import plotly.graph_objects as go

from ict.errors import InputError, did_you_mean, quoted
from ict.figures.theme import apply

PX_PER_INCH = 96
PX_PER_POINT = 96 / 72
_SCREEN_FONT_PX = 13
_STEP_PX = 8  # of heights: 6 points, and 25 pixels of a PNG at 300 dpi

Span = Literal["column", "text"]


@dataclass(frozen=True)
class Style:
    """One venue: the width of a column and of the text in inches, the letters in points."""

    name: str
    column_inches: float
    text_inches: float
    font_points: float
    max_inches: float
    """No figure is higher."""
    background: str = "#FFFFFF"


_MM = 1 / 25.4
STYLES = {
    style.name: style
    for style in (
        Style("iclr", 5.5, 5.5, 8, 8.0),
        Style("neurips", 5.5, 5.5, 8, 8.0),
        Style("cvpr", 3.25, 6.875, 8, 8.5),
        Style("icml", 3.25, 6.75, 8, 8.5),
        Style("ijcv", 84 * _MM, 174 * _MM, 8, 8.5),
        Style("slides", 6.0, 12.0, 18, 6.4),
    )
}


def get_style(name: str) -> Style:
    """The preset called `name`; InputError names the nearest."""
    if name not in STYLES:
        allowed = ", ".join(STYLES)
        raise InputError(
            f"style {quoted(name)}: choose one of {allowed}{did_you_mean(name, STYLES)}"
        )
    return STYLES[name]


def size_px(figure: go.Figure, style: Style, span: Span | None = None) -> tuple[int, int]:
    """Width and height on paper, from the figure's own aspect and the span it asks for."""
    meta = figure.layout.meta or {}
    wide = (span or meta.get("span", "column")) == "text"
    inches = style.text_inches if wide else style.column_inches
    points = style.font_points * PX_PER_POINT
    width = round(inches * PX_PER_INCH)
    # letters do not shrink with the column, so a narrow figure needs more height for its labels
    room = 6.5 * points + max(float(meta.get("aspect", 0.62)) * width, 9 * points)
    room += _legend_rows(figure, width, points) * 2.2 * points + _below_axis(figure, width, points)
    rows = float(meta.get("rows", 0)) * points * 1.18 + 5 * points
    steps = min(
        math.ceil(max(room * 0.85, rows) / _STEP_PX), style.max_inches * PX_PER_INCH // _STEP_PX
    )
    return width, int(steps) * _STEP_PX


def _text_px(text: str, letters: float) -> float:
    """About how wide a text is, in px; its longest line counts."""
    return max(len(line) for line in text.split("<br>")) * 0.52 * letters


def _legend_rows(figure: go.Figure, width: int, font_px: float) -> int:
    """Rows of a legend above the axes, after the first."""
    names = [trace.name for trace in figure.data if trace.name and trace.showlegend is not False]
    if figure.layout.legend.orientation != "h" or figure.layout.showlegend is False or not names:
        return 0
    entry_px = max(_text_px(name, 0.875 * font_px) for name in names) + 40  # line, symbol and gaps
    return math.ceil(len(names) / max((width - 4 * font_px) // entry_px, 1)) - 1


def _below_axis(figure: go.Figure, width: int, font_px: float) -> float:
    """px that upright names below an axis take, more than the room that every figure has."""
    longest = 0.0
    for trace in figure.select_traces(lambda trace: trace.type in ("bar", "heatmap")):
        if _named(trace) and _bar_names(trace, width, font_px)[1]:
            longest = max(longest, *(_text_px(name, 0.8 * font_px) for name in trace.x))
    return max(longest - 4 * font_px, 0.0)


def _named(trace: Any) -> bool:
    """Whether names stand along x."""
    return trace.x is not None and len(trace.x) > 0 and isinstance(trace.x[0], str)


def restyle(figure: go.Figure, style: Style, span: Span | None = None) -> go.Figure:
    """A copy drawn for paper: the venue's width, letters in points, lines scaled with them.

    The title goes: on paper it is the caption's first words.
    """
    font_px = style.font_points * PX_PER_POINT
    width, height = size_px(figure, style, span)
    printed = apply(figure, "print", font_px=round(font_px, 3))
    printed.update_layout(
        width=width,
        height=height,
        title=None,
        margin={
            "l": 4,
            "r": 0.6 * font_px,
            "t": 0.6 * font_px,
            "b": _bottom(figure) * font_px,
            "pad": 0,
        },
        paper_bgcolor=style.background,
        plot_bgcolor=style.background,
        legend={"maxheight": height, "tracegroupgap": 0},  # else rows below half of it are hidden
    )
    _scale_strokes(printed, font_px / _SCREEN_FONT_PX)
    _part_panels(printed, height, font_px)
    _fit_marks(printed, height)
    _fit_cell_text(printed, (width, height), font_px)
    _fit_names(printed, (width, height), font_px)
    _fit_rows(printed, height, font_px)
    _fit_bars(printed, width, font_px)
    _fold_titles(printed, height)
    printed.for_each_xaxis(_upright)
    return printed


def _bottom(figure: go.Figure) -> float:
    """Margin below the axes in letters: ticks, a gap and the title's lines, which Plotly's own
    reckoning leaves half a point short. Slanted labels get more from it."""
    titles = [axis.title.text or "" for axis in figure.select_xaxes()]
    lines = max((title.count("<br>") + 1 for title in titles if title), default=0)
    return 2.3 + 1.3 * lines if lines else 0.6


def _part_panels(figure: go.Figure, height: int, font_px: float) -> None:
    """Panels that stand below each other get room for ticks and a title between them."""
    axes = sorted(figure.select_yaxes(), key=lambda axis: -(axis.domain or (0, 1))[0])
    domains = [axis.domain or (0, 1) for axis in axes]
    if len(axes) < 2 or any(above[0] < below[1] for above, below in pairwise(domains)):
        return
    between = 3.6 * font_px / _inner_px(figure, height)
    share = 1 - between * (len(axes) - 1)
    total, top = sum(high - low for low, high in domains), 1.0
    for axis, (low, high) in zip(axes, domains, strict=True):
        bottom = max(top - share * (high - low) / total, 0.0)
        axis.domain = (bottom, top)
        top = bottom - between


def _fit_marks(figure: go.Figure, height: int) -> None:
    """A mark of a chosen channel is no longer than half of its block's row."""
    rows = {trace.yaxis: len(trace.z) for trace in figure.select_traces({"type": "heatmap"})}
    for trace in figure.select_traces({"type": "scatter"}):
        if trace.marker.symbol == "line-ns" and trace.yaxis in rows:
            low, high = figure.layout[(trace.yaxis or "y").replace("y", "yaxis", 1)].domain or (
                0,
                1,
            )
            row_px = (high - low) * _inner_px(figure, height) / rows[trace.yaxis]
            trace.marker.size = min(trace.marker.size, 0.5 * row_px / 1.4)  # Plotly draws 1.4 sizes


def _inner_px(figure: go.Figure, height: int) -> float:
    """Height between the margins."""
    return height - figure.layout.margin.t - figure.layout.margin.b


def _upright(axis: go.layout.XAxis) -> None:
    """Slanted labels need room that a column does not have, and their boxes meet."""
    if axis.tickangle not in (None, 0):
        axis.tickangle = -90


def _fit_names(figure: go.Figure, size: tuple[int, int], font_px: float) -> None:
    """Every row and column of a matrix keeps its name, in smaller letters where they are many.

    Where long names of the rows leave too little for those of the columns, every second, third, …
    column keeps its own.
    """
    for trace in figure.select_traces({"type": "heatmap"}):
        if not _named(trace):
            continue
        across, down = (
            _letters(pixels, len(names), font_px)
            for pixels, names in zip(size, (trace.x, trace.y), strict=True)
        )
        beside = (
            max(_text_px(str(name), down) for name in trace.y) + 8 * font_px
        )  # and a colour bar
        step = max(math.ceil(0.95 * across * len(trace.x) / max(size[0] - beside, 1)), 1)
        figure.layout.xaxis.update(tickfont_size=across, dtick=step)
        figure.layout.yaxis.update(tickfont_size=down, dtick=1)


def _letters(pixels: int, names: int, font_px: float) -> float:
    """Height of letters, in px, of which so many names fit below each other; not below 6 pt."""
    return min(0.875 * font_px, max(0.6 * pixels / names / 1.2, 6.1 * PX_PER_POINT))


def _fit_rows(figure: go.Figure, height: int, font_px: float) -> None:
    """Every row of dots keeps its name and its numbers, in smaller letters where they are many."""
    for trace in figure.select_traces({"type": "scatter"}):
        if "text" in (trace.mode or "") and trace.y is not None and isinstance(trace.y[0], str):
            letters = _letters(height, len(trace.y), font_px)
            trace.textfont.size = letters
            figure.layout.yaxis.update(tickfont_size=letters, dtick=1)


def _fit_bars(figure: go.Figure, width: int, font_px: float) -> None:
    """Every bar keeps its name: upright where they do not fit beside each other."""
    for trace in figure.select_traces({"type": "bar"}):
        if _named(trace):
            letters, upright = _bar_names(trace, width, font_px)
            turn = -90 if upright else 0
            figure.layout.xaxis.update(tickfont_size=letters, dtick=1, tickangle=turn)


def _bar_names(trace: Any, width: int, font_px: float) -> tuple[float, bool]:
    """Letters of the names along x in px, and whether the names must stand upright."""
    inside = 0.8 * width
    letters = _letters(round(inside / 0.6), len(trace.x), font_px)
    widest = max(_text_px(name, letters) for name in trace.x)
    return letters, widest > 0.85 * inside / len(trace.x)


def _fold_titles(figure: go.Figure, height: int) -> None:
    """Titles beside an axis that are longer than it go on two lines."""
    inside = _inner_px(figure, height)
    letters = figure.layout.template.layout.font.size
    for axis in figure.select_yaxes():
        low, high = axis.domain or (0, 1)
        text = axis.title.text or ""
        if _text_px(text or " ", letters) > (high - low) * inside and "<br>" not in text:
            middle = min(
                (i for i, c in enumerate(text) if c == " "),
                key=lambda i: abs(i - len(text) / 2),
                default=None,
            )
            if middle is not None:
                axis.title.text = f"{text[:middle]}<br>{text[middle + 1 :]}"


def _fit_cell_text(figure: go.Figure, size: tuple[int, int], font_px: float) -> None:
    """Numbers in cells: as large as fits, but none below 6 pt (the table has them)."""
    for trace in figure.select_traces({"type": "heatmap"}):
        if trace.texttemplate is None or trace.text is None:
            continue
        longest = max(1, *(len(str(text)) for row in trace.text for text in row))
        across = 0.6 * size[0] / len(trace.text[0]) / (0.6 * longest)
        letters = min(0.875 * font_px, across, 0.6 * size[1] / len(trace.text) / 1.2)
        if letters >= 6.1 * PX_PER_POINT:
            trace.textfont.size = letters
        else:
            trace.texttemplate = None


def _scale_strokes(figure: go.Figure, factor: float) -> None:
    for trace in figure.data:
        if trace.type == "scatter":
            if trace.marker.size is not None and not hasattr(trace.marker.size, "__len__"):
                trace.marker.size *= factor
            if trace.line.width is not None:
                trace.line.width *= factor
            if trace.error_y.width is not None:
                trace.error_y.width *= factor
                trace.error_y.thickness *= factor
        elif trace.type == "heatmap":
            trace.update(xgap=0, ygap=0)  # a map without gaps is one sharp pixel a cell in a PDF
    for note in figure.layout.annotations:
        note.xshift = (note.xshift or 0) * factor
        note.yshift = (note.yshift or 0) * factor
