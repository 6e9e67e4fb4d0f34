"""Chosen channels as a record: what each adapter reads, and what it writes. No torch here."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class BlockSelection:
    """The channels that the adapter of one block reads and writes. `block` counts over all stages from 0."""

    stage: int
    block: int
    width: int
    indices: tuple[int, ...]
    """The read set R, ascending."""
    writes: tuple[int, ...] | None = None
    """The write set S, ascending; None where it is R, as in the paper."""
    rms: tuple[float, ...] | None = None
    """What each channel of R is divided by before it is read, in the order of `indices`; None: nothing."""

    @property
    def written(self) -> tuple[int, ...]:
        """The write set S."""
        return self.indices if self.writes is None else self.writes

    @property
    def parameters(self) -> int:
        """Weights and biases of one linear layer from R to S: |R|·|S| + |S|."""
        return (len(self.indices) + 1) * len(self.written)

    def sizes(self) -> str:
        """`24 of 192`, or how many are read and how many written where these are two sets."""
        read = f"{len(self.indices)} of {self.width}"
        return read if self.writes is None else f"reads {read}, writes {len(self.writes)}"

    def to_dict(self) -> dict[str, Any]:
        """What is stored; what version 0.1.0 had not stays out where it is None."""
        return {n: v for n, v in asdict(self).items() if v is not None or n not in _LATER}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "BlockSelection":
        later = {name: _tuple(record.get(name)) for name in _LATER}
        return cls(
            record["stage"], record["block"], record["width"], tuple(record["indices"]), **later
        )


_LATER = ("writes", "rms")


def _tuple(values: Sequence[Any] | None) -> tuple[Any, ...] | None:
    return None if values is None else tuple(values)


@dataclass(frozen=True)
class Selection:
    """Chosen channels at one site, with where they came from."""

    site: str
    blocks: tuple[BlockSelection, ...]
    criterion: str | None = None
    score_id: str | None = None
    backbone: str | None = None

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "blocks": [block.to_dict() for block in self.blocks]}

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> "Selection":
        blocks = tuple(map(BlockSelection.from_dict, record["blocks"]))
        return cls(
            record["site"],
            blocks,
            record.get("criterion"),
            record.get("score_id"),
            record.get("backbone"),
        )

    def parameters(self) -> int:
        """Weights and biases of the linear layers of all chosen blocks: Σ |R|·|S| + |S|, or K² + K."""
        return sum(block.parameters for block in self.blocks)

    def stage_ks(self) -> tuple[int, ...] | None:
        """How many channels a block of each stage reads; None where blocks of one stage differ in that."""
        by_stage: dict[int, set[int]] = {}
        for block in self.blocks:
            by_stage.setdefault(block.stage, set()).add(len(block.indices))
        if any(len(ks) > 1 for ks in by_stage.values()):
            return None
        return tuple(by_stage[stage].pop() for stage in sorted(by_stage))

    def _repr_html_(self) -> str:
        from ict.documents.cards import card

        counts: dict[tuple[int, str], int] = {}
        for one in self.blocks:
            key = (one.stage, one.sizes())
            counts[key] = counts.get(key, 0) + 1
        rows = [(stage, n, sizes) for (stage, sizes), n in counts.items()]
        what = f"{self.criterion or 'chosen'} at {self.site}, {self.parameters():,} parameters"
        return card(f"Selection: {what}", ("stage", "blocks", "channels"), rows)

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Writes the selection as safetensors: indices of each block, the rest in its header.

        Raises InputError if the file is there, unless `overwrite` is set; StoreError from the disk.
        """
        from ict.documents.selection_files import selection_bytes
        from ict.files import write_new

        return write_new(path, selection_bytes(self.to_dict()), overwrite=overwrite)

    @classmethod
    def load(cls, path: str | Path) -> "Selection":
        """The selection in a file of `save`; raises InputError if it is none."""
        from ict.documents.selection_files import read_selection

        return cls.from_dict(read_selection(Path(path)))
