"""The table of all channels as the address asks for it: its order, what of it is wanted, kept while it holds."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st

from ict.analysis.channel_search import Search, matches
from ict.analysis.channel_table import ChannelTable, channel_table, other_tasks
from ict.analysis.selectivity import ClassColumns, class_columns
from ict.scores import ChannelScores
from ict.selection import Selection
from ict.store import Store
from ict_app.common import address, readers
from ict_app.common.fields import a_switch, a_text, some_of
from ict_app.common.sources import Source

MARKED_ONLY = "Marked channels only"
REVERSED = "Reverse order"
NAMES = ("with", "k", "kd", "order", "set", "sort", "reverse", "blocks", "find", "marked")
"""What in the address decides on the table and its order."""


@dataclass(frozen=True)
class Asked:
    """How the table is sorted, and what of it is wanted."""

    sort: str
    reverse: bool
    search: Search

    def places(self, table: ChannelTable) -> np.ndarray:
        """Rows in their order; by z where the column that was asked for is not there."""
        sort = "z" if self.sort in table.lacking else self.sort
        return matches(table, self.search, table.order(sort, reverse=self.reverse))


def block_options(source: Source) -> dict[str, str]:
    return {str(block): f"block {block}" for block in range(source.blocks)}


def said(source: Source, sort: str) -> Asked:
    """What the address says beside the order, where no control is drawn. InputError as `Search.of`."""
    blocks = some_of(block_options(source), "blocks", default=(), noun="block", new=False)
    words = a_text("find", default="", noun="search")
    switches = [a_switch(name, default=False, noun=name) for name in ("marked", "reverse")]
    marked, reverse = (field.value() for field in switches)
    return Asked(sort, reverse, search_of(words.value(), blocks.value(), marked))


def search_of(words: str, blocks: list[str], marked: bool) -> Search:
    return Search.of(words, within=[int(block) for block in blocks], chosen_only=marked)


def table_of(
    shown: Store, source: Source, picked: Selection, ks: tuple[int, ...], other: Source | None
) -> ChannelTable:
    """All channels of `source` beside those of other tasks, against `other`."""
    records = other_tasks(source.record, readers.scores_of(shown), site=source.site)
    stamps = {task: readers.stamp(Path(one.path)) for task, one in records.items()}
    names = json.dumps([[block.block, block.indices, block.writes] for block in picked.blocks])
    key = (
        source.stamp,
        source.site,
        names,
        ks,
        tuple(stamps.items()),
        other.stamp if other else None,
    )
    files = {task: one.score_id for task, one in records.items()}
    return _table(source, picked, other, (shown, files), key)


@st.cache_resource(max_entries=20, show_spinner=False)
def _table(
    _source: Source,
    _picked: Selection,
    _other: Source | None,
    _beside: tuple[Store, dict[str, str]],
    of: tuple[readers.Stamp, str, str, tuple[int, ...], object, readers.Stamp | None],
) -> ChannelTable:
    """By the files, the site, the marked channels as text and K of each stage."""
    stamp, site, _, ks, *_ = of
    shown, files = _beside
    return channel_table(
        _source.scores, site=site, picked=_picked, ks=ks,
        others={task: readers.channel_scores(shown, one) for task, one in files.items()},
        against=_other.scores if _other else None,
        classes=_classes(_source.scores, stamp, site),
    )  # fmt: skip


@st.cache_resource(max_entries=8, show_spinner="Reading the sums of the images …")
def _classes(_scores: ChannelScores, of: readers.Stamp, site: str) -> ClassColumns:
    """What does not change with K."""
    return class_columns(_scores, site=site, path=Path(of[0]))


def in_the_address() -> dict[str, list[str]]:
    """What the address says of the table, for a link that shall say the same."""
    return address.named(*NAMES)
