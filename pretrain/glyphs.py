"""Masks of characters, from the fonts of this machine that may be used."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pretrain.masks import SIDE, MaskBank, sorted_bank

FONT_FOLDERS = (
    "/usr/share/fonts/truetype/dejavu",
    "/usr/share/fonts/truetype/liberation",
    "/usr/share/fonts/dejavu",
    "/usr/share/fonts/liberation",
)


FONT_NAMES = (
    "DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSansMono",
    "LiberationSans-Regular", "LiberationSans-BoldItalic", "LiberationSerif-Regular",
    "LiberationSerif-Italic", "LiberationSerif-Bold", "LiberationMono-Regular",
    "LiberationMono-Italic",
)  # fmt: skip


# Latin, Latin-1, a part of Latin Extended, Greek, Cyrillic, Armenian, arrows, operators, dingbats.
CHARACTER_RANGES = (
    (0x21, 0x7E), (0xA1, 0xFF), (0x180, 0x1BF), (0x250, 0x2AF), (0x391, 0x3FF), (0x400, 0x4FF),
    (0x531, 0x587), (0x5D0, 0x5EA), (0x10D0, 0x10FA), (0x2190, 0x21FF), (0x2200, 0x22FF),
    (0x2701, 0x27BF),
)  # fmt: skip


FORBIDDEN_WORDS = (
    "DIGIT", "NUMBER", "NUMERAL", "FRACTION", "SUPERSCRIPT", "SUBSCRIPT", "ORDINAL", "TONE TWO",
    "TONE FIVE", "TONE SIX", "HEART", "SQUARE", "CIRCLE", "CIRCLED", "ELLIPSE", "OVAL", "BOX",
    "PERCENT", "DOT", "STOP", "BULLET", "PROOF", "DIAMOND", "RING OPERATOR",
)  # fmt: skip


def allowed_characters() -> list[str]:
    """Characters of CHARACTER_RANGES that are drawn: none has a numeric value or a sprite's shape."""
    return [
        chr(code)
        for low, high in CHARACTER_RANGES
        for code in range(low, high + 1)
        if _is_allowed(chr(code))
    ]


def _is_allowed(character: str) -> bool:
    name = unicodedata.name(character, "")
    if not name or unicodedata.numeric(character, None) is not None:
        return False
    if unicodedata.category(character)[0] in "NMCZ":  # numbers, combining marks, control, blanks
        return False
    return not any(word in name for word in FORBIDDEN_WORDS)


def find_fonts() -> list[Path]:
    """Paths of FONT_NAMES in order; FileNotFoundError says what to install when one is missing."""
    fonts = []
    for name in FONT_NAMES:
        path = next(
            (p for folder in FONT_FOLDERS if (p := Path(folder, f"{name}.ttf")).exists()), None
        )
        if path is None:
            raise FileNotFoundError(
                f"font {name}.ttf is not in {', '.join(FONT_FOLDERS)}; "
                "install the packages fonts-dejavu-core and fonts-liberation"
            )
        fonts.append(path)
    return fonts


def glyph_bank() -> MaskBank:
    """Every allowed character in every font that has it; characters that look alike share a class."""
    masks: list[np.ndarray] = []
    labels: list[int] = []
    classes: dict[bytes, int] = {}
    fonts = [ImageFont.truetype(str(path), 48) for path in find_fonts()]
    missing = [_draw_glyph(font, "\U0010fffe") for font in fonts]
    for character in allowed_characters():
        drawn = [_draw_glyph(font, character) for font in fonts]
        kept = [
            mask for mask, empty in zip(drawn, missing, strict=True)
            if mask is not None and (empty is None or mask.tobytes() != empty.tobytes())
        ]  # fmt: skip
        if not kept:
            continue
        label = classes.setdefault(kept[0].tobytes(), len(classes))
        masks += kept
        labels += [label] * len(kept)
    return sorted_bank(np.stack(masks), np.array(labels))


def _draw_glyph(font: ImageFont.FreeTypeFont, character: str) -> np.ndarray | None:
    """Coverage of a glyph scaled to touch a 52-pixel frame in the middle; None when it has no ink."""
    left, top, right, bottom = map(int, font.getbbox(character))
    if right - left < 4 or bottom - top < 4:
        return None
    image = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(image).text((-left, -top), character, fill=255, font=font)
    zoom = min(52 / image.width, 52 / image.height)
    image = image.resize(
        (max(1, round(image.width * zoom)), max(1, round(image.height * zoom))),
        Image.Resampling.BICUBIC,
    )
    canvas = Image.new("L", (SIDE, SIDE))
    canvas.paste(image, ((SIDE - image.width) // 2, (SIDE - image.height) // 2))
    mask = np.asarray(canvas)
    return mask if mask.max() > 60 and not _is_solid_block(mask) else None


def _is_solid_block(mask: np.ndarray) -> bool:
    """Whether ink fills its bounding box like a square (1) or an ellipse (π/4) of moderate aspect."""
    rows, columns = np.nonzero(mask.max(1) > 60)[0], np.nonzero(mask.max(0) > 60)[0]
    if not len(rows):
        return False
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    fill = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].mean() / 255
    return bool(fill > 0.74 and 0.5 < height / width < 2)
