"""Plotly's drawing of a figure as SVG, made by plotly.js in tabs that keep it loaded."""

import json
from typing import Any

from plotly.offline import get_plotlyjs

from ict.figures.tabs import Tab, Tabs

_PLOT = """(() => {
    const figure = JSON.parse(%s);
    const size = {width: %s, height: %s};
    return Plotly.toImage(
        {data: figure.data, layout: figure.layout, config: {}},
        {format: "svg", imageDataOnly: true, ...size},
    );
})()"""
_PRECISE = '<svg text-rendering="geometricPrecision" '


class Plotter:
    """Draws figures in up to `count` tabs of a started browser at once."""

    def __init__(self, browser: Any, count: int) -> None:
        self.tabs = Tabs(browser, count, _load)

    async def svg(self, figure: str, width: float, height: float) -> bytes:
        """The SVG of a figure that is given as JSON.

        Its letters stand where they were drawn, to a fraction of a px: hinting would move them by up
        to half a px in a PNG, though not in a PDF. Raises RuntimeError if plotly.js throws.
        """
        async with self.tabs.one() as tab:
            drawn: str = await tab.run(_PLOT % (json.dumps(figure), width, height))
        return drawn.replace("<svg ", _PRECISE, 1).encode(errors="replace")


async def _load(tab: Tab) -> None:
    """plotly.js of the plotly package: nothing is fetched from the network, MathJax neither."""
    await tab.run(f"{get_plotlyjs()}; true")
