"""Pictures: what is printed is the whole figure, at its size, in its place."""

import shutil
import subprocess

import numpy as np
import plotly.graph_objects as go
import pytest

from ict.figures import browser

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        browser.trouble() is not None or not shutil.which("pdftoppm"),
        reason="needs Chrome and poppler-utils; CI installs both",
    ),
]


@pytest.fixture(scope="module", autouse=True)
def one_browser():
    yield
    browser.stop()


def raster(pdf: bytes, folder, dpi: int = 96) -> np.ndarray:
    """The page as (height, width, 3) bytes."""
    from PIL import Image

    (folder / "page.pdf").write_bytes(pdf)
    words = ["pdftoppm", "-r", str(dpi), "-singlefile", folder / "page.pdf", folder / "page"]
    subprocess.run(words, check=True)
    return np.asarray(Image.open(folder / "page.ppm").convert("RGB")).astype(int)


def red_figure(width: int = 400, height: int = 200) -> go.Figure:
    figure = go.Figure().update_xaxes(visible=False).update_yaxes(visible=False)
    return figure.update_layout(
        width=width, height=height, paper_bgcolor="#FF0000", plot_bgcolor="#FF0000"
    )


def is_red_to_its_edges(pdf: bytes, folder, width: int, height: int) -> None:
    page = raster(pdf, folder)
    assert page.shape == (height, width, 3)
    red = (page[..., 0] > 240) & (page[..., 1:].max(axis=2) < 16)
    rows, columns = np.flatnonzero(red.any(axis=1)), np.flatnonzero(red.any(axis=0))
    assert (columns[0], columns[-1], rows[0], rows[-1]) == (0, width - 1, 0, height - 1)
    assert red.all()


@pytest.mark.promise("A red figure of 400 × 200 px is red on the whole page of its PDF.")
def test_a_red_figure_fills_its_page(tmp_path):
    is_red_to_its_edges(browser.draw(red_figure(), "pdf"), tmp_path, 400, 200)


@pytest.mark.promise("A PDF is right whatever margin the body of the browser's page has.")
@pytest.mark.parametrize("margin", [0, 8, 23])
def test_a_margin_of_the_body_moves_nothing(margin, tmp_path, styled):
    styled(f"html body {{ margin: {margin}px !important; position: relative }}")
    is_red_to_its_edges(browser.draw(red_figure(), "pdf"), tmp_path, 400, 200)


@pytest.mark.promise("A PDF is right whatever size of page the browser's style asks for.")
@pytest.mark.parametrize("size", ["8.5in 11in", "300px 500px"])
def test_a_changed_size_of_page_cuts_nothing(size, tmp_path, styled):
    styled(f"@page {{ size: {size} !important; margin: 5px !important }}")
    is_red_to_its_edges(browser.draw(red_figure(), "pdf"), tmp_path, 400, 200)


@pytest.fixture
def styled(monkeypatch):
    """Gives Chrome's pages more rules: kaleido's, and the one that figures are printed on."""
    yield lambda rules: _add_rules(rules, monkeypatch)
    browser.stop()


def _add_rules(rules: str, monkeypatch) -> None:
    from kaleido import PageGenerator

    header = PageGenerator.header + f"<style>{rules}</style>"
    monkeypatch.setattr(PageGenerator, "header", header)
    try:
        from ict.figures import printing
    except ImportError:
        pass
    else:
        monkeypatch.setattr(printing, "STYLE", printing.STYLE + rules.replace("%", "%%"))
    browser.stop()
