"""Colours of lines by a field of their runs: sequential for quantities, with dashes for names."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from ict.analysis.run_fields import field_title, in_words, is_quantity
from ict.figures import theme as look

_ENDS: Final = (0.22, 0.88)
"""Of the colour scale: beyond them a line is lost on a dark page, or on a white one."""
_WIDE: Final = 20.0  # ratio of the ends from which on a quantity has its colours by its logarithm
_MOST_TICKS: Final = 6


@dataclass(frozen=True)
class FieldColours:
    """A look for every value that a field takes, and the colour bar of a quantity."""

    name: str
    looks: Mapping[Any, look.Look]
    bar: Mapping[str, Any] | None
    """A Plotly colour axis; None where a legend names the values."""
    ends: tuple[float, float] = field(default=(0.0, 1.0))

    def add_bar(self, figure: go.Figure) -> None:
        """The colour bar, on a mark that is not seen."""
        if self.bar is not None:
            marker = {"color": [*self.ends], "coloraxis": "coloraxis", "size": 0.1}
            figure.add_scatter(
                x=[None, None], y=[None, None], mode="markers", marker=marker, showlegend=False,
                hoverinfo="skip",
            )  # fmt: skip
            figure.update_layout(coloraxis=dict(self.bar))


def field_colours(name: str, values: Sequence[Any]) -> FieldColours:
    """Colours of the distinct `values` of the field `name`; a missing one is grey.

    A quantity has cividis, by its logarithm where its ends lie a factor of 20 apart; it grows
    lighter, in grey too. A name has one of the eight colours, and a dash of its own.
    """
    distinct = list(dict.fromkeys(values))
    having = [value for value in distinct if value is not None]
    missing = {None: look.Look(look.GREY, "circle", "dot")} if None in distinct else {}
    if is_quantity(name, values) and len(having) > 1:
        return _of_quantity(name, sorted(map(float, having)), having, missing)
    having.sort(
        key=lambda value: (isinstance(value, str), value if _is_number(value) else 0, str(value))
    )
    looks = {
        value: look.Look(
            look.PALETTE[i % len(look.PALETTE)],
            look.SYMBOLS[i % len(look.SYMBOLS)],
            look.DASHES[i % len(look.DASHES)],
        )
        for i, value in enumerate(having)
    }
    return FieldColours(name, looks | missing, None)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _of_quantity(
    name: str, numbers: Sequence[float], having: Sequence[Any], missing: dict[Any, look.Look]
) -> FieldColours:
    log = numbers[0] > 0 and numbers[-1] / numbers[0] >= _WIDE

    def place(value: float) -> float:
        return math.log10(value) if log else value

    low, high = place(numbers[0]), place(numbers[-1])
    shares = [(place(float(value)) - low) / (high - low) for value in having]
    low_end, high_end = _ENDS
    colours = sample_colorscale(
        look.COLORSCALE.lower(), [low_end + share * (high_end - low_end) for share in shares]
    )
    looks = {
        value: look.Look(_hex(colour), "circle", "solid")
        for value, colour in zip(having, colours, strict=True)
    }
    scale = sample_colorscale(
        look.COLORSCALE.lower(), [low_end + i / 10 * (high_end - low_end) for i in range(11)]
    )
    shown = numbers if len(numbers) <= _MOST_TICKS else [numbers[0], numbers[-1]]
    bar = {
        "cmin": low,
        "cmax": high,
        "colorscale": [[i / 10, colour] for i, colour in enumerate(scale)],
        "colorbar": {
            "title": {"text": field_title(name), "side": "right"},
            "tickvals": [place(value) for value in shown],
            "ticktext": [in_words(name, value) for value in shown],
        },
    }
    return FieldColours(name, looks | missing, bar, (low, high))


def _hex(colour: str) -> str:
    """`rgb(r, g, b)` as `#rrggbb`."""
    parts = colour.removeprefix("rgb(").removesuffix(")").split(",")
    return "#" + "".join(f"{round(float(part)):02x}" for part in parts)
