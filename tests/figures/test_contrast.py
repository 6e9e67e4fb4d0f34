"""Text of figures and of the app stands out from what is behind it: 4.5:1 at least, as WCAG 2.2 AA asks."""

import tomllib
from pathlib import Path

import pytest

from ict.figures import theme

APP = Path(__file__).parents[2] / "app" / ".streamlit" / "config.toml"
COLOURS = tomllib.loads(APP.read_text())["theme"]
PAPER = {"print": {"backgroundColor": "#FFFFFF", "secondaryBackgroundColor": "#FFFFFF"}}
READABLE = 4.5


def channels(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))


def luminance(colour: tuple[float, ...]) -> float:
    """Relative luminance of sRGB (WCAG 2.2)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(ink: str, ground: str, *, alpha: float = 1, tint: float = 0) -> float:
    """Contrast of ink at an opacity, on a ground that has a tint of the ink."""
    back = [g + tint * (c - g) for c, g in zip(channels(ink), channels(ground), strict=True)]
    front = [b + alpha * (c - b) for c, b in zip(channels(ink), back, strict=True)]
    low, high = sorted((luminance(tuple(front)), luminance(tuple(back))))
    return (high + 0.05) / (low + 0.05)


def test_the_formula() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.005)  # of WCAG's own notes


@pytest.mark.parametrize("name", ["light", "dark", "print"])
def test_words_of_figures_are_readable(name: theme.Theme) -> None:
    layout = theme.template(name).layout
    page = {**COLOURS, **PAPER}[name]
    for ground in (page["backgroundColor"], page["secondaryBackgroundColor"]):
        assert contrast(layout.font.color, ground) >= READABLE
        assert contrast(layout.annotationdefaults.font.color, ground) >= READABLE
    hover = layout.hoverlabel
    assert contrast(hover.font.color, hover.bgcolor) >= READABLE


@pytest.mark.parametrize("name", ["light", "dark"])
def test_words_of_the_app_are_readable(name: str) -> None:
    colours = COLOURS[name]
    on_primary = {"light": "#FFFFFF", "dark": colours["backgroundColor"]}[name]
    assert contrast(on_primary, colours["primaryColor"]) >= READABLE
    for ground in (colours["backgroundColor"], colours["secondaryBackgroundColor"]):
        assert contrast(colours["linkColor"], ground) >= READABLE
        assert contrast(colours["textColor"], ground, alpha=0.7) >= READABLE  # captions, at 0.8
        assert contrast(colours["primaryColor"], ground, tint=0.1) >= READABLE  # what is chosen
