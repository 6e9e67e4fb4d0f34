"""One look for every figure: colours, templates, fonts, captions.

A name (of a method, a criterion, a task) has the same colour, symbol and dash in every figure.
Categories are Okabe and Ito's colours, which colour-blind readers can tell apart, and quantities
are cividis. The colours of the traces are legible on white and on dark, so that changing the theme
of a figure is changing its template (`apply`), and an export needs no second drawing.
"""

import functools
from dataclasses import dataclass
from typing import Any, Literal

import plotly.graph_objects as go

from ict.criteria import REGISTRY
from ict.figures.plain_text import show_names_as_they_are
from ict.figures.ticks import NARROWEST_PX, thin_ticks
from ict.methods.method import DASHES, SYMBOLS
from ict.methods.registry import find_method, titled

Theme = Literal["light", "dark", "print"]
PlotlyJSON = dict[str, Any]  # a part of a figure or its settings, in the words of Plotly

# Okabe and Ito's colours without black and yellow, invisible on dark or white: grey and wine stand in.
BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7",
)  # fmt: skip
GREY, OCHRE = "#848484", "#A6761D"
PALETTE = (BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE, OCHRE, GREY)
COLORSCALE = "Cividis"
DIVERGING = [[0.0, BLUE], [0.5, "#F7F7F7"], [1.0, VERMILION]]
CHOSEN = VERMILION
ON_LINES = "on lines"  # a `templateitemname`: annotations legible where lines run behind them
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"

_SERIES = {
    "random": (ORANGE, "square", "solid"),
    "lowest": (PURPLE, "triangle-down", "solid"),
    "top": (BLUE, "circle", "solid"),
    "published": (GREY, "circle-open", "solid"),
}
_CRITERIA = tuple(REGISTRY)
_TASKS = (
    "digits", "sprites_loc", "sprites_ori", "count",
    "cifar", "caltech101", "dtd", "oxford_flowers102", "oxford_iiit_pet", "svhn", "sun397",
    "patch_camelyon", "eurosat", "resisc45", "diabetic_retinopathy", "clevr_count", "clevr_dist",
    "dmlab", "kitti", "dsprites_loc", "dsprites_ori", "smallnorb_azi", "smallnorb_ele",
)  # fmt: skip
GROUP_COLOURS = {"natural": GREEN, "specialized": SKY, "structured": ORANGE, "bundled": PURPLE, "other": GREY}  # fmt: skip
ENERGY_COLOURS = {"offset": GREY, "class": VERMILION, "image": SKY, "token": BLUE}


@dataclass(frozen=True)
class Look:
    """How one named series is drawn everywhere."""

    colour: str
    symbol: str
    dash: str

    def fill(self, alpha: float = 0.18) -> str:
        """The colour with transparency, for interval bands."""
        return transparent(self.colour, alpha)


def transparent(colour: str, alpha: float) -> str:
    """`#rrggbb` as an `rgba()` colour."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"


def look(name: str) -> Look:
    """The look of a method, criterion or task; equal names look equal in all figures.

    "ict K=24" and "random, fixed rate" look as their first word does. Unknown names get a look from
    the sum of their letters, so that it does not depend on the others.
    """
    key = name.strip().lower()
    first = key.split(",")[0].split(" ")[0]
    for spelling in (key, first):
        if named := _named(spelling):
            return named
    for names in (_CRITERIA, _TASKS):
        if key in names:
            return _numbered(names.index(key))
    return _numbered(sum(i * ord(c) for i, c in enumerate(key, start=1)) % len(PALETTE))


def _named(key: str) -> Look | None:
    """The look of a method, as the method says, or of a way to choose channels."""
    if key in _SERIES:
        return Look(*_SERIES[key])
    method = find_method(key) or titled(key)
    return Look(method.colour, method.symbol, method.dash) if method else None


def looks(names: list[str]) -> dict[str, Look]:
    """The looks of series in one figure: `look` for each, clashes resolved.

    What stands behind a comma ("random, fixed rate") changes the dash and the symbol only.
    """
    chosen: dict[str, Look] = {}
    everything = [_numbered(i) for i in range(len(PALETTE) * len(DASHES))]
    for name in names:
        chosen_look = look(name)
        if chosen_look in chosen.values():
            kin = [
                Look(chosen_look.colour, s, d)
                for s, d in zip(SYMBOLS[1:], DASHES[1:], strict=False)
            ]
            spare = [*kin, *everything] if "," in name else everything
            colours = {one.colour for one in chosen.values()}
            fresh = [one for one in spare if one.colour not in colours and "," not in name]
            chosen_look = next(one for one in [*fresh, *spare] if one not in chosen.values())
        chosen[name] = chosen_look
    return chosen


def _numbered(number: int) -> Look:
    lap, place = divmod(number, len(PALETTE))
    symbol = SYMBOLS[(place + lap) % len(SYMBOLS)]
    return Look(PALETTE[place], symbol, DASHES[lap % len(DASHES)])


@dataclass(frozen=True)
class _Ink:
    text: str
    grid: str
    axis: str
    paper: str
    hover: str


_INKS = {
    "light": _Ink("#1F2933", "#E4E7EB", "#9AA5B1", "rgba(0,0,0,0)", "#FFFFFF"),
    "dark": _Ink("#E4E7EB", "#323F4B", "#7B8794", "rgba(0,0,0,0)", "#1F2933"),
    "print": _Ink("#000000", "#DDDDDD", "#444444", "#FFFFFF", "#FFFFFF"),
}


@functools.lru_cache(maxsize=64)  # Plotly copies it into each figure
def template(theme: Theme = "light", *, font_px: float = 13) -> go.layout.Template:
    """The Plotly template of a theme; every text size follows from `font_px`."""
    ink = _INKS[theme]
    small = round(font_px * 0.875, 2)
    axis = {
        "gridcolor": ink.grid,
        "linecolor": ink.axis,
        "tickcolor": ink.axis,
        "zerolinecolor": ink.grid,
        "zeroline": False,
        "showline": True,
        "ticks": "outside",
        "ticklen": 3,
        "tickfont": {"size": small},
        "title": {"font": {"size": font_px}, "standoff": round(font_px * 0.6, 1)},
        "automargin": True,
        "autotickangles": [0, -90],
        "exponentformat": "e",  # no superscripts: they fall below 6 pt on paper
    }
    words = {"font": {"size": small, "color": ink.text}, "showarrow": False}
    on_lines = {"name": ON_LINES, "visible": False, "bgcolor": transparent(ink.hover, 0.75)}
    colorbar = {
        "outlinewidth": 0,
        "thickness": round(font_px * 0.9),
        "tickfont": {"size": small},
        "title": {"font": {"size": small}, "side": "right"},
    }
    layout = {
        "font": {"family": FONT, "size": font_px, "color": ink.text},
        "title": {"font": {"size": round(font_px * 1.1, 2)}, "x": 0, "xref": "paper"},
        "paper_bgcolor": ink.paper,
        "plot_bgcolor": ink.paper,
        "colorway": list(PALETTE),
        "colorscale": {"sequential": COLORSCALE, "diverging": DIVERGING},
        "coloraxis": {"colorscale": COLORSCALE, "colorbar": colorbar},
        "xaxis": axis,
        "yaxis": axis,
        "legend": {"font": {"size": small}, "bgcolor": "rgba(0,0,0,0)", "title": {"text": ""}},
        "hoverlabel": {"bgcolor": ink.hover, "font": {"family": FONT, "color": ink.text}},
        "annotationdefaults": words,
        "annotations": [on_lines | words],  # not drawn: for those of a figure that name it
        "shapedefaults": {"line": {"color": ink.axis, "width": 1}},
        "margin": {"l": 60, "r": 16, "t": 44, "b": 52},
        "hovermode": "closest",
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": ink.axis, "activecolor": ink.text},
    }
    heat = {"colorbar": colorbar, "colorscale": COLORSCALE}
    bar = {
        "insidetextfont": {"size": small, "color": ink.text},
        "constraintext": "none",
    }  # shrunk text gets unreadable
    return go.layout.Template(layout=layout, data={"heatmap": [heat], "bar": [bar]})


def finish(
    figure: go.Figure,
    *,
    title: str | None,
    caption: str,
    theme: Theme,
    height: int = 380,
    aspect: float = 0.62,
    span: Literal["column", "text"] = "column",
    rows: int = 0,
) -> go.Figure:
    """Puts template, title, size and caption on a figure; names in it are text, not markup.

    `aspect` is height over width on paper, `span` the width it needs there (one column or the whole
    text), `rows` how many lines of text stand below each other. They travel with the caption in
    `layout.meta` for `ict.figures.export`.
    """
    figure.update_layout(
        template=template(theme),
        height=height,
        uirevision="keep",
        meta={"caption": caption, "aspect": aspect, "span": span, "rows": rows},
        margin={"t": 44 if title else 16},
    )
    if title:
        figure.update_layout(title_text=title)
    thin_ticks(figure, NARROWEST_PX[span])
    return show_names_as_they_are(figure)


def block_axis(figure: go.Figure, last: int) -> go.Figure:
    """Blocks 0 to `last` along x, of many every second or fourth: labels do not meet."""
    step = 1 if last <= 12 else 2 if last <= 24 else 4
    return figure.update_xaxes(title_text="block", dtick=step)


def legend_above(figure: go.Figure) -> go.Figure:
    """A horizontal legend above the axes: it cannot meet tick labels or axis titles there."""
    return figure.update_layout(
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"}
    )


def caption_of(figure: go.Figure) -> str:
    """The caption draft of a figure of this package: what it shows, n, the interval."""
    return str((figure.layout.meta or {}).get("caption", ""))


def apply(figure: go.Figure, theme: Theme, *, font_px: float = 13) -> go.Figure:
    """A copy of `figure` in another theme."""
    copy = go.Figure(figure)
    return copy.update_layout(template=template(theme, font_px=font_px))


def browser_config(name: str) -> PlotlyJSON:
    """Plotly's mode bar: no logo, and a camera that saves a vector file (needs no Chrome)."""
    return {
        "displaylogo": False,
        "toImageButtonOptions": {"format": "svg", "filename": name},
        "modeBarButtonsToRemove": ["lasso2d", "autoScale2d"],
    }


def empty(reason: str, theme: Theme = "light") -> go.Figure:
    """A figure that says why there is nothing to draw."""
    figure = go.Figure()
    figure.update_xaxes(visible=False).update_yaxes(visible=False)
    figure.add_annotation(text=reason, x=0.5, y=0.5, xref="paper", yref="paper", showarrow=False)
    return finish(figure, title=None, caption=reason, theme=theme, height=200)
