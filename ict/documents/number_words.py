"""Numbers as people read them, everywhere in the same words: signs, ranges, shares, bytes."""

import math
from decimal import Decimal
from typing import Final

MINUS: Final = "−"
_IN_FULL: Final = range(-6, 15)
"""Powers of ten of numbers that are written out."""
_RAISED: Final = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")


def number_words(value: float, form: str = "g") -> str:
    """A number in a format of Python, with a real minus sign, and as people write it: −3.37, 100.

    Never 1e+02, which Python makes of 99.6 to two digits; far from 1 it is 1.2 × 10⁻⁹.
    """
    text = f"{value:{form}}"
    return (_without_e(text) if "e" in text else text).replace("-", MINUS)


def _without_e(text: str) -> str:
    digits, power = text.split("e")
    if int(power) not in _IN_FULL:
        return f"{digits} × 10{str(int(power)).translate(_RAISED)}"
    sign = "+" if text.startswith("+") else ""
    return f"{Decimal(text):{sign},f}"


def range_words(low: float, high: float, form: str = "g", unit: str = "") -> str:
    """`−3.37 to −2.07`, `85 to 100 %`; one number where both ends are written alike."""
    a, b = number_words(low, form), number_words(high, form)
    words = a if a == b else f"{a} to {b}"
    return f"{words} {unit}" if unit else words


def share_words(ratio: float) -> str:
    """K/D as people write it: 1/32, and 1; 0.3 where it is no such fraction, within 2 %."""
    if not math.isfinite(ratio) or ratio <= 0:
        return number_words(ratio, ".3g")
    parts = round(1 / ratio)
    if parts < 1 or abs(parts * ratio - 1) >= 0.02:
        return number_words(ratio, ".3g")
    return "1" if parts == 1 else f"1/{parts}"


def byte_words(number: float) -> str:
    """Bytes in the largest binary unit that leaves at least 1, to three digits: `774 MiB`, `1.02 GiB`."""
    value, unit = float(number), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    digits = 0 if unit < 2 or value >= 100 else 1 if value >= 10 else 2
    plain = f"{value:.{digits}f}"
    return f"{plain.rstrip('0').rstrip('.') if '.' in plain else plain} {_UNITS[unit]}"
