"""Numbers as papers and spreadsheets write them: 73.6 %, 0,736 beside semicolons, 0.2M, 205,000."""

import re
from decimal import Decimal

from ict.documents.bounded import LONGEST, number
from ict.documents.number_words import number_words
from ict.errors import InputError, quoted

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9, "g": 10**9}
_COUNT = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,18})?(?:[eE]\+?[0-9]{1,2})?)\s*([kKmMbBgG]?)")
_GROUPED = re.compile(
    r"[1-9][0-9]{0,2}(?:(?P<mark>[,'\u2019_ \u00a0\u2009\u202f])[0-9]{3})(?:(?P=mark)[0-9]{3}){0,4}"
)
_POINTS = re.compile(r"[1-9][0-9]{0,2}(?:\.[0-9]{3}){2,5}")
_ONE_POINT = re.compile(r"[1-9][0-9]{0,2}\.[0-9]{3}")
_DECIMAL_COMMA = re.compile(r"[0-9]{1,18},[0-9]{1,18}")


def fraction(text: str, separator: str) -> float:
    """An accuracy as a fraction, written as 0.736 or as 73.6 %; raises InputError, which names no place.

    Beside a separator other than the comma, 0,736 has a decimal comma.
    """
    plain = text[:LONGEST].strip()
    per_cent = plain.endswith("%")
    plain = plain.removesuffix("%").strip()
    if _DECIMAL_COMMA.fullmatch(plain):
        if separator == ",":
            raise InputError(f"{quoted(text)} is not a number; write 0.736 with a point")
        plain = plain.replace(",", ".")
    value = number(plain) if len(text) <= LONGEST else None
    if value is None:
        raise InputError(f"{quoted(text)} is not a number; write 0.736 or 73.6 %")
    value = float(Decimal(plain).scaleb(-2)) if per_cent else value
    if not 0 <= value <= 1:
        raise InputError(f"{number_words(value)} is outside 0 to 1; write 0.736 or 73.6 %")
    return value


def count(text: str, separator: str) -> int:
    """A number of parameters: 205000, 205,000, 0.2M, 110K; raises InputError, which names no place."""
    plain = text.strip() if len(text) <= LONGEST else ""
    if _ONE_POINT.fullmatch(plain):
        whole, rest = plain.split(".")
        raise InputError(f"{quoted(text)} may be {whole} or {whole}{rest}; write one of them")
    if _GROUPED.fullmatch(plain) or _POINTS.fullmatch(plain):
        return int("".join(filter(str.isdigit, plain)))
    if separator != ",":
        plain = plain.replace(",", ".", 1)
    parts = _COUNT.fullmatch(plain)
    value = Decimal(parts[1]) * _UNITS[parts[2].lower()] if parts else None
    if value is None or value != int(value):
        raise InputError(
            f"{quoted(text)} is not a whole number; write 205000, 205,000, 0.2M or 110K"
        )
    return int(value)
