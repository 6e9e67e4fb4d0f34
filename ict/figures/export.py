"""A figure and its table as files for a paper: PDF, SVG, PNG, HTML, CSV, LaTeX, caption, provenance.

PDF is the paper format: text stays text and its fonts travel along; an SVG only names its fonts.
Without Chrome there is no PDF, SVG or PNG; everything else is made, and one sentence says why.
"""

import io
import json
import struct
import threading
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from ict.analysis.standings import Standing
from ict.errors import InputError, quoted
from ict.figures import browser
from ict.figures.page import Section, page
from ict.figures.styles import Span, get_style, restyle
from ict.figures.tables import Best, latex_label, to_csv, to_latex
from ict.figures.theme import caption_of
from ict.provenance import versions_of

FORMATS = ("pdf", "svg", "png", "html", "csv", "tex", "txt", "json")
NEED_CHROME = ("pdf", "svg", "png")
PNG_DPI = 300
MISSING = "missing-formats.txt"
MISSING_FIGURES = "missing-figures.txt"
PLOTLY = "plotly.min.js"
_copying = threading.Lock()  # Plotly takes a figure apart while it copies it: one thread at a time
_GL = ("scattergl", "heatmapgl", "scatter3d", "surface", "mesh3d", "scatterpolargl", "splom")


Provenance = Mapping[str, Any]  # the document beside a figure: any facts of it, written as JSON


@dataclass(frozen=True)
class FigureBundle:
    """A figure with what a reader needs to trust it: its table, its caption, where it came from."""

    name: str
    """Also the name of its files: letters, digits, `-` and `_`."""
    figure: go.Figure
    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    caption: str = ""
    """Default: the figure's own."""
    provenance: Provenance = field(default_factory=dict)
    """run_ids, score_ids, seeds, the command that redraws it, …"""
    best: Best = field(default_factory=dict)
    """Columns of the table in which the best is bold: {"mean": "max"}."""
    standings: Sequence[Standing] = ()
    """One a row of the table: which mean is bold, and which carry a dagger."""
    summary: pd.DataFrame | None = None
    """The table as LaTeX prints it, where `table` has a row a channel, an image or an epoch."""
    left_out: str = ""
    """A sentence on what was asked for and is not drawn."""

    def __post_init__(self) -> None:
        if not self.name or not all(c.isalnum() or c in "-_" for c in self.name):
            raise InputError(f"figure name {quoted(self.name)}: use letters, digits, - and _")

    @property
    def caption_text(self) -> str:
        return self.caption or caption_of(self.figure)


def export(
    bundle: FigureBundle,
    style: str = "iclr",
    formats: Sequence[str] = FORMATS,
    *,
    span: Span | None = None,
    library: str | None = None,
) -> dict[str, bytes]:
    """Files by name, e.g. {"overlap.pdf": …, "overlap.csv": …}, in the order of `formats`.

    `span` overrides whether the figure takes one column or the whole text. Where Chrome is missing
    the formats that need it are left out, and "missing-formats.txt" says so in one sentence.
    `library` is where the HTML page finds a plotly.js that lies beside it; None: in itself. Raises InputError for an unknown style or format.
    """
    chosen = get_style(style)
    _check_formats(formats)
    with _copying:
        printed = restyle(bundle.figure, chosen, span)
    _refuse_rasters(printed)
    drawing = browser.Drawing(printed)
    files: dict[str, bytes] = {}
    for kind in formats:
        try:
            made = (
                html(bundle, library=library).encode()
                if kind == "html"
                else _one(bundle, drawing, (style, span), kind)
            )
            files[f"{bundle.name}.{kind}"] = made
        except browser.NoChromeError as error:
            files[MISSING] = f"{error}\n".encode()
    return files


@dataclass(frozen=True)
class Printed:
    """A figure and how it goes on paper."""

    bundle: FigureBundle
    style: str = "iclr"
    span: Span | None = None
    """None: the figure's own."""


def export_all(
    bundles: Iterable[FigureBundle], style: str = "iclr", formats: Sequence[str] = FORMATS
) -> bytes:
    """A zip with a folder for each figure; equal inputs give equal bytes of CSV and LaTeX."""
    return export_each([Printed(bundle, style) for bundle in bundles], formats)


def export_each(
    sheets: Sequence[Printed],
    formats: Sequence[str] = FORMATS,
    *,
    missing: Mapping[str, str] | None = None,
) -> bytes:
    """`export_all` of figures that each have a style and a width of their own.

    HTML pages of several figures share one plotly.js, which lies in the zip beside their folders.
    `missing` says why figures are not in it, by name: "missing-figures.txt".
    """
    shared = "html" in formats and len(sheets) > 1
    library = f"../{PLOTLY}" if shared else None
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive,
        ThreadPoolExecutor(browser.PAGES) as pool,
    ):
        if shared:
            _put(archive, PLOTLY, get_plotlyjs().encode())
        taken: set[str] = set()
        exported = pool.map(
            lambda one: export(one.bundle, one.style, formats, span=one.span, library=library),
            sheets,
        )
        for sheet, files in zip(sheets, exported, strict=True):
            folder = _free_name(sheet.bundle.name, taken)
            for name, content in files.items():
                _put(archive, f"{folder}/{name}", content)
        if missing:
            lines = "".join(f"{name}: {why}\n" for name, why in missing.items())
            _put(archive, MISSING_FIGURES, lines.encode())
    return buffer.getvalue()


def _put(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Puts a file into a zip, dated alike whenever it was made."""
    entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, content)


def missing_formats() -> str | None:
    """Why PDF, SVG and PNG cannot be made here and how to change that; None if they can."""
    return browser.trouble()


def provenance(
    bundle: FigureBundle, style: str = "screen", span: Span | None = None, kind: str = "json"
) -> Provenance:
    """What the JSON beside a figure holds; `versions` are those that drew it.

    Its command draws the figure again: in this style and span, into a file of this kind.
    """
    command = dict(bundle.provenance).get("command")
    how = [f"--style={style}"] if style != "screen" else []
    how += [f"--span={span}"] if span else []
    redraws = (
        {"command": " ".join([command, *how, f"--out={bundle.name}.{kind}"])} if command else {}
    )
    return {
        "figure": bundle.name,
        "style": style,
        "caption": bundle.caption_text,
        "rows": len(bundle.table),
        "columns": [str(name) for name in bundle.table.columns],
        **bundle.provenance,
        **redraws,
        "versions": versions_of(("ict", "plotly", "choreographer", "pandas"))
        | dict(bundle.provenance.get("versions", {})),
    }


def html(bundle: FigureBundle, *, library: str | None = None) -> str:
    """One page that needs no server and no network: the figure, its caption, its data's origin.

    `library` is the path of a plotly.js beside it; None: it is in the page.
    """
    origin = json.dumps(provenance(bundle, kind="html"), indent=1, default=str)
    drawn = Section(figure=bundle.figure, name=bundle.name, caption=bundle.caption_text)
    return page(bundle.name, [drawn, Section(summary="Provenance", folded=origin)], library=library)


def _one(
    bundle: FigureBundle, drawing: browser.Drawing, how: tuple[str, Span | None], kind: str
) -> bytes:
    if kind == "png":
        return _with_dpi(drawing.file("png", scale=PNG_DPI / 96), PNG_DPI)
    if kind in NEED_CHROME:
        return drawing.file(kind)
    if kind == "csv":
        return to_csv(bundle.table)
    if kind == "tex":
        label = f"tab:{latex_label(bundle.name)}"
        printed_table = bundle.table if bundle.summary is None else bundle.summary
        return to_latex(
            printed_table,
            caption=bundle.caption_text,
            label=label,
            best=bundle.best,
            standings=bundle.standings,
        ).encode()
    if kind == "txt":
        return (bundle.caption_text + "\n").encode()
    return (json.dumps(provenance(bundle, *how), indent=1, default=str) + "\n").encode()


def _check_formats(formats: Sequence[str]) -> None:
    unknown = [kind for kind in formats if kind not in FORMATS]
    if unknown:
        raise InputError(f"format {quoted(unknown[0])}: choose from {', '.join(FORMATS)}")


def _refuse_rasters(figure: go.Figure) -> None:
    """A gl trace would become a picture of pixels in the middle of a vector file."""
    rasters = [trace.type for trace in figure.data if trace.type in _GL]
    if rasters:
        raise InputError(f"a {rasters[0]} trace cannot be exported as vectors; draw it without gl")


def _with_dpi(png: bytes, dpi: int) -> bytes:
    """The PNG with its resolution written down, so that LaTeX and Word take its true size."""
    per_metre = round(dpi / 0.0254)
    body = b"pHYs" + struct.pack(">IIB", per_metre, per_metre, 1)
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    end_of_header = 33  # signature 8, IHDR 25
    return png[:end_of_header] + chunk + png[end_of_header:]


def _free_name(name: str, taken: set[str]) -> str:
    free, number = name, 2
    while free in taken:
        free, number = f"{name}-{number}", number + 1
    taken.add(free)
    return free
