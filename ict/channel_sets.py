"""Named sets of channels, kept in the store: chosen on a map, looked at again, taken elsewhere.

A set is a `Selection` with a name: `sets/<name>.json`. No torch here.
"""

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ict.errors import InputError, did_you_mean, quoted
from ict.files import atomic_write_json, make_folder, read_json, remove_file
from ict.selection import BlockSelection, Selection
from ict.store import Store, utc_now

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


def save(store: Store, chosen: ChannelSet) -> ChannelSet:
    """Writes a set; raises InputError for a name that is taken or no file could carry, or no channel."""
    if not _NAME.fullmatch(chosen.name):
        raise InputError(
            f"{quoted(chosen.name)}: name a set with 1 to 60 letters, digits, blanks and ._+=-, a letter first"
        )
    if not chosen.channels:
        raise InputError("no channel is marked: a set needs one or more")
    path = _path(store, chosen.name)
    if path.exists():
        raise InputError(f"there is a set {quoted(chosen.name)} already; choose another name")
    dated = ChannelSet(chosen.name, chosen.selection, chosen.task, chosen.weights, utc_now())
    make_folder(path.parent)
    atomic_write_json(path, dated.to_dict())
    return dated


def load(store: Store, name: str) -> ChannelSet:
    """The set of that name; raises InputError with the nearest."""
    found = _read(store, name)
    if found is None:
        names = [one.name for one in list_sets(store)]
        raise InputError(
            f"no readable set {quoted(name)} in {store.root}{did_you_mean(name, names)}"
        )
    return found


def list_sets(store: Store) -> list[ChannelSet]:
    """All readable sets of the store, by name."""
    names = sorted(path.stem for path in store.sets_dir.glob("*.json"))
    return [found for name in names if (found := _read(store, name)) is not None]


def remove(store: Store, name: str) -> None:
    remove_file(_path(store, load(store, name).name))


def _path(store: Store, name: str) -> Path:
    return store.sets_dir / f"{name}.json"


def _read(store: Store, name: str) -> ChannelSet | None:
    if not _NAME.fullmatch(name):
        return None
    record = read_json(_path(store, name))
    try:
        selection = Selection.from_dict(record["selection"])
        return ChannelSet(
            name, selection, record.get("task"), record.get("weights"), record.get("created_at")
        )
    except (TypeError, KeyError, ValueError):
        return None
