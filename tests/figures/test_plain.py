"""Plain figures: they draw what the figure draws, say the same twice, and hold nothing that counts as changed."""

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator

import numpy as np
import plotly.graph_objects as go
import plotly.io as pio
import pytest

from ict.figures import browser, samples
from ict.figures.plain import plain
from ict.figures.theme import finish

FIGURES = samples.figures("dark")


@pytest.fixture(scope="module")
def chrome() -> Iterator[None]:
    yield
    browser.stop()


def drawn(figure: go.Figure) -> str:
    """The picture as SVG, without the names that Plotly draws by lot."""
    text = browser.draw(figure, "svg").decode()
    (lot,) = re.findall(r'id="defs-(\w+)"', text)
    text = re.sub(
        r"\b(legend|trace|h?y?cb|gU-)[0-9a-f]{6,8}(tick|title)?\b", r"\1", text.replace(lot, "")
    )
    return ET.canonicalize(text)  # attributes in one order


@pytest.mark.browser
@pytest.mark.skipif(browser.trouble() is not None, reason="needs Chrome; CI installs it")
@pytest.mark.usefixtures("chrome")
@pytest.mark.parametrize("name", FIGURES)
def test_a_plain_figure_is_drawn_as_the_figure(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pio.templates, "default", None)
    assert drawn(go.Figure(plain(FIGURES[name]))) == drawn(FIGURES[name])


def holds(value: object, key: str) -> bool:
    if isinstance(value, dict):
        return key in value or any(holds(one, key) for one in value.values())
    return isinstance(value, list) and any(holds(one, key) for one in value)


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_is_left_that_counts_as_changed_when_it_is_handed_over_again(name: str) -> None:
    spec = plain(FIGURES[name])
    assert not {"template", "meta"} & set(spec["layout"])
    bars = [one for trace in spec["data"] for key, one in trace.items() if key[:6] == "error_"]
    packed = [one for one in bars if holds(one, "bdata")]
    assert holds(spec, "bdata") == bool(packed)  # null would be a bar of length 0
    assert json.loads(json.dumps(spec, allow_nan=False)) == spec


def curve(y: list[float]) -> go.Figure:
    figure = go.Figure(go.Scatter(x=np.arange(3), y=np.array(y)))
    return finish(figure, title=None, caption="a line", theme="light")


def test_the_revision_tells_figures_apart_and_equal_ones_not() -> None:
    first, again, other = (
        plain(curve(y)) for y in ([1.0, np.nan, 3.0], [1.0, np.nan, 3.0], [1.0, 2.0, 3.0])
    )
    assert first == again
    assert first["layout"]["datarevision"] != other["layout"]["datarevision"]
    assert first["data"][0]["y"] == [1.0, None, 3.0]
