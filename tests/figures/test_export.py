"""Exports: page size, fonts and text boxes of the PDF as other programs see them; tables by bytes."""

import dataclasses
import io
import json
import re
import shutil
import struct
import subprocess
import zipfile
from itertools import combinations

import pandas as pd
import plotly.graph_objects as go
import pytest

from ict.errors import InputError
from ict.figures import browser, samples
from ict.figures.export import FORMATS, MISSING, FigureBundle, export, export_all, missing_formats
from ict.figures.styles import STYLES, get_style, restyle
from ict.figures.tables import escape, grouped_accuracy, to_csv, to_latex

FIGURES = samples.figures("light")
needs_chrome = pytest.mark.skipif(
    missing_formats() is not None or not shutil.which("pdffonts"),
    reason="needs Chrome and poppler-utils; CI installs both",
)


@pytest.fixture(scope="module", autouse=True)
def one_browser():
    yield
    browser.stop()


def poppler(tool: str, pdf: bytes, tmp_path, *options: str) -> str:
    path = tmp_path / "figure.pdf"
    path.write_bytes(pdf)
    target = ["-"] if tool == "pdftotext" else []
    command = [tool, *options, str(path), *target]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def words(pdf: bytes, tmp_path) -> list[tuple[float, float, float, float, str]]:
    found = re.findall(
        r'<word xMin="([\d.-]+)" yMin="([\d.-]+)" xMax="([\d.-]+)" yMax="([\d.-]+)">(.*?)</word>',
        poppler("pdftotext", pdf, tmp_path, "-bbox"),
    )
    return [(*map(float, box), text) for *box, text in found]


def shared_area(a, b) -> float:
    """Area that two boxes share over that of the smaller, a tenth of each height forgiven."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / min((x[2] - x[0]) * (x[3] - x[1]) for x in (a, b))


def check_on_paper(name: str, style: str, tmp_path) -> None:
    printed = restyle(FIGURES[name], STYLES[style])
    files = export(FigureBundle(name, FIGURES[name]), style, ("pdf", "svg"))
    pdf, svg = files[f"{name}.pdf"], files[f"{name}.svg"].decode()
    about = poppler("pdfinfo", pdf, tmp_path)
    width, height = map(float, re.search(r"Page size:\s+([\d.]+) x ([\d.]+)", about).groups())
    assert width == pytest.approx(printed.layout.width * 0.75, abs=1)
    assert height == pytest.approx(printed.layout.height * 0.75, abs=1)
    assert re.search(r"Pages:\s+1\n", about)
    fonts = poppler("pdffonts", pdf, tmp_path).splitlines()[2:]
    assert fonts
    for line in fonts:
        assert "Type 3" not in line
        assert re.search(r"yes yes \w+\s+\d+\s+\d+\s*$", line), line  # embedded, a subset
    boxes = words(pdf, tmp_path)
    assert boxes
    for x0, y0, x1, y1, text in boxes:
        assert x0 >= -0.5, text
        assert y0 >= -0.5, text
        assert x1 <= width + 0.5, text
        assert y1 <= height + 0.5, text
    for a, b in combinations(boxes, 2):
        assert shared_area(a, b) < 0.12, (a, b)
    sizes = [float(s) for s in re.findall(r"font-size: ([\d.]+)px", svg)]
    assert min(sizes) >= 8  # 6 pt
    assert not re.search(r'font-size: ?"?\d+%|dy="-0.6em"', svg)  # superscripts are smaller still


@needs_chrome
@pytest.mark.parametrize("name", FIGURES)
def test_on_a_narrow_column_nothing_is_clipped_small_or_overlapping(name, tmp_path):
    check_on_paper(name, "cvpr", tmp_path)


@needs_chrome
@pytest.mark.slow
@pytest.mark.parametrize("style", ["iclr", "icml", "ijcv", "slides"])
@pytest.mark.parametrize("name", FIGURES)
def test_in_every_style_nothing_is_clipped_small_or_overlapping(name, style, tmp_path):
    check_on_paper(name, style, tmp_path)


@pytest.mark.parametrize(
    ("style", "span", "points"),
    [
        ("iclr", "column", 396), ("neurips", "text", 396), ("cvpr", "column", 234),
        ("cvpr", "text", 495), ("icml", "column", 234), ("icml", "text", 486),
        ("ijcv", "column", 84 / 25.4 * 72), ("ijcv", "text", 174 / 25.4 * 72),
    ],
)  # fmt: skip
def test_widths_are_those_of_the_venues(style, span, points):
    printed = restyle(FIGURES["k-ratio"], get_style(style), span)
    assert printed.layout.width * 0.75 == pytest.approx(points, abs=1)
    assert printed.layout.template.layout.font.size * 0.75 == pytest.approx(8, abs=0.01)


def test_neurips_prints_as_iclr_does_so_that_one_is_checked_for_both():
    assert dataclasses.replace(STYLES["neurips"], name="iclr") == STYLES["iclr"]


def test_unknown_styles_and_formats_and_names_are_refused_with_the_allowed_ones():
    bundle = FigureBundle("a", go.Figure())
    with pytest.raises(InputError, match="did you mean 'neurips'"):
        export(bundle, "nuerips", ("csv",))
    with pytest.raises(InputError, match="format 'eps'"):
        export(bundle, "iclr", ("eps",))
    with pytest.raises(InputError, match="letters"):
        FigureBundle("../a", go.Figure())


def test_gl_traces_are_refused():
    with pytest.raises(InputError, match="scattergl"):
        export(FigureBundle("a", go.Figure(go.Scattergl(x=[1], y=[1]))), "iclr", ("csv",))


@needs_chrome
def test_png_has_300_dpi_and_the_width_of_the_column(tmp_path):
    png = export(FigureBundle("k", FIGURES["histogram"]), "cvpr", ("png",))["k.png"]
    assert struct.unpack(">II", png[16:24])[0] == pytest.approx(3.25 * 300, abs=3)
    per_metre = struct.unpack(">II", png[png.index(b"pHYs") + 4 :][:8])
    assert per_metre == (11811, 11811)


@needs_chrome
def test_score_maps_are_one_sharp_pixel_a_channel_in_the_pdf(tmp_path):
    pdf = export(FigureBundle("m", FIGURES["score-map"]), "neurips", ("pdf",))["m.pdf"]
    row = poppler("pdfimages", pdf, tmp_path, "-list").splitlines()[2].split()
    assert row[3:5] == ["768", "12"]
    assert row[row.index("image", 3) if "image" in row[3:] else 9] is not None
    assert " no " in " ".join(row)  # not interpolated: edges stay sharp


@pytest.fixture
def no_chrome(monkeypatch):
    browser.stop()
    monkeypatch.setenv("BROWSER_PATH", "/nonexistent/chrome")


def test_without_chrome_everything_else_is_made_and_one_sentence_says_so(no_chrome, monkeypatch):
    from choreographer.browsers.chromium import Chromium

    monkeypatch.setattr(Chromium, "find_browser", classmethod(lambda *_, **__: None))
    bundle = FigureBundle("k", FIGURES["k-ratio"], samples.ratio_table())
    files = export(bundle, "iclr")
    assert set(files) == {"k.html", "k.csv", "k.tex", "k.txt", "k.json", MISSING}
    sentence = files[MISSING].decode()
    assert sentence.count("\n") == 1
    assert "install chromium" in sentence
    assert missing_formats() in sentence
    assert b"toImageButtonOptions" in files["k.html"]  # the browser's own vector export
    assert b'"svg"' in files["k.html"]


def test_a_chrome_that_does_not_start_is_a_sentence_and_not_a_hang(tmp_path, monkeypatch):
    broken = tmp_path / "chrome"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    from choreographer.browsers.chromium import Chromium

    browser.stop()
    monkeypatch.setattr(Chromium, "find_browser", classmethod(lambda *_, **__: str(broken)))
    monkeypatch.setattr(browser, "_START_SECONDS", 5.0)
    files = export(FigureBundle("k", FIGURES["histogram"]), "iclr", ("pdf", "csv"))
    assert MISSING in files
    assert b"Chrome" in files[MISSING]
    browser.stop()


def test_csv_and_latex_are_equal_byte_for_byte_for_the_same_table():
    table = grouped_accuracy(samples.ratio_table(), ["series", "ratio", "k"])
    bundles = [
        FigureBundle("k", FIGURES["k-ratio"], t, best={"mean": "max"})
        for t in (table, table.copy())
    ]
    one, two = (export(b, "iclr", ("csv", "tex")) for b in bundles)
    assert one == two
    again = pd.read_csv(io.BytesIO(one["k.csv"]))
    pd.testing.assert_frame_equal(again, table, check_dtype=False, rtol=1e-15)


def test_latex_marks_best_second_interval_and_published():
    table = pd.DataFrame(
        {
            "method": ["ICT K=96", "LoRA & co", "SSF"],
            "source": ["this store", "published", "published"],
            "mean": [73.14, 72.25, 73.10],
            "low": [72.9, float("nan"), float("nan")],
            "high": [73.4, float("nan"), float("nan")],
            "n": [5, 1, 1],
        }
    )
    lines = to_latex(
        table, caption="100 % of D_K", label="tab:x", best={"mean": "max"}
    ).splitlines()
    assert r"\caption{100 \% of D\_K}" in lines
    assert r"method & mean [95 \% interval] & n \\" in lines
    assert r"ICT K=96 & \textbf{73.1} {\scriptsize [72.9, 73.4]} & 5 \\" in lines
    assert r"LoRA \& co$^{\dagger}$ & \underline{72.2} & 1 \\" in lines
    assert r"SSF$^{\dagger}$ & \textbf{73.1} & 1 \\" in lines  # a tie at the printed digits
    assert sum("published" in line for line in lines) == 1
    assert [r for r in lines if "rule" in r] == [r"\toprule", r"\midrule", r"\bottomrule"]


LATEX_CASES = {
    "k-ratio": grouped_accuracy(samples.ratio_table(), ["series", "ratio"]),
    "overlap": samples.overlap_table(3, blocks=2),
    "benchmark": samples.average_table(),
}


@pytest.mark.parametrize("name", LATEX_CASES)
def test_latex_compiles_or_passes_the_recorded_check(name, tmp_path):
    """With pdflatex it is compiled; without, its braces, columns and commands are checked."""
    text = to_latex(LATEX_CASES[name], caption="Test 95 % [1, 2]_x", label="tab:t")
    if shutil.which("pdflatex"):
        source = tmp_path / "t.tex"
        source.write_text(
            "\\documentclass{article}\\usepackage{booktabs}\\begin{document}"
            f"\n{text}\n\\end{{document}}"
        )
        subprocess.run(
            ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", source.name],
            cwd=tmp_path, check=True, capture_output=True,
        )  # fmt: skip
        return
    plain = re.sub(r"\\[\\&%$#_{}]", lambda m: " " if m[0] != r"\\" else r"\\", text)
    assert plain.count("{") == plain.count("}")
    assert plain.count("$") % 2 == 0
    assert plain.isascii()
    columns = re.search(r"\\begin\{tabular\}\{([lr]+)\}", text)[1]
    body = [line for line in plain.splitlines() if line.endswith(r" \\")]
    assert len(body) == 1 + len(LATEX_CASES[name])
    assert {line.count("&") + 1 for line in body} == {len(columns)}
    allowed = {
        "begin", "end", "centering", "caption", "label", "toprule", "midrule", "bottomrule",
        "scriptsize", "footnotesize", "dagger", "textbf", "underline", "usepackage",
    }  # fmt: skip
    assert set(re.findall(r"\\([a-zA-Z]+)", text)) <= allowed


def test_text_is_escaped_for_latex():
    assert escape("a_b & 50 % {x} ~ κ − ×") == (
        r"a\_b \& 50 \% \{x\} \textasciitilde{} $\kappa$ $-$ $\times$"
    )


def test_csv_writes_lists_and_gaps():
    table = pd.DataFrame({"runs": [["a", "b"], []], "mean": [0.1 + 0.2, None]})
    assert to_csv(table) == b"runs,mean\na;b,0.30000000000000004\n,\n"


def test_json_says_where_a_figure_came_from():
    bundle = FigureBundle(
        "k", FIGURES["k-ratio"], samples.ratio_table(),
        provenance={"run_ids": ["r1"], "command": "ict figure k-ratio", "versions": {"torch": "2"}},
    )  # fmt: skip
    found = json.loads(export(bundle, "cvpr", ("json",))["k.json"])
    assert found["run_ids"] == ["r1"]
    assert found["command"] == "ict figure k-ratio --style=cvpr --out=k.json"  # in this style
    assert found["versions"].keys() >= {"ict", "plotly", "choreographer", "torch"}
    assert found["style"] == "cvpr"
    assert "95 % t interval" in found["caption"]


def test_zip_of_all_has_a_folder_each_and_equal_bytes_again():
    bundles = [FigureBundle("k", FIGURES["k-ratio"], samples.ratio_table())] * 2
    kinds = ("csv", "tex", "txt", "json")
    packed = export_all(bundles, "iclr", kinds)
    assert packed == export_all(bundles, "iclr", kinds)
    names = zipfile.ZipFile(io.BytesIO(packed)).namelist()
    assert names == [f"{folder}/k.{kind}" for folder in ("k", "k-2") for kind in kinds]


def test_html_needs_no_network():
    page = export(FigureBundle("k", FIGURES["score-map"]), "iclr", ("html",))["k.html"].decode()
    assert not re.search(r'<(?:script|link|img)[^>]{0,200}(?:src|href)="https?:', page)
    assert "plotly.js v" in page
    assert FORMATS[0] == "pdf"
