"""Channels by words: `b3 c17`, `block 3`, `c 4-9`, and the rows that these words find."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ict.analysis.channel_table import ChannelTable
from ict.errors import InputError, quoted

LONGEST: Final = 200
_WORD: Final = re.compile(
    r"(?P<kind>b|blocks?|c|ch|channels?)?\s*(?P<low>\d{1,9})(?:\s*[-–]\s*(?P<high>\d{1,9}))?[\s,;]*",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class Search:
    """Which rows are wanted; what is empty limits nothing."""

    within: Sequence[int] = ()
    """These blocks, and of them those that the words name."""
    blocks: Sequence[tuple[int, int]] = ()
    """First and last, several."""
    channels: Sequence[tuple[int, int]] = ()
    chosen_only: bool = False

    @classmethod
    def of(cls, words: str, *, within: Sequence[int] = (), chosen_only: bool = False) -> "Search":
        """What `words` say; a number alone is a channel. Raises InputError, with an example, for others."""
        named: dict[str, list[tuple[int, int]]] = {"b": [], "c": []}
        rest = words.strip()
        if len(rest) > LONGEST:
            raise InputError(f"{len(rest)} characters to search for: write {LONGEST} at most")
        while rest:
            found = _WORD.match(rest)
            if found is None:
                raise InputError(f"{quoted(rest)} names no channel: write b3 c17, block 3 or c 4-9")
            ends = sorted((int(found["low"]), int(found["high"] or found["low"])))
            named[(found["kind"] or "c")[0].lower()].append((ends[0], ends[1]))
            rest = rest[found.end() :]
        blocks, channels = (tuple(named[kind]) for kind in "bc")
        return cls(within=within, blocks=blocks, channels=channels, chosen_only=chosen_only)


def matches(table: ChannelTable, search: Search, places: np.ndarray) -> np.ndarray:
    """Those of `places` that are wanted, in their order."""
    mask = _within(table.block, search.blocks) & _within(table.channel, search.channels)
    mask &= _within(table.block, [(block, block) for block in search.within])
    if search.chosen_only:
        mask &= table.chosen
    return places[mask[places]]


def _within(values: np.ndarray, ranges: Sequence[tuple[int, int]]) -> np.ndarray:
    if not ranges:
        return np.ones(len(values), dtype=bool)
    return np.any([(low <= values) & (values <= high) for low, high in ranges], axis=0)
