"""*Channels*: named sets of channels, saved in the store, marked on the map again, exported."""

import json
from collections.abc import Sequence
from typing import Any

import streamlit as st

from ict.errors import IctError
from ict.selection import Selection
from ict.store import channel_sets
from ict.store.channel_sets import ChannelSet
from ict_app.common import address, published, readers, visit, words
from ict_app.common.sources import Boxed, Source
from ict_app.tune.manage import action, attempt

_ASKED = "set_asked"  # what waits for an answer, and on which arrival at the page
_DELETED = "set_deleted"


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


def draw(source: Source, picked: Selection, boxed: Sequence[Boxed], marked: str | None) -> None:
    """Saves what is marked, or what lies in a box; lists what was saved, and asks before one is lost.

    `marked` is the set that the map marks.
    """
    sets = fitting(source)
    label = f"Named sets ({len(sets)})" if sets else "Named sets"
    pending = _pending() is not None or _DELETED in st.session_state
    with st.expander(label, expanded=pending, key="named_sets", icon=":material/bookmarks:"):
        _save(source, picked, boxed)
        _undo()
        for one in sets:
            _row(one, is_marked=one.name == marked)
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
        pressed = published.button(
            "Save the set", icon=":material/bookmark_add:", disabled=not name
        )
    record = source.record
    chosen = Selection(
        source.site, what[kind].blocks, what[kind].criterion, record.score_id, record.backbone
    )  # fmt: skip
    new = ChannelSet(name, chosen, record.task, record.weights)
    if pressed and channel_sets.is_taken(readers.own_store(), name):
        _ask("replace", name)
    elif pressed:
        _keep(new, replace=False)
    if _pending() == ("replace", name):
        sure = f"Replace it by {kind}"
        there = f"There is a set **{words.plain(name)}** already. {_used(name)}"
        if _sure(there, sure, "Keep it"):
            _keep(new, replace=True)


def _keep(new: ChannelSet, *, replace: bool) -> None:
    try:
        channel_sets.save(readers.own_store(), new, replace=replace)
    except IctError as error:
        st.error(words.plain(error), icon=":material/edit:")
        return
    _ask(None)
    st.toast(f"Saved {words.plain(new.name)}: {new.channels:,} channels", icon=":material/check:")
    st.rerun()


def _row(one: ChannelSet, *, is_marked: bool) -> None:
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
        if published.button(
            "Delete", key=f"delete_{one.name}", type="tertiary", icon=":material/delete:"
        ):
            _ask("delete", one.name)
    if _pending() == ("delete", one.name):
        question = f"Delete **{words.plain(one.name)}**? {_used(one.name, is_marked=is_marked)}"
        sure = _sure(question, "Delete the set", "Keep it")
        if sure and attempt(lambda: _delete(one.name)):
            st.rerun()


def _used(name: str, *, is_marked: bool = False) -> str:
    """What a set is used by, as a sentence."""
    figures = channel_sets.figures_with(readers.own_store(), name)
    uses = ["the map marks it now"] if is_marked else []
    if figures:
        named = ", ".join(map(words.plain, figures[:3])) + (", …" if len(figures) > 3 else "")
        uses.append(f"{len(figures)} collected figure{'s' * (len(figures) > 1)}: {named}")
    return f"Used: {'; '.join(uses)}." if uses else "Nothing uses it."


def _delete(name: str) -> None:
    st.session_state[_DELETED] = channel_sets.remove(readers.own_store(), name)
    _ask(None)


def _undo() -> None:
    """After a deletion: the button that brings the set back."""
    gone: ChannelSet | None = st.session_state.get(_DELETED)
    if gone is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", border=True):
        st.markdown(f"**{words.plain(gone.name)}** is deleted.")
        action("Undo", "undo", lambda: _restore(gone))
        if st.button("Dismiss", key="set_gone", type="tertiary"):
            del st.session_state[_DELETED]
            st.rerun()


def _restore(gone: ChannelSet) -> None:
    channel_sets.restore(readers.own_store(), gone)
    del st.session_state[_DELETED]


def _ask(what: str | None, name: str = "") -> None:
    """Keeps what waits for an answer, until the visitor leaves the page."""
    st.session_state[_ASKED] = visit.current().arrivals, what and (what, name)


def _pending() -> tuple[str, str] | None:
    since, asked = st.session_state.get(_ASKED, (None, None))
    return asked if since == visit.current().arrivals else None


def _sure(question: str, yes: str, no: str) -> bool:
    """Asks before something is lost; True once that was answered with `yes`."""
    with st.container(horizontal=True, vertical_alignment="center", border=True):
        st.markdown(question, width="stretch")
        sure = published.button(yes, type="primary", key="set_yes", icon=":material/check:")
        if st.button(no, key="set_no"):
            _ask(None)
            st.rerun()
    return sure


class _Later:
    """Makes the file only when it is asked for."""

    def __init__(self, content: Any, one: ChannelSet) -> None:
        self._content, self._one = content, one

    def __call__(self) -> str:
        return str(self._content(self._one))


def _as_json(one: ChannelSet) -> str:
    return json.dumps(one.to_dict(), indent=1)
