"""Figures that were collected for a paper: one file of the store, which every tab of the app edits.

`figures.json` holds what draws each figure, not the figure: it is drawn from the store as that is now.
A change reads, changes and writes under a lock, so that two tabs lose nothing of each other.
"""

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from ict.documents.records import Odd, read_record, required
from ict.documents.shapes import fields, list_of, maybe, one_of, table, text
from ict.errors import InputError, did_you_mean, quoted
from ict.files import atomic_write_json, make_folder
from ict.store import names
from ict.store.base import BaseStore
from ict.store.locks import RunLock
from ict.store.run_folder import utc_now

MOST = 200  # figures; a paper has fewer, and each is drawn when the page is
LONGEST_CAPTION = 4000
_NAME = re.compile(r"[\w-]{1,80}")
_ADVICE = "correct it, or delete it to begin anew"

Place = Literal["own", "example"]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A collected figure: what draws it, and how it goes on paper."""

    name: str
    """Also the name of its files: letters, digits, `-` and `_`; of each only one."""
    request: Mapping[str, Any]
    """What draws it (`ict.figures.collected`): name, sources, choice."""
    store: Place = "own"
    """Where its sources are: in the store that holds the basket, or among the example runs."""
    caption: str | None = None
    """None: the figure's own."""
    style: str | None = None
    """A venue; None: the one that an export of all asks for."""
    span: str | None = None
    """Of the width of which it takes all, `column` or `text`; None: the figure's own."""
    id: str = field(default_factory=lambda: secrets.token_hex(6))
    added_at: str = field(default_factory=utc_now)


def entries(store: BaseStore) -> list[Entry]:
    """The figures in their order. Raises InputError where the file cannot be read."""
    found = _read(store)
    return [] if found is None else list(required(found, str))


def read_basket(store: BaseStore) -> tuple[list[Entry], list[Odd]]:
    """`entries(store)`, and why there are none if the file cannot be read."""
    found = _read(store)
    return ([], [found]) if isinstance(found, Odd) else (list(found or ()), [])


def add(store: BaseStore, new: Entry) -> Entry | None:
    """Puts a figure last, `-2`, `-3`, … after a name that is taken; None if it is there already.

    Raises InputError for a name that no file could carry, and for one more than MOST.
    """
    added: list[Entry] = []

    def change(there: Sequence[Entry]) -> Sequence[Entry]:
        if any((one.request, one.store) == (new.request, new.store) for one in there):
            return there
        if len(there) >= MOST:
            raise InputError(f"{MOST} figures are collected already; remove some first")
        added.append(replace(new, name=_free(new.name, {one.name for one in there})))
        return [*there, *added]

    _change(store, change)
    return added[0] if added else None


def edit(store: BaseStore, entry_id: str, **changes: str | None) -> None:
    """Changes name, caption, style or span of one figure.

    Raises InputError for a name that is taken or no file could carry, and if the figure is gone.
    """

    def change(there: Sequence[Entry]) -> Sequence[Entry]:
        number = _number(there, entry_id)
        edited = replace(there[number], **changes)  # type: ignore[arg-type]  # names are checked by replace
        others = [*there[:number], *there[number + 1 :]]
        if any(one.name == edited.name for one in others):
            raise InputError(
                f"there is a figure {quoted(edited.name)} already; choose another name"
            )
        return [*there[:number], edited, *there[number + 1 :]]

    _change(store, change)


def move(store: BaseStore, entry_id: str, by: int) -> None:
    """Moves one figure `by` places down (up, if negative), at most to an end."""

    def change(there: Sequence[Entry]) -> Sequence[Entry]:
        number = _number(there, entry_id)
        others = [*there[:number], *there[number + 1 :]]
        others.insert(min(max(number + by, 0), len(others)), there[number])
        return others

    _change(store, change)


def remove(store: BaseStore, entry_id: str) -> None:
    """Takes one figure out; one that is gone already is no error."""
    _change(store, lambda there: [one for one in there if one.id != entry_id])


def _change(store: BaseStore, change: Callable[[Sequence[Entry]], Sequence[Entry]]) -> None:
    """Writes what `change` makes of the figures, unless that is the same; one change at a time."""
    make_folder(store.root)
    with RunLock(store.root / names.BASKET_LOCK):
        before = entries(store)
        after = list(change(before))
        if after != before:
            forms = [asdict(one) for one in after]
            _check_entries(forms)
            atomic_write_json(store.root / names.BASKET, {"figures": forms})


def _number(there: Sequence[Entry], entry_id: str) -> int:
    for number, one in enumerate(there):
        if one.id == entry_id:
            return number
    known = [one.id for one in there]
    raise InputError(f"no figure {quoted(entry_id)} is collected{did_you_mean(entry_id, known)}")


def _free(name: str, taken: set[str]) -> str:
    free, number = name, 2
    while free in taken:
        free, number = f"{name}-{number}", number + 1
    return free


def _read(store: BaseStore) -> list[Entry] | Odd | None:
    def entries_of(record: Any) -> list[Entry]:
        _FILE(record, "")
        _check_entries(record["figures"])
        known = set(Entry.__dataclass_fields__)
        forms = [{k: v for k, v in one.items() if k in known} for one in record["figures"]]
        return [Entry(**{k: v for k, v in form.items() if v is not None}) for form in forms]

    return read_record(store.root / names.BASKET, entries_of, advice=_ADVICE)


def _check_entries(forms: Sequence[Mapping[str, Any]]) -> None:
    """Raises InputError for names that files cannot carry, that are there twice, and for too many."""
    if len(forms) > MOST:
        raise InputError(f"holds {len(forms)} figures, more than {MOST}")
    for form in forms:
        if not _NAME.fullmatch(form["name"]):
            raise InputError(
                f"{quoted(form['name'])}: name a figure with 1 to 80 letters, digits, - and _"
            )
        if len(form.get("caption") or "") > LONGEST_CAPTION:
            raise InputError(
                f"the caption of {quoted(form['name'])} has more than {LONGEST_CAPTION:,} characters"
            )
    for key in ("id", "name"):
        if len({form[key] for form in forms}) < len(forms):
            raise InputError(f"holds two figures of the same {key}")


_ENTRY = fields(
    {"id": text, "name": text, "request": table, "store": one_of("own", "example")},
    {
        "caption": maybe(text),
        "style": maybe(text),
        "span": maybe(one_of("column", "text")),
        "added_at": text,
    },
)
_FILE = fields({"figures": list_of(_ENTRY)})
