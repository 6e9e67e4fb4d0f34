"""The nine birds, read through the cache and held against what is decoded."""

from pathlib import Path

from ict.tasks import load_split
from ict.tasks.decoded import cache
from ict.tasks.decoded.decode import decode
from ict.tasks.decoded.sets import read_set
from ict.tasks.decoded.tally import Tally

SIZE = 16
SET = 4096 + 9 * (3 * SIZE**2 + 4)  # bytes of the file of nine images


def read(size: int = SIZE, name: str = "train800") -> Tally:
    """Reads the nine birds and holds them against what is decoded; gives the tally."""
    split, tally = load_split("birds", name), Tally()
    assert (read_set(split, size, tally=tally) == decode(split, size)).all()
    assert tally.decoded + tally.cached == len(split)
    return tally


def files() -> list[Path]:
    return sorted(path for path in cache.folder().iterdir())
