"""*Channels*: named sets of channels, saved in the store, marked on the map again, exported."""

import json
from collections.abc import Sequence
from typing import Any

import streamlit as st

from ict.errors import IctError
from ict.selection import Selection
from ict.store import channel_sets
from ict.store.channel_sets import ChannelSet
from ict_app.common import address, readers, words
from ict_app.common.sources import Boxed, Source


def fitting(source: Source) -> list[ChannelSet]:
    """Saved sets whose channels are those of this backbone, its weights and this site."""
    record = source.record
    return [
        one
        for one in channel_sets.list_sets(readers.own_store())
        if one.fits(backbone=str(record.backbone), weights=record.weights, site=source.site)
    ]


def choose(sets: Sequence[ChannelSet]) -> tuple[Selection, str]:
    """The set that is marked on the map, and its name."""
    by_name = {one.name: one for one in sets}
    name = address.select("Set", list(by_name), key="set")
    return by_name[name].selection, name


def draw(source: Source, picked: Selection, boxed: Sequence[Boxed]) -> None:
    """Saves what is marked, or what lies in a box; lists what was saved."""
    sets = fitting(source)
    label = f"Named sets ({len(sets)})" if sets else "Named sets"
    with st.expander(label, icon=":material/bookmarks:"):
        _save(source, picked, boxed)
        for one in sets:
            _row(one)
        st.caption(
            "A set is kept in the store with its backbone and site; mark it on the map with *Marked → a "
            "saved set*, also over the scores of another task."
        )


def _save(source: Source, picked: Selection, boxed: Sequence[Boxed]) -> None:
    marked = sum(len(block.indices) for block in picked.blocks)
    what = {f"the {marked:,} marked channels": picked}
    if boxed:
        pairs = {(one.block, one.channel) for one in boxed}
        shapes = [stage.shape for stage in source.stages]
        inside = channel_sets.from_pairs(
            pairs, shapes, site=source.site, backbone=source.record.backbone
        )
        what = {f"the {len(pairs):,} channels in the box": inside, **what}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("Name", key="set_name", width=260, max_chars=60)
        kind = st.selectbox("What", list(what), key="set_of", width=280)
        pressed = st.button("Save the set", icon=":material/bookmark_add:", disabled=not name)
    if not pressed:
        return
    record = source.record
    chosen = Selection(
        source.site, what[kind].blocks, what[kind].criterion, record.score_id, record.backbone
    )  # fmt: skip
    try:
        channel_sets.save(
            readers.own_store(), ChannelSet(name, chosen, record.task, record.weights)
        )
    except IctError as error:
        st.error(words.plain(error), icon=":material/edit:")
    else:
        st.rerun()


def _row(one: ChannelSet) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"**{words.plain(one.name)}** · {one.channels:,} channels of {words.plain(one.task)}",
            width="stretch",
        )
        for kind, content in (("json", _as_json), ("csv", ChannelSet.to_csv)):
            st.download_button(
                kind.upper(), _Later(content, one), f"{one.name}.{kind}", key=f"{kind}_{one.name}",
                on_click="ignore", type="tertiary", icon=":material/download:",
            )  # fmt: skip
        if st.button("Delete", key=f"delete_{one.name}", type="tertiary", icon=":material/delete:"):
            channel_sets.remove(readers.own_store(), one.name)
            st.rerun()


class _Later:
    """Makes the file only when it is asked for."""

    def __init__(self, content: Any, one: ChannelSet) -> None:
        self._content, self._one = content, one

    def __call__(self) -> str:
        return str(self._content(self._one))


def _as_json(one: ChannelSet) -> str:
    return json.dumps(one.to_dict(), indent=1)
