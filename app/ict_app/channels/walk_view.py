"""*Inspect*: the previous and the next channel, by rank in the block or in the order of the table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ict.analysis.channel_table import SORTS
from ict.errors import IctError
from ict.figures.sources import chosen_in_block, comparable
from ict.scores import ranked
from ict.store import Run, Store
from ict_app.channels import marking, sorting
from ict_app.common import address, readers, words
from ict_app.common.sources import Source, open_source

Place = tuple[int, int]  # block over all stages, channel
IN_BLOCK = {"in_block": "Rank in the block"}
KEPT = ("of", "at", *sorting.NAMES)


@dataclass(frozen=True)
class Walk:
    """Channels one after the other, and in words which these are."""

    places: Sequence[Place]
    words: str

    def around(self, here: Place) -> tuple[Place | None, int | None, Place | None]:
        """The previous one, the number of `here` from 1, and the next; from outside the first is next."""
        if here not in self.places:
            return None, None, self.places[0] if self.places else None
        number = self.places.index(here)
        before = self.places[number - 1] if number else None
        after = self.places[number + 1] if number + 1 < len(self.places) else None
        return before, number + 1, after


def draw(shown: Store, source: Source, here: Place, bar: DeltaGenerator) -> None:
    """In `bar`, links to the channels on both sides, and the order in which these come."""
    sort = address.select(
        "Previous and next by", {**IN_BLOCK, **SORTS}, key="sort", place=bar, width=260,
        noun="order",
    )  # fmt: skip
    try:
        walk = _in_block(source, here) if sort in IN_BLOCK else _in_table(shown, source, sort)
    except IctError as error:
        st.error(words.plain(error), icon=":material/search_off:")
        return
    before, number, after = walk.around(here)
    for label, icon, place in (
        ("Previous", "arrow_back", before),
        ("Next", "arrow_forward", after),
    ):
        if place is None:
            address.no_link("inspect", label, icon=icon, place=bar)
            continue
        said: Any = _kept(shown, *place) | _at(source, place)
        address.link("inspect", label, icon=icon, place=bar, **said)
    table: Any = address.named(*KEPT) | _at(source, here)
    if sort in IN_BLOCK:
        table.pop("sort", None)
    address.link("channels", "All channels", icon="table_rows", place=bar, **table)
    stands = f"{number:,} of {len(walk.places):,}" if number else "Not among the"
    st.caption(f"{stands} {walk.words}.")


def _at(source: Source, place: Place) -> dict[str, list[str]]:
    """A channel, as an address says it."""
    return {"of": [source.key], "block": [str(place[0])], "channel": [str(place[1])]}


def _in_block(source: Source, here: Place) -> Walk:
    """The marked channels of the block by score; all of it where this one is not marked."""
    picked, _ = marking.said(source)
    block, channel = here
    order = ranked(source.row(block)).tolist()
    marked = set(chosen_in_block(picked, block))
    if channel in marked:
        places = [(block, one) for one in order if one in marked]
        return Walk(places, f"marked channels of block {block}, by rank")
    return Walk([(block, one) for one in order], f"channels of block {block}, by rank")


def _in_table(shown: Store, source: Source, sort: str) -> Walk:
    """As the table of *Channels* has them. Raises InputError for words that name no channel."""
    picked, ks = marking.said(source)
    table = sorting.table_of(shown, source, picked, ks, _other(shown, source))
    asked = sorting.said(source, sort)
    places = asked.places(table)
    pairs = np.stack([table.block[places], table.channel[places]], axis=1).tolist()
    found = "channels" if len(places) == len(table.block) else "channels that the search finds"
    by = SORTS["z" if sort in table.lacking else sort].lower()
    return Walk([(block, channel) for block, channel in pairs], f"{found} by {by}")


def _other(shown: Store, source: Source) -> Source | None:
    """B, where the link names one whose channels compare."""
    key = address.said("with")
    if key in (None, "nothing"):
        return None
    other = open_source(shown, str(key), source.site)
    same = other.widths == source.widths and comparable(source, other) is None
    return other if same else None


def _kept(shown: Store, block: int, channel: int) -> dict[str, list[str]]:
    """What the address says besides the channel; the run too, if it tunes that channel."""
    kept = address.named(*KEPT)
    run_id = address.said("tuned_by")
    if run_id:
        chosen = readers.selection(Run(shown.runs_dir / run_id))
        if chosen is not None and channel in chosen_in_block(chosen, block):
            kept["tuned_by"] = [run_id]
    return kept
