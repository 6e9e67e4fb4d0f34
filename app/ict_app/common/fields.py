"""How a value stands in the address: read from texts, written as texts, said where it is not there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import streamlit as st

from ict.documents.bounded import number as as_number
from ict.errors import quoted
from ict_app.common import visit as visits
from ict_app.common import words

T = TypeVar("T")
Options = Mapping[Any, str] | Sequence[str]
EMPTY = [""]  # a list that was emptied, where the default is not empty


@dataclass(frozen=True)
class Field(Generic[T]):
    """How a value stands in the address."""

    key: str
    default: T
    read: Callable[[list[str]], tuple[T | None, list[str]]]
    """The value that texts stand for, None for none, and the texts that stand for nothing."""
    write: Callable[[T], list[str]]
    noun: str
    shown: Callable[[T], str]
    moving: bool = False

    def value(self) -> T:
        """What the address says, or a choice that came along, or the default."""
        visit = visits.current()
        asked = visit.now.get(self.key)
        if asked is None:
            value = self._carried(visit)
        else:
            found, lacking = self.read(asked)
            value = self.default if found is None else found
            if not lacking:
                visit.now[self.key] = self.write(value)
                visit.linked.discard(self.key)
            elif self.key in visit.linked:
                self._say(lacking, value)
            elif found is None:
                del visit.now[self.key]
            else:
                visit.now[self.key] = self.write(value)
        _keep(visit, self.key)
        return value

    def _carried(self, visit: visits.Visit) -> T:
        found, lacking = self.read(visit.carried.get(self.key, []))
        if found is None or lacking or found == self.default:
            return self.default
        visit.now[self.key] = self.write(found)
        return found

    def _say(self, lacking: list[str], value: T) -> None:
        if not visits.in_fragment():
            names = ", ".join(quoted(text) for text in lacking[:3])
            tell(f"No {self.noun} {names} here: showing {self.shown(value)}.")

    def chosen(self) -> None:
        """The callback of the widget: the address says what was chosen."""
        self.put(st.session_state[self.key])

    def put(self, value: T) -> None:
        named = self.moving or value != self.default
        visits.current().put({self.key: self.write(value) if named else None})


def _keep(visit: visits.Visit, key: str) -> None:
    if key in visits.CARRIED:
        if key in visit.now:
            visit.kept[key] = visit.now[key]
        else:
            visit.kept.pop(key, None)


def tell(sentence: str) -> None:
    """Says what a link asked for in vain, below the heading."""
    place = visits.current().notices or st
    place.warning(words.plain(sentence), icon=":material/link_off:")


def labels_of(options: Options) -> Mapping[str, str]:
    return options if isinstance(options, Mapping) else {text: text for text in options}


def one_of(
    options: Options, key: str, *, default: str | None, noun: str, moving: bool = False
) -> Field[str]:
    """A field that holds one of `options`, of which there is one at least."""
    labels = labels_of(options)
    first = default if default is not None and default in labels else next(iter(labels))
    by_label = {label: text for text, label in labels.items()}

    def read(texts: list[str]) -> tuple[str | None, list[str]]:
        found = [text if text in labels else by_label.get(text) for text in texts[-1:]]
        return (found[0], []) if found and found[0] is not None else (None, texts[-1:])

    return Field(key, first, read, lambda text: [text], noun, lambda text: labels[text], moving)


def some_of(
    options: Options, key: str, *, default: Sequence[str], noun: str, new: bool
) -> Field[list[str]]:
    labels = labels_of(options)
    by_label = {label: text for text, label in labels.items()}

    def read(texts: list[str]) -> tuple[list[str] | None, list[str]]:
        said = [text for text in texts if text]
        if not said:
            return ([], []) if texts else (None, [])
        found = {text: text if text in labels or new else by_label.get(text) for text in said}
        known = list(dict.fromkeys(text for text in found.values() if text is not None))
        return known or None, [text for text, value in found.items() if value is None]

    def shown(values: list[str]) -> str:
        return ", ".join(labels.get(text, text) for text in values) or "all"

    kept = [text for text in default if text in labels or new]
    return Field(key, kept, read, lambda values: list(values) or EMPTY, noun, shown)


def a_number(
    low: float, high: float | None, key: str, *, default: float | None, noun: str
) -> Field[float | None]:
    """A field that holds a number from `low` to `high`, whole where `low` is; empty where `default` is."""
    whole = isinstance(low, int)

    def read(texts: list[str]) -> tuple[float | None, list[str]]:
        value = as_number(texts[-1]) if texts else None
        if value is None or value < low or (high is not None and value > high):
            return None, texts[-1:]
        if not whole:
            return value, []
        return (int(value), []) if value == int(value) else (None, texts[-1:])

    def write(value: float | None) -> list[str]:
        return EMPTY if value is None else [f"{value:.15g}"]

    return Field(
        key, default, read, write, noun, lambda value: "none" if value is None else f"{value:g}"
    )


def a_switch(key: str, *, default: bool, noun: str) -> Field[bool]:
    """A field that is on or off."""
    names = {"true": True, "false": False}

    def read(texts: list[str]) -> tuple[bool | None, list[str]]:
        known = names.get(texts[-1].lower()) if texts else None
        return known, texts[-1:] if known is None else []

    def write(value: bool) -> list[str]:
        return ["true" if value else "false"]

    return Field(key, default, read, write, noun, lambda value: "on" if value else "off")


def a_text(key: str, *, default: str, noun: str) -> Field[str]:
    """A field that holds any text."""
    return Field(key, default, lambda texts: (texts[-1] if texts else None, []),
                 lambda value: [value], noun, str)  # fmt: skip
