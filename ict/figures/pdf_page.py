"""One page that a browser printed: where its marks lie, and the same page cut to its figure.

Knows as much of PDF as Chromium's writer (Skia) uses: a plain cross-reference table, one page, one
stream of drawing commands. Whatever it does not know is a `PageError`, never a guess. Lengths are
points (1/72 inch), y goes up, as PDF has it; those of a figure are px (1/96 inch), y goes down.
"""

import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

POINTS_PER_PX = 72 / 96
_TOKEN = re.compile(
    rb"\[[^\]]*\]|<<.*?>>|\((?:\\.|[^\\()])*\)|<[0-9A-Fa-f\s]*>|/?[^\s/<>\[\]()]+", re.DOTALL
)

Colour = tuple[float, float, float]


class PageError(ValueError):
    """The file is not written as this module reads it, or its marks are missing or cut."""


@dataclass(frozen=True)
class Rectangle:
    """A filled rectangle as it is seen: what a clip cuts off is not in it. In points."""

    colour: Colour
    left: float
    bottom: float
    right: float
    top: float


@dataclass(frozen=True)
class Frame:
    """Where a figure lies on its page: the px (x, y) is at (left + across·x, top - down·y) points."""

    left: float
    top: float
    across: float
    down: float


@dataclass(frozen=True)
class _Page:
    number: int
    contents: int
    resources: bytes
    rest: bytes
    """What else the page's dictionary holds."""
    media: "Bounds"


class Bounds(NamedTuple):
    """A box on a page, in points from its lower left corner."""

    left: float
    bottom: float
    right: float
    top: float


class Mark(NamedTuple):
    """A square on a sheet, in px from its upper left corner."""

    left: float
    top: float
    right: float
    bottom: float


_Matrix = tuple[float, float, float, float, float, float]
_EVERYWHERE = Bounds(-1e9, -1e9, 1e9, 1e9)


@dataclass(frozen=True)
class _Pen:
    matrix: _Matrix = (1, 0, 0, 1, 0, 0)
    clip: Bounds = _EVERYWHERE
    colour: Colour = (0, 0, 0)


def rectangles(pdf: bytes) -> Iterator[Rectangle]:
    """The filled paths of the page in the order of drawing, each as the box that is seen of it."""
    page = _page(pdf)
    pen, pens = _Pen(clip=page.media), []
    numbers: list[float] = []
    points: list[tuple[float, float]] = []
    clips = False
    for token in _TOKEN.findall(_stream(pdf, page.contents)):
        if re.fullmatch(rb"[-+]?\d*\.?\d*", token):
            numbers.append(float(token))
            continue
        if token == b"q":
            pens.append(pen)
        elif token == b"Q":
            pen = pens.pop()
        elif token == b"cm":
            pen = _Pen(_times(_six(numbers), pen.matrix), pen.clip, pen.colour)
        elif token == b"rg":
            pen = _Pen(pen.matrix, pen.clip, (numbers[-3], numbers[-2], numbers[-1]))
        elif token == b"re":
            x, y, width, height = numbers[-4:]
            points += [(x, y), (x + width, y + height)]
        elif token in (b"m", b"l"):
            points.append((numbers[-2], numbers[-1]))
        elif token in (b"W", b"W*"):
            clips = True
        elif token in (b"n", b"f", b"F", b"f*"):
            if points:
                box = _seen(points, pen)
                if token != b"n":
                    yield Rectangle(pen.colour, *box)
                pen = _Pen(pen.matrix, box, pen.colour) if clips else pen
            points, clips = [], False
        numbers = []


def frame(pdf: bytes, marks: Mapping[Colour, Mark]) -> Frame:
    """Where the browser put a page whose `marks` were drawn at these px.

    The frame follows from the outermost edges and is checked on every edge of every mark, to
    0.05 px. Raises PageError if a mark is missing, cut, or not where the others say.
    """
    seen = {rect.colour: rect for rect in rectangles(pdf) if rect.colour in marks}
    if len(seen) < len(marks):
        raise PageError(f"{len(marks) - len(seen)} of {len(marks)} marks are not on the page")
    left = min((box.left, seen[colour].left) for colour, box in marks.items())
    right = max((box.right, seen[colour].right) for colour, box in marks.items())
    top = min((box.top, -seen[colour].top) for colour, box in marks.items())
    bottom = max((box.bottom, -seen[colour].bottom) for colour, box in marks.items())
    across = (right[1] - left[1]) / (right[0] - left[0])
    down = (bottom[1] - top[1]) / (bottom[0] - top[0])
    if across <= 0 or down <= 0:
        raise PageError("the marks lie on one line")
    page = Frame(left[1] - across * left[0], -top[1] + down * top[0], across, down)
    for colour, (x0, y0, x1, y1) in marks.items():
        rect = seen[colour]
        off = max(
            abs(page.left + across * x0 - rect.left) / across,
            abs(page.left + across * x1 - rect.right) / across,
            abs(page.top - down * y0 - rect.top) / down,
            abs(page.top - down * y1 - rect.bottom) / down,
        )
        if off > 0.05:
            raise PageError(f"a mark is cut or {off:.2f} px off")
    return page


def cut(pdf: bytes, frame: Frame, width: float, height: float, *, scale: float = 1.0) -> bytes:
    """The PDF with its page cut to the `width` × `height` px that lie in `frame`, at true size.

    The drawing becomes a form that the new page paints through a matrix. A matrix before its own
    commands would leave gradients behind: theirs starts from the page (ISO 32000-1, 8.7.3.1).
    """
    page = _page(pdf)
    points = POINTS_PER_PX * scale
    a, d = points / frame.across, points / frame.down
    matrix = _array(a, 0, 0, d, -frame.left * a, height * points - frame.top * d)
    right, bottom = frame.left + width * frame.across, frame.top - height * frame.down
    form = b"/Type /XObject /Subtype /Form /BBox %s /Matrix %s\n/Resources %s\n" % (
        _array(frame.left, bottom, right, frame.top), matrix, page.resources,
    )  # fmt: skip
    objects = _objects(pdf)
    painter = max(objects) + 1
    head = b"%d 0 obj\n<<" % page.contents
    objects[page.contents] = head + form + objects[page.contents].split(b"<<", 1)[1]
    objects[painter] = b"%d 0 obj\n<</Length 10>> stream\n/Figure Do\nendstream\nendobj\n" % painter
    box = _array(0, 0, width * points, height * points)
    objects[page.number] = b"%d 0 obj\n<<%s\n/MediaBox %s\n/Contents %d 0 R\n/Resources %s>>\nendobj\n" % (
        page.number, page.rest, box, painter, b"<</XObject <</Figure %d 0 R>>>>" % page.contents,
    )  # fmt: skip
    return _file(pdf[: min(_table(pdf).values())], objects, _trailer(pdf)[0])


def media_box(pdf: bytes) -> Bounds:
    """The page's box."""
    return _page(pdf).media


def _page(pdf: bytes) -> _Page:
    pages = []
    for number, text in _objects(pdf).items():
        head = re.match(rb"\d+ 0 obj\s*<<(.*)>>\s*endobj", text, re.DOTALL)
        if head is not None and re.search(rb"/Type\s*/Page\b", head[1]):
            pages.append((number, head[1]))
    if len(pages) != 1:
        raise PageError(f"{len(pages)} pages, not 1")
    number, text = pages[0]
    values = {}
    for key in (b"MediaBox", b"Contents", b"Resources"):
        values[key], text = _take(key, text)
    contents = re.fullmatch(rb"(\d+) 0 R", values[b"Contents"])
    box = [float(edge) for edge in values[b"MediaBox"].strip(b"[]").split()]
    if contents is None or len(box) != 4:
        raise PageError("the page is not one stream in a box")
    return _Page(number, int(contents[1]), values[b"Resources"], text.strip(), Bounds(*box))


def _take(key: bytes, text: bytes) -> tuple[bytes, bytes]:
    """The value of `key` in a dictionary's text, and the text without both."""
    start = _found(rb"/%s\s*(?=[<\[\d])" % key, text)
    brackets = 0
    for token in re.finditer(rb"<<|>>|\[[^\]]*\]|\d+ 0 R", text[start.end() :]):
        brackets += {b"<<": 1, b">>": -1}.get(token[0], 0)
        if brackets == 0:
            end = start.end() + token.end()
            return text[start.end() : end], text[: start.start()] + text[end:]
    raise PageError(f"the page's {key.decode()} has no end")


def _objects(pdf: bytes) -> dict[int, bytes]:
    """The text of each object, from its number to its `endobj`."""
    table = _table(pdf)
    ends = sorted([*table.values(), _trailer(pdf)[1]])
    return {
        number: pdf[start : ends[ends.index(start) + 1]]
        for number, start in table.items()
    }  # fmt: skip


def _file(head: bytes, objects: dict[int, bytes], trailer: bytes) -> bytes:
    """A PDF of these objects, numbered from 1 without gaps."""
    written, places = bytearray(head), []
    for _, text in sorted(objects.items()):
        places.append(len(written))
        written += text
    start, size = len(written), len(objects) + 1
    written += b"xref\n0 %d\n0000000000 65535 f \n" % size
    written += b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = re.sub(rb"/Size \d+", b"/Size %d" % size, trailer)
    return bytes(written + b"trailer\n%s\nstartxref\n%d\n%%%%EOF\n" % (trailer, start))


def _table(pdf: bytes) -> dict[int, int]:
    """Where each object starts, from the cross-reference table."""
    start = _trailer(pdf)[1]
    head = re.compile(rb"xref\s+0 (\d+)\s*").match(pdf, start)
    if head is None:
        raise PageError("no plain cross-reference table")
    entries = [pdf[head.end() + 20 * i :][:20] for i in range(1, int(head[1]))]
    if not all(entry[17:18] == b"n" for entry in entries):
        raise PageError("the cross-reference table has gaps")
    return {number: int(entry[:10]) for number, entry in enumerate(entries, start=1)}


def _trailer(pdf: bytes) -> tuple[bytes, int]:
    """The last trailer's dictionary and where its table starts."""
    end = max(pdf.rfind(b"trailer"), 0)
    match = _found(rb"trailer\s*(<<.*>>)\s*startxref\s+(\d+)", pdf[end:])
    return match[1], int(match[2])


def _stream(pdf: bytes, number: int) -> bytes:
    text = _objects(pdf)[number]
    head = _found(rb"<<(.*?)>>\s*stream\r?\n", text)
    if b"/FlateDecode" not in head[1]:
        return text[head.end() :][: int(_found(rb"/Length (\d+)", head[1])[1])]
    try:
        return zlib.decompressobj().decompress(text[head.end() :])
    except zlib.error as error:
        raise PageError(f"the page's drawing cannot be unpacked: {error}") from error


def _found(pattern: bytes, text: bytes) -> re.Match[bytes]:
    if (match := re.search(pattern, text, re.DOTALL)) is None:
        raise PageError(f"the file has no {pattern.split(b'(')[0].decode()}…")
    return match


def _times(inner: _Matrix, outer: _Matrix) -> _Matrix:
    a, b, c, d, e, f = inner
    g, h, i, j, k, m = outer
    return (
        a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + m,
    )  # fmt: skip


def _six(numbers: list[float]) -> _Matrix:
    a, b, c, d, e, f = numbers[-6:]
    return a, b, c, d, e, f


def _seen(points: list[tuple[float, float]], pen: _Pen) -> Bounds:
    """The box around a path, within the pen's clip."""
    a, b, c, d, e, f = pen.matrix
    xs = [a * x + c * y + e for x, y in points]
    ys = [b * x + d * y + f for x, y in points]
    left, bottom, right, top = pen.clip
    return Bounds(max(min(xs), left), max(min(ys), bottom), min(max(xs), right), min(max(ys), top))


def _array(*values: float) -> bytes:
    """Numbers without exponents, which PDF does not have."""
    return b"[%s]" % " ".join(f"{value:.6f}".rstrip("0").rstrip(".") for value in values).encode()
