"""Pictures: what is printed is the whole figure, at its size, in its place."""

import dataclasses
import io
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

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


def raster(pdf: bytes, folder, *words: str):
    """The page as poppler sees it, at 96 dpi unless `words` say otherwise."""
    from PIL import Image

    (folder / "page.pdf").write_bytes(pdf)
    command = ["pdftoppm", "-r", "96", *words, "-singlefile", folder / "page.pdf", folder / "page"]
    subprocess.run(command, check=True)
    return Image.open(next(folder.glob("page.p[gp]m")))


def red_figure(width: int = 400, height: int = 200) -> go.Figure:
    figure = go.Figure().update_xaxes(visible=False).update_yaxes(visible=False)
    return figure.update_layout(
        width=width, height=height, paper_bgcolor="#FF0000", plot_bgcolor="#FF0000"
    )


def is_red_to_its_edges(pdf: bytes, folder, width: int, height: int) -> None:
    page = np.asarray(raster(pdf, folder)).astype(int)
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
    """Gives the pages that Chrome prints more rules: ours, or kaleido's where that prints."""
    yield lambda rules: _add_rules(rules, monkeypatch)
    browser.stop()


def _add_rules(rules: str, monkeypatch) -> None:
    try:
        from ict.figures import printing
    except ImportError:
        from kaleido import PageGenerator

        header = PageGenerator.header + f"<style>{rules}</style>"
        monkeypatch.setattr(PageGenerator, "header", header)
    else:
        monkeypatch.setattr(printing, "STYLE", printing.STYLE + rules.replace("%", "%%"))
    browser.stop()


@dataclasses.dataclass(frozen=True)
class Compared:
    """A figure's PDF beside its PNG, both as grey (height, width) at 96 dpi."""

    pdf: np.ndarray
    png: np.ndarray
    same_size: bool

    def correlation(self, right: int = 0, down: int = 0) -> float:
        """Of the PNG with the PDF moved by so many px."""
        inner = self.png[1:-1, 1:-1]
        moved = self.pdf[1 + down : -1 + down or None, 1 + right : -1 + right or None]
        return float(np.corrcoef(inner.ravel(), moved.ravel())[0, 1])

    def shift(self) -> tuple[int, int]:
        """px to the right and down at which the two are most alike."""
        near = [(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1)]
        return max(near, key=lambda step: self.correlation(*step))

    def extents(self) -> np.ndarray:
        """First and last row and column that are not white, of the PDF and of the PNG: (2, 4)."""
        inked = [page < 245 for page in (self.pdf, self.png)]
        lines = [[np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0)] for ink in inked]
        return np.array([[end for line in both for end in (line[0], line[-1])] for both in lines])


def compare(figure: go.Figure, style: str, folder) -> Compared:
    """poppler puts letters on whole pixels, so it draws many a px, and their mean is taken."""
    from PIL import Image

    from ict.figures.export import FigureBundle, export

    files = export(FigureBundle("f", figure), style, ("pdf", "png"))
    png = Image.open(io.BytesIO(files["f.png"])).convert("L")
    width, height = round(png.width * 96 / 300), round(png.height * 96 / 300)
    many = 8 if width < 400 else 6 if width < 800 else 4
    page = raster(files["f.pdf"], folder, "-r", str(96 * many), "-gray")
    size = (width * many, height * many)
    across = mean_over(np.asarray(png, dtype=float).T, width).T
    whole = Image.new("L", size, 255)
    whole.paste(page)
    seen = np.asarray(whole.reduce(many), dtype=float)
    return Compared(seen, mean_over(across, height), same_size=page.size == size)


def mean_over(rows: np.ndarray, count: int) -> np.ndarray:
    """`count` rows, each the mean of the same share of `rows`, parts of a row counted as parts."""
    edges = np.linspace(0, len(rows), count + 1)
    whole = np.minimum(edges.astype(int), len(rows) - 1)
    sums = np.concatenate([np.zeros_like(rows[:1]), np.cumsum(rows, axis=0)])
    below = sums[whole] + (edges - whole)[:, None] * rows[whole]
    return np.diff(below, axis=0) * count / len(rows)


@pytest.fixture(scope="module")
def compared(tmp_path_factory) -> dict[tuple[str, str], Compared]:
    """Every figure in every style; two styles that print it alike are drawn once."""
    from ict.figures import samples
    from ict.figures.styles import STYLES, restyle

    figures = samples.figures("light")
    pairs = [(name, style) for style in STYLES for name in figures]
    prints = {
        (name, style): restyle(figures[name], STYLES[style]).to_json() for name, style in pairs
    }
    first = {text: pair for pair, text in reversed(prints.items())}
    with ThreadPoolExecutor(browser.PAGES) as pool:
        found = pool.map(
            lambda pair: compare(figures[pair[0]], pair[1], tmp_path_factory.mktemp("page")),
            first.values(),
        )
        by_print = dict(zip(first, found, strict=True))
    return {pair: by_print[text] for pair, text in prints.items()}


STYLE_NAMES = ["iclr", "neurips", "cvpr", "icml", "ijcv", "slides"]


@pytest.mark.slow
@pytest.mark.promise("The PDF and the PNG of every figure in every style are the same picture.")
@pytest.mark.parametrize("style", STYLE_NAMES)
def test_pdf_and_png_are_the_same_picture(style, compared):
    found = {name: one for (name, its), one in compared.items() if its == style}
    assert len(found) >= 26
    assert {one.shift() for one in found.values()} == {(0, 0)}
    assert all(one.same_size for one in found.values())
    unlike = {name: round(one.correlation(), 4) for name, one in found.items()}
    assert not {name: value for name, value in unlike.items() if value < 0.98}


@pytest.mark.slow
@pytest.mark.promise("Nothing of a figure is cut, at an edge of its page or within, in any style.")
@pytest.mark.parametrize("style", STYLE_NAMES)
def test_nothing_is_cut(style, compared):
    """Margins are white, and the PDF's ink begins and ends where that of the PNG does."""
    found = {name: one for (name, its), one in compared.items() if its == style}
    apart = {name: int(np.abs(np.diff(one.extents(), axis=0)).max()) for name, one in found.items()}
    assert not {name: px for name, px in apart.items() if px > 1}
    for name, one in found.items():
        height, width = one.png.shape
        top, bottom, left, right = one.extents().T
        assert (
            min(top.min(), left.min(), height - 1 - bottom.max(), width - 1 - right.max()) >= 1
        ), name


def test_the_styles_are_all_of_them():
    from ict.figures.styles import STYLES

    assert sorted(STYLES) == sorted(STYLE_NAMES)


def test_every_figure_of_the_package_and_the_command_has_a_sample():
    """So that what is compared here is all that there is."""
    import inspect

    from ict.figures.drawings import FIGURES

    from ict import figures
    from ict.figures import samples

    assert set(FIGURES) <= set(samples.figures("light"))
    text = inspect.getsource(samples)
    drawing = [
        name
        for name in figures.__all__
        if (inspect.signature(getattr(figures, name)).return_annotation if name[0].islower() else 0)
        is go.Figure
    ]
    assert len(drawing) > 20
    assert not [name for name in drawing if name != "apply" and f"{name}(" not in text]
