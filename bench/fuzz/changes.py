"""One change of a valid file, by its kind: bytes, text, JSON, TOML, safetensors."""

import json
import re
import struct
import tomllib
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from bench.fuzz import values
from bench.fuzz.target import Change, Form, Junk
from ict.store.study_toml import to_toml

_TOKEN = re.compile(rb"[A-Za-z_]+|[-+]?\d+(?:\.\d+)?|[^\sA-Za-z0-9]|\s+")
_NUMBERS = (float("nan"), float("inf"), -1.0, -0.0, 2.0, 1e-30)
_SPECIAL = (
    *(struct.pack(code, value) for code in ("<f", "<d", "<e") for value in _NUMBERS),
    b"\xff" * 8, b"\xff" * 4, b"\x80" + b"\0" * 7, b"\0" * 8, b"\x7f" * 4,
)  # fmt: skip


def of_bytes(random: Random, content: bytes) -> bytes:
    """A bit flipped, a piece lost, doubled, put in or overwritten, or the end cut off."""
    if not content:
        return values.random_bytes(random)
    at = random.randrange(len(content))
    if random.random() < 0.5:  # what decides stands at the beginning of most files
        at = min(at, random.randrange(256))
    span = random.choice((1, 2, 4, 8, 64, 1000))
    special = random.choice(_SPECIAL)
    choice = random.randrange(7)
    if choice == 0:
        return content[:at] + bytes([content[at] ^ (1 << random.randrange(8))]) + content[at + 1 :]
    if choice == 1:
        return content[:at]
    if choice == 2:
        return content[:at] + content[at + span :]
    if choice == 3:
        return content[: at + span] + content[at:]
    if choice == 4:
        return content[:at] + random.choice(values.BYTES) + content[at:]
    if choice == 5:
        return content[:at] + special + content[at + len(special) :]
    return content + random.choice((b"\0" * 100, content, b"\n", b"}"))


def of_text(random: Random, content: bytes) -> bytes:
    """A word, a number or a line replaced, lost or doubled, or another encoding."""
    choice = random.randrange(8)
    if choice == 0:
        return of_bytes(random, content)
    if choice == 1:
        lines = content.splitlines(keepends=True) or [b""]
        at = random.randrange(len(lines))
        return b"".join(
            random.choice((lines[:at] + lines[at + 1 :], lines[:at] + [lines[at]] * 2 + lines[at:]))
        )
    if choice == 2:
        text = content.decode("utf-8", "replace")
        codes = ("utf-16", "utf-8-sig", "utf-32", "utf-16-le", "cp1252")
        return text.encode(random.choice(codes), "replace")
    if choice == 3:
        return content.replace(b"\n", random.choice((b"\r", b"\r\n", b"\n\n", b" ")))
    tokens = _TOKEN.findall(content) or [b""]
    at = random.randrange(len(tokens))
    odd = random.choice(values.TEXTS).encode("utf-8", "surrogatepass")
    other = random.choice(tokens)
    tokens[at] = random.choice(
        (odd, other, tokens[at] * 2, b"", b"-" + tokens[at], b'"' + tokens[at])
    )
    return b"".join(tokens)


def of_json(random: Random, content: bytes) -> bytes:
    """A value replaced, a key lost, renamed, doubled or added, at any depth; now and then a byte."""
    if random.random() < 0.15:
        return of_bytes(random, content)
    try:
        document = json.loads(content)
    except ValueError:
        return of_text(random, content)
    if random.random() < 0.05:
        return _key_twice(random, content)
    return dumped(random, changed(random, document))


def of_json_lines(random: Random, content: bytes) -> bytes:
    """One line changed as JSON, or the text as text."""
    lines = content.splitlines()
    if random.random() < 0.3 or not lines:
        return of_text(random, content)
    at = random.randrange(len(lines))
    lines[at] = of_json(random, lines[at])
    return b"\n".join(lines) + b"\n"


def of_toml(random: Random, content: bytes) -> bytes:
    """A value or key of the document changed, or the text as text."""
    if random.random() < 0.4:
        return of_text(random, content)
    document = changed(random, tomllib.loads(content.decode()))
    try:
        return to_toml(document).encode("utf-8", "surrogatepass")
    except (AttributeError, TypeError, RecursionError, ValueError):  # of what TOML has no form
        return of_text(random, content)


def dumped(random: Random, document: Any) -> bytes:
    """As JSON, in which NaN, infinity and half characters may stand."""
    escaped = random.random() < 0.7
    text = json.dumps(document, ensure_ascii=escaped)
    return text.encode("utf-8", "surrogatepass")


def changed(random: Random, document: Any) -> Any:
    """`document` with one thing changed."""
    where, value = random.choice(list(places(document)))
    choice = random.random()
    if choice < 0.35:
        return replaced(document, where, values.odd_value(random))
    if choice < 0.65 or not where:
        return replaced(document, where, values.near(random, value))
    *above, last = where
    holder = at(document, above)
    copy = dict(holder) if isinstance(holder, dict) else list(holder)
    if choice < 0.85:
        del copy[last]
    elif isinstance(copy, list):
        copy.insert(last, random.choice((value, values.odd_value(random))))
    elif choice < 0.93:
        copy[values.near_text(random, str(last))] = copy.pop(last)
    else:
        copy[random.choice(values.TEXTS)] = values.odd_value(random)
    return replaced(document, tuple(above), copy)


def places(value: Any, where: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every place in a document; of long lists the first three and the last."""
    yield where, value
    if isinstance(value, dict):
        for key, one in value.items():
            yield from places(one, (*where, key))
    elif isinstance(value, list):
        for i in dict.fromkeys((*range(len(value))[:3], *range(len(value))[-1:])):
            yield from places(value[i], (*where, i))


def at(document: Any, where: Sequence[Any]) -> Any:
    """What stands at a place."""
    for key in where:
        document = document[key]
    return document


def replaced(document: Any, where: Sequence[Any], value: Any) -> Any:
    """`document` with another value at a place."""
    if not where:
        return value
    copy = dict(document) if isinstance(document, dict) else list(document)
    copy[where[0]] = replaced(copy[where[0]], where[1:], value)
    return copy


def _key_twice(random: Random, content: bytes) -> bytes:
    """A key of a table again, before the sound one or behind it."""
    keys = re.findall(rb'"[^"\\]{1,40}"(?=\s*:)', content)
    ends = [match.start() for match in re.finditer(rb"[{}]", content)]
    if not keys or not ends:
        return of_bytes(random, content)
    at = random.choice(ends)
    pair = random.choice(keys) + b": " + random.choice((b"null", b"1e999", b'"a"', b"-1"))
    if content[at : at + 1] == b"{":
        return content[: at + 1] + pair + b", " + content[at + 1 :]
    return content[:at] + b", " + pair + content[at:]


def json_junk(random: Random, samples: Sequence[bytes]) -> bytes:
    """Keys of the valid documents with any values, a document with many changes, or no JSON at all."""
    choice = random.random()
    if choice < 0.15:
        return values.random_bytes(random)
    if choice < 0.3:
        return values.random_text(random, '{}[]",:0123456789.eE-+ntfalsrue \n\\u').encode(
            "utf-8", "surrogatepass"
        )
    document: Any = _loaded(random.choice(samples))
    if choice < 0.6 and isinstance(document, dict) and document:
        keys = random.sample(sorted(document), random.randrange(1, len(document) + 1))
        document = {key: random.choice((document[key], values.odd_value(random))) for key in keys}
    else:
        for _ in range(random.randrange(2, 6)):
            document = changed(random, document)
    return dumped(random, document)


def _loaded(content: bytes) -> Any:
    try:
        return json.loads(content.splitlines()[0] if content.count(b"}\n{") else content)
    except (ValueError, IndexError):
        return {"a": 1}


def text_junk(alphabet: str) -> Junk:
    """Characters of an alphabet, random bytes, or a valid text with many changes."""

    def junk(random: Random, samples: Sequence[bytes]) -> bytes:
        choice = random.random()
        if choice < 0.15:
            return values.random_bytes(random)
        if choice < 0.55:
            return values.random_text(random, alphabet).encode("utf-8", "surrogatepass")
        return many(of_text)(random, samples)

    return junk


def many(change: Change) -> Junk:
    """A valid input that was changed several times."""

    def junk(random: Random, samples: Sequence[bytes]) -> bytes:
        content = random.choice(samples)
        for _ in range(random.randrange(2, 7)):
            content = change(random, content)[: 4 << 20]
        return content

    return junk


def bytes_junk(random: Random, samples: Sequence[bytes]) -> bytes:
    """Random bytes, the beginning of a valid file before them, or one with many changes."""
    choice = random.random()
    if choice < 0.4:
        return values.random_bytes(random)
    if choice < 0.7:
        whole = random.choice(samples)
        return whole[: random.randrange(min(len(whole), 2000) + 1)] + values.random_bytes(random)
    return many(of_bytes)(random, samples)


def text_form(alphabet: str, *, is_file: bool = False, change: Change = of_text) -> Form:
    """Words that people type, or small files of text."""
    return Form(change=change, junk=text_junk(alphabet), is_file=is_file)


JSON = Form(change=of_json, junk=json_junk)
JSON_LINES = Form(change=of_json_lines, junk=text_junk('{"epoch": 0123456789.}\n,-NaN'))
BINARY = Form(change=of_bytes, junk=bytes_junk)
TOML = Form(change=of_toml, junk=text_junk("[]{}=\"'#,.\n abcdegrstu0123456789-+"))
