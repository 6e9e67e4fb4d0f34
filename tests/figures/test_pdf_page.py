"""Pages of PDFs: marks found through matrices and clips, and pages cut, on a file written by hand."""

import re
import shutil
import subprocess
import zlib

import numpy as np
import pytest

from ict.figures.pdf_page import Frame, Mark, PageError, cut, frame, rectangles

RED, BLUE = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)


def written(drawing: bytes, *, packed: bool = True) -> bytes:
    """A PDF of one page of 300 × 200 points with these drawing commands."""
    stream = zlib.compress(drawing) if packed else drawing
    way = b"/Filter /FlateDecode\n" if packed else b""
    objects = [
        b"<</Type /Catalog\n/Pages 3 0 R>>",
        b"<<%s/Length %d>> stream\n%s\nendstream" % (way, len(stream), stream),
        b"<</Type /Pages\n/Count 1\n/Kids [4 0 R]>>",
        b"<</Type /Page\n/Resources <</ProcSet [/PDF] /ExtGState <</G3 <</ca 1>>>>>>\n"
        b"/MediaBox [0 0 300 200]\n/Contents 2 0 R\n/Parent 3 0 R>>",
    ]
    file, places = bytearray(b"%PDF-1.4\n"), []
    for number, text in enumerate(objects, start=1):
        places.append(len(file))
        file += b"%d 0 obj\n%s\nendobj\n" % (number, text)
    start = len(file)
    file += b"xref\n0 5\n0000000000 65535 f \n"
    file += b"".join(b"%010d 00000 n \n" % place for place in places)
    return bytes(file + b"trailer\n<</Size 5\n/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % start)


def drawn(text: str) -> list[tuple]:
    return [
        (r.colour, *np.round([r.left, r.bottom, r.right, r.top], 6).tolist())
        for r in rectangles(written(text.encode()))
    ]


def test_rectangles_go_through_every_matrix():
    assert drawn("q 2 0 0 -2 10 200 cm 1 0 0 rg 5 10 20 30 re f Q 0 0 1 rg 0 0 1 1 re f") == [
        (RED, 20.0, 120.0, 60.0, 180.0),  # x: 10 + 2·5 to 10 + 2·25; y: 200 - 2·40 to 200 - 2·10
        (BLUE, 0.0, 0.0, 1.0, 1.0),
    ]
    assert drawn("0 1 -1 0 100 0 cm 1 0 0 rg 0 0 m 10 0 l 10 20 l 0 20 l h f") == [
        (RED, 80.0, 0.0, 100.0, 10.0)  # turned by 90 degrees: x = 100 - y
    ]


def test_what_a_clip_or_the_page_cuts_off_is_not_seen():
    assert drawn("1 0 0 rg q 0 0 50 50 re W* n 40 40 30 30 re f Q 290 190 30 30 re f") == [
        (RED, 40.0, 40.0, 50.0, 50.0),
        (RED, 290.0, 190.0, 300.0, 200.0),
    ]


def test_the_colour_comes_back_with_the_pen():
    assert [r[0] for r in drawn("1 0 0 rg q 0 0 1 rg 0 0 1 1 re f Q 0 0 1 1 re f")] == [BLUE, RED]


def test_marks_say_where_a_page_lies():
    marks = {RED: Mark(0.0, 0.0, 8.0, 8.0), BLUE: Mark(92.0, 42.0, 100.0, 50.0)}
    generator = np.random.default_rng(0)
    for across, down, left, top in generator.uniform(
        (0.3, 0.3, 0, 120), (1.5, 1.5, 90, 200), (20, 4)
    ):
        to_page = f"{across:.9f} 0 0 {-down:.9f} {left:.9f} {top:.9f} cm"
        text = f"{to_page} 1 0 0 rg 0 0 8 8 re f 0 0 1 rg 92 42 8 8 re f"
        found = frame(written(text.encode()), marks)
        assert np.allclose(
            (found.left, found.top, found.across, found.down), (left, top, across, down), atol=1e-6
        )


@pytest.mark.parametrize(
    ("drawing", "said"),
    [
        (b"1 0 0 rg 0 192 8 8 re f", "1 of 2 marks are not on the page"),
        (b"1 0 0 rg 0 192 8 8 re f 0 0 1 rg 92 150 8 7 re f", "cut or"),
        (b"1 0 0 rg -3 192 8 8 re f 0 0 1 rg 92 150 8 8 re f", "cut or"),
    ],
)
def test_marks_that_are_missing_or_cut_are_errors(drawing, said):
    marks = {RED: Mark(0.0, 0.0, 8.0, 8.0), BLUE: Mark(92.0, 42.0, 100.0, 50.0)}
    with pytest.raises(PageError, match=said):
        frame(written(drawing), marks)


def test_a_page_is_cut_to_its_frame_and_its_drawing_is_kept():
    drawing = b"q 1 0 0 rg 30 40 120 60 re f Q 0 0 1 rg 30 94 6 6 re f"
    pdf = cut(written(drawing), Frame(left=30, top=100, across=0.6, down=0.6), 200, 100)
    assert b"/MediaBox [0 0 150 75]" in pdf
    assert zlib.compress(drawing) in pdf
    assert b"/BBox [30 40 150 100]" in pdf
    assert b"/Matrix [1.25 0 0 1.25 -37.5 -50]" in pdf
    table = int(re.search(rb"startxref\n(\d+)", pdf)[1])
    assert pdf[table:].startswith(b"xref\n0 6\n")
    for number, place in enumerate(re.findall(rb"(\d{10}) 00000 n", pdf), start=1):
        assert pdf[int(place) :].startswith(b"%d 0 obj" % number)


@pytest.mark.skipif(not shutil.which("pdftoppm"), reason="needs poppler-utils")
@pytest.mark.parametrize("packed", [True, False])
def test_another_program_sees_the_frame_and_nothing_else(packed, tmp_path):
    from PIL import Image

    drawing = b"0 0 1 rg 0 0 300 200 re f 1 0 0 rg 30 40 120 60 re f 0 0 0 rg 30 94 6 6 re f"
    pdf = cut(written(drawing, packed=packed), Frame(30, 100, 0.6, 0.6), 200, 100, scale=2)
    (tmp_path / "a.pdf").write_bytes(pdf)
    words = ["pdftoppm", "-r", "48", "-singlefile", tmp_path / "a.pdf", tmp_path / "a"]
    assert subprocess.run(words, check=True, capture_output=True).stderr == b""
    page = np.asarray(Image.open(tmp_path / "a.ppm").convert("RGB"))
    assert page.shape == (100, 200, 3)
    assert (page[:10, :10] == 0).all()
    assert (page[:, 11:] == (255, 0, 0)).all()


@pytest.mark.parametrize(
    ("pdf", "said"),
    [
        (b"not a PDF", "the file has no trailer"),
        (written(b"").replace(b"xref\n0 5", b"xref\n1 4"), "no plain cross-reference table"),
        (written(b"").replace(b"/Type /Page\n", b"/Type /Pagg\n"), "0 pages, not 1"),
        (written(b"").replace(b"/Contents 2 0 R", b"/Contents [2 0]"), "not one stream"),
        (written(b"q").replace(b"x\x9c", b"xx"), "cannot be unpacked"),
    ],
)
def test_files_that_are_written_otherwise_are_errors_and_not_guesses(pdf, said):
    with pytest.raises(PageError, match=said):
        list(rectangles(pdf))
