"""A study's document as the TOML file that `ict.store.study_file` reads back as the same document."""

import json
from collections.abc import Mapping
from typing import Any


def to_toml(document: Mapping[str, Any]) -> str:
    """Plain keys first, then a [table] a key, then a [[compare]] table a row.

    Values are texts, numbers, booleans, lists and tables of these; None has no TOML, and is left out.
    """
    plain = {key: value for key, value in document.items() if not _is_section(key, value)}
    sections = [f"{_lines(plain)}"] if plain else []
    for key, value in document.items():
        if key in plain:
            continue
        if isinstance(value, Mapping):
            sections.append(f"[{_key(key)}]\n{_lines(value)}")
        else:
            sections += [f"[[{_key(key)}]]\n{_lines(row)}" for row in value]
    return "\n".join(sections)


def _is_section(key: str, value: Any) -> bool:
    """Whether a key has a table of its own; `primary` stands in one line."""
    rows = isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)
    return rows or (isinstance(value, Mapping) and key != "primary")


def _lines(table: Mapping[str, Any]) -> str:
    said = {key: value for key, value in table.items() if value is not None}
    return "".join(f"{_key(key)} = {_value(value)}\n" for key, value in said.items())


def _key(key: str) -> str:
    bare = key and all(c.isascii() and (c.isalnum() or c in "-_") for c in key)
    return key if bare else _text(key)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_key(key)} = {_value(v)}" for key, v in value.items())
        return f"{{ {inner} }}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    return _text(value) if isinstance(value, str) else repr(value)


def _text(text: str) -> str:
    """A basic string: its escapes are those of JSON, but that it takes no DEL as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
