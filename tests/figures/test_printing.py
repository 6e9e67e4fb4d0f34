"""Printing: exact pages from a browser that prints as it likes, and a sentence where it will not."""

import io
import re
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import plotly.graph_objects as go
import pytest
from PIL import Image

from ict.figures import browser, pdf_page, printing
from ict.figures.export import MISSING, FigureBundle, export, missing_formats
from ict.figures.printing import Sheet

needs_chrome = pytest.mark.skipif(
    missing_formats() is not None or not shutil.which("pdffonts"),
    reason="needs Chrome and poppler-utils; CI installs both",
)


@pytest.fixture(scope="module", autouse=True)
def one_browser():
    yield
    browser.stop()


def plain(colour: str, width: float, height: float) -> go.Figure:
    figure = go.Figure().update_xaxes(visible=False).update_yaxes(visible=False)
    return figure.update_layout(
        width=width, height=height, paper_bgcolor=colour, plot_bgcolor=colour
    )


def test_marks_lie_in_the_four_corners_and_apart():
    for width, height in ((400, 200), (12, 9), (3, 300)):
        boxes = np.array(list(Sheet(width, height).marks().values()))
        assert boxes[:, :2].min() == 0
        assert (boxes[:, 2].max(), boxes[:, 3].max()) == (width, height)
        sides = boxes[:, 2:] - boxes[:, :2]
        assert np.allclose(sides, min(8, width / 3, height / 3))
        assert len({tuple(box) for box in boxes.tolist()}) == 4


def test_a_page_carries_the_svg_and_nothing_that_runs():
    page = Sheet(10, 20).page(b"<svg onload='alert(1)'><script>alert(2)</script></svg>")
    assert "alert" not in page  # base64, in an image
    assert page.count("<img") == 1


@needs_chrome
@pytest.mark.parametrize("size", [(317.3, 211.7), (24, 1000), (1152, 614), (3000, 40)])
@pytest.mark.parametrize("scale", [1, 2])
def test_a_page_has_the_size_of_its_figure_to_a_thousandth_of_a_point(size, scale):
    pdf = browser.draw(plain("#123456", *size), "pdf", scale=scale)
    media = pdf_page.media_box(pdf)
    assert media == pytest.approx((0, 0, size[0] * 0.75 * scale, size[1] * 0.75 * scale), abs=1e-5)


@needs_chrome
def test_the_files_of_many_threads_are_not_mixed_up():
    """Each figure has its own colour and width, in PDF and in PNG."""
    colours = [f"#{40 + 20 * i:02x}{250 - 20 * i:02x}80" for i in range(8)]

    def both(i: int) -> tuple[bytes, bytes]:
        drawing = browser.Drawing(plain(colours[i], 100 + 8 * i, 80))
        return drawing.file("png"), drawing.file("pdf")

    with ThreadPoolExecutor(8) as pool:
        for i, (png, pdf) in enumerate(pool.map(both, range(8))):
            picture = Image.open(io.BytesIO(png)).convert("RGB")
            assert picture.size == (100 + 8 * i, 80)
            assert "#{:02x}{:02x}{:02x}".format(*picture.getpixel((50, 40))) == colours[i]
            assert pdf_page.media_box(pdf)[2] == pytest.approx(0.75 * (100 + 8 * i))


@needs_chrome
def test_a_figure_is_drawn_once_for_all_its_files(monkeypatch):
    drawn = []
    original = browser.Plotter.svg

    async def counted(self, *words):
        drawn.append(words)
        return await original(self, *words)

    monkeypatch.setattr(browser.Plotter, "svg", counted)
    files = export(FigureBundle("a", plain("#FFFFFF", 200, 100)), "cvpr", ("pdf", "svg", "png"))
    assert len(drawn) == 1
    assert files["a.svg"].count(b"geometricPrecision") == 1


@needs_chrome
def test_a_browser_that_was_started_ahead_is_the_one_that_draws(monkeypatch):
    started, loaded = [], []
    start, load = browser._Chrome.__init__, browser.Plotter.__init__
    monkeypatch.setattr(
        browser._Chrome, "__init__", lambda one: (started.append(one), start(one))[1]
    )
    monkeypatch.setattr(
        browser.Plotter, "__init__", lambda one, *how: (loaded.append(one), load(one, *how))[1]
    )
    browser.stop()
    browser.warm()
    browser.warm()
    pdf = browser.draw(plain("#123456", 200, 100), "pdf")
    assert pdf_page.media_box(pdf)[2] == pytest.approx(150)
    assert (len(started), len(loaded)) == (1, 1)
    assert len(loaded[0].tabs._idle) == 1  # plotly.js was loaded once


@needs_chrome
def test_a_browser_that_shows_no_marks_gives_a_sentence_and_no_cut_pdf(monkeypatch):
    hidden = printing.STYLE + "@media print { img { visibility: hidden } }"
    monkeypatch.setattr(printing, "STYLE", hidden)
    browser.stop()
    files = export(FigureBundle("a", plain("#FF0000", 200, 100)), "cvpr", ("pdf", "png", "csv"))
    browser.stop()
    assert set(files) == {"a.png", "a.csv", MISSING}
    sentence = files[MISSING].decode()
    assert re.search(r"4 of 4 marks are not on the page", sentence)
    assert "take SVG or PNG, or set BROWSER_PATH to another Chrome" in sentence
