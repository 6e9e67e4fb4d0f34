"""Odd values, texts and bytes: what people, other programs and attackers write in the place of sound ones."""

from random import Random
from typing import Any

TEXTS = (
    "", " ", "a\nb", "a\0b", "\x1b[2J\x1b[31m", "\x7f", "\u202eabc", "\ufeff", "é", "e\u0301", "²", "٣",
    "\U0001f600" * 40, "x" * 300, "x" * 5000, "9" * 400, "9" * 19, "-1", "0", "1e400", "1e9000000", "nan",
    "-inf", "0x10", "1_000", "1/0", "1/8", "null", "true", "None", "../../etc/passwd", "/etc/passwd", "~root",
    "C:\\windows", "..", ".", "a/../b", "con", "{0}%s%n${HOME}`id`", "<script>alert(1)</script>", "[1](x)",
    "'; drop table runs; --", "[" * 4000, "\"'", "\\", "digits", "study:../..", "others", "noise",
)  # fmt: skip
NUMBERS = (
    0, -1, 1, 2**31, 2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**30, 10**400, 0.5, -0.0, 1e-320, 1e308,
    float("nan"), float("inf"), -float("inf"), 1e400,
)  # fmt: skip
OTHERS: tuple[Any, ...] = (
    None, True, False, [], {}, [None], [[]], {"a": []}, [[[[]]]], [1, "a"], [0] * 2000, "\ud800", {"": 1},
)  # fmt: skip
BYTES = (
    b"\0",
    b"\xff",
    b"\xff\xfe\x00\x80",
    b"\xed\xa0\x80",
    b"\xc3\x28",
    b"\xef\xbb\xbf",
    b"\r\n",
    b"\x1a",
)


def odd_value(random: Random) -> Any:
    """One of a kind that a JSON document may hold."""
    kind = random.randrange(6)
    if kind == 0:
        return random.choice(TEXTS)
    if kind == 1:
        return random.choice(NUMBERS)
    if kind == 2:
        return random.choice(OTHERS)
    if kind == 3:
        return nested(random.choice((3, 3, 3, 70, 70, 900)), random.random() < 0.5)
    return small_value(random)


def small_value(random: Random) -> Any:
    """A harmless value of a random type, which may even be right."""
    return random.choice(
        (random.randrange(20), round(random.random(), 3), -random.randrange(9), "a", "digits", True,
         None, [random.randrange(5)], ["a"], {"a": 1}, [random.random()], "2026-01-01T08:00:00.000Z")
    )  # fmt: skip


def nested(depth: int, as_table: bool) -> Any:
    """A value within brackets within brackets."""
    value: Any = 1
    for _ in range(depth):
        value = {"a": value} if as_table else [value]
    return value


def near(random: Random, value: Any) -> Any:
    """A value of the type of `value` that may be out of its range."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return random.choice(
            (value + 1, value - 1, -value, value * 1000, value + 0.5, str(value), 0)
        )
    if isinstance(value, float):
        whole = round(value) if abs(value) < 1e300 else 0
        return random.choice(
            (-value, value * 1000, float("nan"), float("inf"), whole, 1.0, str(value))
        )
    if isinstance(value, str):
        return near_text(random, value)
    if isinstance(value, list):
        return random.choice((value + value, value[:-1], value[::-1], [value], [*value, None]))
    if isinstance(value, dict):
        return list(value.items())
    return odd_value(random)


def near_text(random: Random, text: str) -> str:
    """`text` with one thing changed."""
    at = random.randrange(len(text) + 1)
    odd = random.choice(TEXTS)[:500]
    return random.choice(
        (text[:at], text[at:], text[:at] + odd + text[at:], text.upper(), text * 2, f"../{text}",
         f" {text} ", text[:at] + text[at + 1 :], odd)
    )  # fmt: skip


def random_bytes(random: Random, most: int = 400) -> bytes:
    """Bytes of any value."""
    return random.randbytes(random.randrange(most))


def random_text(random: Random, alphabet: str, most: int = 60) -> str:
    """Characters of an alphabet, now and then another."""
    letters = (
        random.choice(alphabet) if random.random() < 0.97 else chr(random.randrange(0x2FFF))
        for _ in range(random.randrange(most))
    )
    return "".join(letters)
