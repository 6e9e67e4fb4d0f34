"""Image files: every format and mode that is read, cut, altered, or with a header that promises too much."""

import io
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

from bench.fuzz import changes
from bench.fuzz.target import Form, Given, Target, World, in_file

_KINDS = (
    ("PNG", "1 L LA P RGB RGBA I;16".split()), ("JPEG", "L RGB CMYK".split()), ("BMP", "1 L P RGB".split()),
    ("GIF", "P L RGB".split()), ("TIFF", "1 L RGB RGBA CMYK I;16 F LAB I".split()), ("WEBP", "RGB RGBA".split()),
    ("PPM", "1 L RGB I".split()), ("JPEG2000", "L RGB RGBA".split()), ("AVIF", "RGB".split()),
)  # fmt: skip
_SIDES = (0, 1, 3, 65535, 2**31 - 1, 13_000, 15_000, 20_000)


def samples() -> list[bytes]:
    """Small images of every format and mode, some with EXIF, several frames, or in progressive JPEG."""
    made = [_saved(_picture(mode), name) for name, modes in _KINDS for mode in modes]
    exif = Image.Exif()
    exif[274] = 6
    rgb = _picture("RGB")
    frames = [_picture("P"), _picture("P").rotate(90)]
    more = [
        _saved(rgb, "JPEG", exif=exif), _saved(rgb, "PNG", exif=exif), _saved(rgb, "TIFF", exif=exif),
        _saved(rgb, "JPEG", progressive=True, quality=5), _saved(rgb, "TIFF", compression="tiff_lzw"),
        _saved(frames[0], "GIF", save_all=True, append_images=frames[1:]),
        _saved(rgb, "PNG", save_all=True, append_images=[rgb.rotate(90)]),
        _saved(_picture("P"), "PNG", transparency=0), _saved(_picture("P"), "GIF", transparency=1),
        png(4, 4, bytes(132), depth=16, colour=6) , _float_tiff(),
    ]  # fmt: skip
    return [one for one in [*made, *more] if one]


def _odd_picture(random: Random) -> bytes:
    """A sound file of a picture for which there is no rule, or one that is nearly black."""
    numbers = np.random.default_rng(random.randrange(99)).random((5, 4), dtype=np.float32)
    numbers[0, 0] = random.choice((-1.0, 1.5, np.nan, np.inf, 0.5))
    wide = Image.fromarray((np.nan_to_num(numbers, posinf=1.0).clip(0, 1) * 3000).astype(np.uint16))
    choice = random.randrange(5)
    if choice == 0:
        return _saved(Image.fromarray(numbers), "TIFF")
    if choice == 1:
        return _saved(wide, random.choice(("PNG", "TIFF")))
    if choice == 2:
        return _saved(wide, "TIFF", tiffinfo={262: 0})
    if choice == 3:
        return _saved(_picture("L"), "TIFF", tiffinfo={339: 2})
    whole = Image.fromarray(np.array([[random.choice((-1, 7, 70_000)), 3]], np.int32))
    return _saved(whole, "TIFF")


def _picture(mode: str) -> Image.Image:
    noise = np.random.default_rng(3).integers(0, 256, (9, 7, 4), dtype=np.uint8)
    if mode == "F":
        return Image.fromarray((noise[..., 0] / 255).astype(np.float32))
    if mode in ("I;16", "I"):
        wide = Image.fromarray(noise[..., 0].astype(np.uint16) * 200)
        return wide if mode == "I;16" else wide.convert("I")
    image = Image.fromarray(noise)
    if mode == "LAB":
        return Image.merge("LAB", [image.getchannel(n) for n in range(3)])
    return image.convert("RGB").convert(mode) if mode not in ("RGBA", "LA") else image.convert(mode)


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """The file; nothing where this PIL does not write the format."""
    out = io.BytesIO()
    try:
        image.save(out, kind, **options)  # type: ignore[arg-type]  # options of the format
    except (OSError, KeyError, ValueError):
        return b""
    return out.getvalue()


def _float_tiff() -> bytes:
    return _saved(Image.fromarray(np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)), "TIFF")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    width: int, height: int, rows: bytes, *, depth: int = 8, colour: int = 0, before: bytes = b""
) -> bytes:
    """A PNG of these rows, whatever its header promises."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    rest = before + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + rest


def change(random: Random, content: bytes) -> bytes:
    """Bytes of it changed; of a PNG with sums that hold again, of others the sides that they state."""
    if random.random() < 0.08:
        return _odd_picture(random)
    if content.startswith(b"\x89PNG") and random.random() < 0.5:
        return _png_changed(random, content)
    if random.random() < 0.15:
        side = struct.pack(random.choice(("<I", ">I", "<H", ">H")), random.choice(_SIDES) & 0xFFFF)
        at = random.randrange(min(len(content), 64))
        return content[:at] + side + content[at + len(side) :]
    return changes.of_bytes(random, content)


def _png_changed(random: Random, content: bytes) -> bytes:
    """One chunk of a PNG changed, lost or doubled, its sum right."""
    chunks, at = [], 8
    while at + 12 <= len(content):
        length = struct.unpack(">I", content[at : at + 4])[0]
        chunks.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + length]))
        at += 12 + length
    if not chunks:
        return changes.of_bytes(random, content)
    which = random.randrange(len(chunks))
    kind, body = chunks[which]
    choice = random.randrange(4)
    if choice == 0 and kind == b"IHDR" and len(body) == 13:
        sides = struct.pack(">II", random.choice(_SIDES), random.choice(_SIDES))
        body = sides + body[8:]
    elif choice == 0 and kind == b"IDAT":
        body = zlib.compress(bytes(random.choice((0, 1, 10**6))))
    elif choice == 1:
        body = changes.of_bytes(random, body)
    pieces = [(kind, body)] * (0 if choice == 2 else 2 if choice == 3 else 1)
    chunks[which : which + 1] = pieces
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*one) for one in chunks)


def _junk(random: Random, valid: Sequence[bytes]) -> bytes:
    """A header with noise behind it, many changes, or a small PNG of any depth, colour and size."""
    if random.random() < 0.3:
        before = _chunk(b"PLTE", random.randbytes(3 * random.randrange(0, 9)))
        return png(
            random.choice((1, 3, *_SIDES)) & 0x7FFFFFFF, random.choice((1, 3, *_SIDES)) & 0x7FFFFFFF,
            random.randbytes(random.randrange(200)), depth=random.choice((1, 2, 4, 8, 16, 3)),
            colour=random.choice((0, 2, 3, 4, 6, 1)), before=before,
        )  # fmt: skip
    if random.random() < 0.3:
        return changes.bytes_junk(random, valid)
    return changes.many(change)(random, valid)


def _world(root: Path) -> World:
    """One image, as the check of a task and the reader of a run decode it."""
    from ict.errors import InputError
    from ict.tasks.decodable import _is_wide
    from ict.tasks.decoding import open_rgb
    from ict.tasks.pictures import Picture, look_at, notes, summary

    path = root / "a.png"
    root.mkdir(parents=True, exist_ok=True)

    def read(_given: Given) -> Sequence[str]:
        found = look_at(path, root)
        _is_wide(str(path), root)
        if isinstance(found, Picture):
            open_rgb(path, root).load()
            summary([found])
            for note in notes("a", {path: found}):
                note.sentence()
            return ()
        try:
            open_rgb(path, root)
        except InputError as error:
            return [str(error)]
        raise RuntimeError(f"what the check refuses is decoded: {found}")

    return World(root=root, samples=samples(), place=in_file(path), read=read)


def targets() -> list[Target]:
    """Images."""
    return [
        Target(
            name="images", share=4, form=Form(change=change, junk=_junk), world=_world,
            parser=("ict/tasks/pixels.py", "ict/tasks/pictures.py:Picture.of,look_at,_is_deep,_orientation,_has_frames,"
                    "notes,_nearly_black,_some,summary", "ict/tasks/decoding.py"),
        )
    ]  # fmt: skip
