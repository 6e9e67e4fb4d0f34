"""Named sets of channels, kept in the store: chosen on a map, looked at again, taken elsewhere.

A set is a `Selection` with a name: `sets/<name>.json`. No torch here.
"""

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ict.documents.records import Odd, names_in, read_record, required, split
from ict.documents.selection_files import check_selection
from ict.documents.shapes import fields, text
from ict.errors import InputError, did_you_mean, quoted
from ict.files import atomic_write_json, make_folder, remove_file
from ict.selection import BlockSelection, Selection
from ict.store.base import BaseStore
from ict.store.basket import read_basket
from ict.store.run_folder import utc_now

_NAME = re.compile(r"\w[\w .+=-]{0,59}")


@dataclass(frozen=True)
class ChannelSet:
    """A named selection; `weights` and `task` are those of the scores it was chosen on."""

    name: str
    selection: Selection
    task: str | None = None
    weights: str | None = None
    created_at: str | None = None

    @property
    def channels(self) -> int:
        return sum(len(block.indices) for block in self.selection.blocks)

    def to_dict(self) -> dict[str, Any]:
        head = {"name": self.name, "task": self.task, "weights": self.weights}
        return {**head, "created_at": self.created_at, "selection": self.selection.to_dict()}

    def to_csv(self) -> str:
        """One row a channel: block (over all stages), stage, channel."""
        out = io.StringIO()
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(["block", "stage", "channel"])
        for block in self.selection.blocks:
            rows.writerows([block.block, block.stage, channel] for channel in block.indices)
        return out.getvalue()

    def fits(self, *, backbone: str, weights: str | None, site: str) -> bool:
        """Whether its channels are those of these weights at this site."""
        mine = (self.selection.backbone, self.weights, self.selection.site)
        return mine == (backbone, weights, site)


def from_pairs(
    pairs: set[tuple[int, int]], stages: list[tuple[int, int]], **origin: Any
) -> Selection:
    """A selection from (block, channel) pairs; `stages` are (blocks, width), blocks count over all."""
    blocks = []
    number = 0
    for stage, (count, width) in enumerate(stages):
        for _ in range(count):
            own = tuple(sorted(channel for block, channel in pairs if block == number))
            if own:
                blocks.append(BlockSelection(stage, number, width, own))
            number += 1
    return Selection(blocks=tuple(blocks), **origin)


def save(store: BaseStore, chosen: ChannelSet, *, replace: bool = False) -> ChannelSet:
    """Writes a set; InputError for a name that no file could carry, no channel, or a name that is taken.

    With `replace` the set of that name gives way.
    """
    if not _NAME.fullmatch(chosen.name):
        raise InputError(
            f"{quoted(chosen.name)}: name a set with 1 to 60 letters, digits, blanks and ._+=-, a letter first"
        )
    if not chosen.channels:
        raise InputError("no channel is marked: a set needs one or more")
    if not replace and is_taken(store, chosen.name):
        raise InputError(f"there is a set {quoted(chosen.name)} already; choose another name")
    dated = ChannelSet(chosen.name, chosen.selection, chosen.task, chosen.weights, utc_now())
    _write(store, dated)
    return dated


def is_taken(store: BaseStore, name: str) -> bool:
    """Whether a file lies where the set of that name would."""
    return _NAME.fullmatch(name) is not None and _path(store, name).exists()


def load(store: BaseStore, name: str) -> ChannelSet:
    """The set of that name; raises InputError with the nearest."""
    saved = _read(_path(store, name)) if _NAME.fullmatch(name) else None

    def missing() -> str:
        names = [one.name for one in list_sets(store)]
        return f"no readable set {quoted(name)} in {store.root}{did_you_mean(name, names)}"

    return required(saved, missing)


def list_sets(store: BaseStore) -> list[ChannelSet]:
    """All readable sets of the store, by name."""
    return read_sets(store)[0]


def read_sets(store: BaseStore) -> tuple[list[ChannelSet], list[Odd]]:
    """`list_sets(store)`, and the files that cannot be read."""
    names, troubles = names_in(store.sets_dir)
    sets, odd = split(_read(store.sets_dir / name) for name in names if name.endswith(".json"))
    return sets, troubles + odd


def remove(store: BaseStore, name: str) -> ChannelSet:
    """Deletes the set of that name, and gives it: `restore` brings it back."""
    gone = load(store, name)
    remove_file(_path(store, gone.name))
    return gone


def restore(store: BaseStore, gone: ChannelSet) -> None:
    """Writes a set that was removed as it was; raises InputError where there is another one by now."""
    if is_taken(store, gone.name):
        raise InputError(f"there is another set {quoted(gone.name)} by now; rename or delete that")
    _write(store, gone)


def figures_with(store: BaseStore, name: str) -> list[str]:
    """The collected figures that mark the set of that name, and cannot be drawn without it."""
    choices = ((entry.name, entry.request.get("choice")) for entry in read_basket(store)[0])
    return [
        figure
        for figure, choice in choices
        if isinstance(choice, dict) and choice.get("set") == name
    ]


def _write(store: BaseStore, one: ChannelSet) -> None:
    path = _path(store, one.name)
    make_folder(path.parent)
    atomic_write_json(path, one.to_dict())


def _path(store: BaseStore, name: str) -> Path:
    return store.sets_dir / f"{name}.json"


def _read(path: Path) -> ChannelSet | Odd | None:
    """The set in one file; None if it is empty or not there."""
    name = path.stem
    if not _NAME.fullmatch(name):
        return Odd(path, "its name is not that of a set; rename it, or take it out of the store")

    def set_of(record: Any) -> ChannelSet:
        _RECORD(record, "")
        selection = Selection.from_dict(record["selection"])
        origin = (record.get(field) for field in ("task", "weights", "created_at"))
        return ChannelSet(name, selection, *origin)

    return read_record(path, set_of, advice="delete it, or save the set again")


_RECORD = fields(
    {"selection": check_selection}, dict.fromkeys(("task", "weights", "created_at"), text)
)
