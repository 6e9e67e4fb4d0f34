"""Figures on paper: an SVG in; out a PDF page of exactly its size, or a PNG of the same picture.

Browsers move, shrink and cut what they print, and differ in it: margins of the body and of the
paper, pages in whole points, "shrink to fit". So nothing is assumed. A figure is printed on a sheet
larger than itself; a sheet of the same size with coloured marks, printed by the same browser, says
where the figure came to lie; and the page is cut there (`ict.figures.pdf_page`). Marks that are not
whole mean that the sheet is too small for this browser: the figure is then printed smaller and
enlarged again in the PDF, where lines and letters lose nothing.
"""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from ict.documents.number_words import number_words
from ict.figures import pdf_page
from ict.figures.pdf_page import Bounds, Colour, Frame, Mark, PageError
from ict.figures.tabs import Tab, Tabs

ROOM_PX = 48.0  # around the figure on its sheet
ZOOMS = (1.0, 0.5, 0.25, 0.125)
MARK_PX = 8.0
_CORNERS: tuple[Colour, ...] = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1))
STYLE = """
@page { size: %(sheet_width)spx %(sheet_height)spx; margin: 0 }
html, body { margin: 0; padding: 0 }
html { overflow: hidden }
img { position: absolute; left: %(room)spx; top: %(room)spx; width: %(width)spx; height: %(height)spx;
      transform: scale(%(zoom)s); transform-origin: 0 0 }
"""


@dataclass(frozen=True)
class Sheet:
    """What a figure of `width` × `height` px is printed on, at `zoom` times its size."""

    width: float
    height: float
    zoom: float = 1.0

    def page(self, svg: bytes) -> str:
        """The HTML page that shows `svg`. As an image it can run nothing and inherits no style."""
        values = {
            "sheet_width": self.width + 2 * ROOM_PX,
            "sheet_height": self.height + 2 * ROOM_PX,
            "room": ROOM_PX,
            "width": self.width,
            "height": self.height,
            "zoom": self.zoom,
        }
        return (
            "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Figure</title>"
            f"<style>{STYLE % values}</style></head><body>"
            f"<img alt='' src='data:image/svg+xml;base64,{base64.b64encode(svg).decode()}'>"
            "</body></html>"
        )

    def marks(self) -> dict[Colour, Mark]:
        """A square in each corner."""
        side = min(MARK_PX, self.width / 3, self.height / 3)
        lefts, tops = (0.0, self.width - side), (0.0, self.height - side)
        places = [Mark(left, top, left + side, top + side) for top in tops for left in lefts]
        return dict(zip(_CORNERS, places, strict=True))

    def marked(self) -> bytes:
        """The marks as SVG."""
        squares = "".join(
            f"<rect x='{x0}' y='{y0}' width='{x1 - x0}' height='{y1 - y0}'"
            f" fill='rgb({','.join(str(round(255 * part)) for part in colour)})'/>"
            for colour, (x0, y0, x1, y1) in self.marks().items()
        )
        size = (
            f"width='{self.width}' height='{self.height}' viewBox='0 0 {self.width} {self.height}'"
        )
        return f"<svg xmlns='http://www.w3.org/2000/svg' {size}>{squares}</svg>".encode()


@dataclass(frozen=True)
class _Measured:
    sheet: Sheet
    frame: Frame
    media: Bounds


class Printer:
    """Prints in up to `count` tabs of a started browser, and knows how it prints each size."""

    def __init__(self, browser: Any, count: int) -> None:
        self.tabs = Tabs(browser, count)
        self._measured: dict[tuple[float, float], asyncio.Task[_Measured]] = {}

    async def pdf(
        self, drawing: Awaitable[bytes], width: float, height: float, *, scale: float = 1.0
    ) -> bytes:
        """The SVG that `drawing` gives as a PDF page of `width` × `height` px times `scale`.

        The sheet is measured while the drawing is made. Raises PageError if this browser's marks
        are not whole at any zoom, or if it printed the figure on another page than the marks.
        """
        svg, measured = await asyncio.gather(drawing, self._measure(width, height))
        printed = await self._show(measured.sheet.page(svg), _printed)
        if pdf_page.media_box(printed) != measured.media:
            raise PageError("the figure came on a page of another size than its marks")
        return pdf_page.cut(printed, measured.frame, width, height, scale=scale)

    async def png(
        self, drawing: Awaitable[bytes], width: float, height: float, *, scale: float = 1.0
    ) -> bytes:
        """The SVG as pixels, `scale` a px, on a whole number of them in each direction."""
        size = (max(round(width * scale), 1), max(round(height * scale), 1))
        page = Sheet(width, height).page(await drawing)
        return await self._show(page, lambda tab: _painted(tab, *size))

    async def _measure(self, width: float, height: float) -> _Measured:
        """The same measurement for all figures of a size."""
        size = (width, height)
        if size not in self._measured:
            self._measured[size] = asyncio.create_task(self._try_zooms(width, height))
        return await asyncio.shield(self._measured[size])

    async def _try_zooms(self, width: float, height: float) -> _Measured:
        trouble: PageError | None = None
        for zoom in ZOOMS:
            sheet = Sheet(width, height, zoom)
            printed = await self._show(sheet.page(sheet.marked()), _printed)
            try:
                frame = pdf_page.frame(printed, sheet.marks())
            except PageError as error:
                trouble = trouble or error
            else:
                return _Measured(sheet, frame, pdf_page.media_box(printed))
        raise PageError(
            f"on a marker page of {number_words(width)} × {number_words(height)} px {trouble}"
        )

    async def _show(self, html: str, taken: Callable[[Tab], Awaitable[bytes]]) -> bytes:
        """What is `taken` from a tab that shows the page `html`."""
        async with self.tabs.one() as tab:
            await tab.show(html)
            await tab.run("document.images[0].decode()")
            return await taken(tab)


async def _printed(tab: Tab) -> bytes:
    paper = {f"margin{side}": 0 for side in ("Top", "Bottom", "Left", "Right")}
    answer = await tab.send(
        "Page.printToPDF", **paper, printBackground=True, preferCSSPageSize=True, pageRanges="1"
    )
    return base64.b64decode(answer.at("data"))


async def _painted(tab: Tab, columns: int, rows: int) -> bytes:
    """The page's image painted over a canvas of so many pixels."""
    png: str = await tab.run(f"""(() => {{
        const canvas = document.createElement("canvas");
        canvas.width = {columns};
        canvas.height = {rows};
        canvas.getContext("2d").drawImage(document.images[0], 0, 0, {columns}, {rows});
        return canvas.toDataURL("image/png").split(",")[1];
    }})()""")
    return base64.b64decode(png, validate=True)
