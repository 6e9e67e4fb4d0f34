"""Controls whose state is in the URL and is followed from page to page."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from ict_app.common.sources import Source


def arrive(page: str) -> None:
    """Called by every page first: notes whether the visitor has just come to it."""
    state = st.session_state
    state["arrived"] = state.get("page") != page
    state["page"] = page
    if state.get("carried_to") != page:
        state["carried_to"] = None


def carry(page: str, **values: Any) -> None:
    """Before a switch to `page`: what its fields shall hold though the link cannot name it."""
    st.session_state.update({f"{key}_kept": value for key, value in values.items()})
    st.session_state["carried_to"] = page


def just_arrived() -> bool:
    """Whether this is the first run of the page since it was opened; false in a fragment's rerun."""
    context = get_script_run_ctx()
    return bool(st.session_state.get("arrived")) and not (context and context.fragment_ids_this_run)


def write_link(key: str, value: str) -> None:
    """Puts a value into the URL, except on arrival: each write is an entry for the Back button."""
    if st.query_params.get(key) != value and not just_arrived():
        st.query_params[key] = value


def linked_select(
    label: str, options: Mapping[str, str], key: str, *, first: str | None = None, **attributes: Any
) -> str:
    """The chosen key of `options` (key → label), under `key` in the URL.

    `first` is chosen when neither the link nor an earlier page says anything. streamlit's own
    `bind="query-params"` would put the label into the link, which changes with a run's fields.
    """
    widget, written, kept = f"{key}_box", f"{key}_written", f"{key}_kept"
    in_url = f"{key}_in_url"
    state = st.session_state
    linked = st.query_params.get(key)
    if linked in options and (just_arrived() or linked != state.get(written)):
        state[widget] = linked  # a link, or the browser's Back
    elif linked is None and state.get(in_url) and not just_arrived():
        state[widget] = next(iter(options))  # the browser's Back took the key out of the link
    elif just_arrived() or state.get(widget) not in options:
        kept_choice = state.get(kept)
        fallback = first if first in options else next(iter(options))
        state[widget] = kept_choice if kept_choice in options else fallback
    value = str(
        st.selectbox(
            label, list(options), format_func=options.__getitem__, key=widget, **attributes
        )
    )
    state[kept] = state[written] = value
    if linked is not None or value != next(iter(options)):
        write_link(key, value)
    state[in_url] = key in st.query_params
    return value


def follow(key: str) -> None:
    """Before a bound widget: on arrival without a link, or carried here, what another page left.

    A link, or the browser's Back, means what it says: what it does not name is at its default.
    """
    kept = st.session_state.get(f"{key}_kept")
    carried = st.session_state.get("carried_to") == st.session_state.get("page")
    plain = carried or not st.query_params.to_dict()
    if kept is not None and just_arrived() and plain and key not in st.query_params:
        st.session_state[key] = kept


def block_input(last: int, place: Any = st) -> int:
    """The block, 0 to `last`, that a link, a click or an earlier page chose."""
    follow("block")
    if (st.session_state.get("block") or 0) > last:
        st.session_state["block"] = 0
    block = int(
        place.number_input("Block", 0, last, 0, key="block", bind="query-params", width=150)
    )
    st.session_state["block_kept"] = block
    return block


def followed_block(last: int) -> int:
    """The block that `block_input` chose, where no field for it is drawn."""
    block = int(st.session_state.get("block") or 0)
    return block if block <= last else 0


def place(source: Source) -> tuple[int, int]:
    """The block, and the channel in it, that a link, a click or an earlier page chose.

    The strongest channel of the block stands in where none was chosen, and gives way to that of the
    next block. The field's own default is empty, so that a link with a channel names it.
    """
    bar = st.container(horizontal=True)
    block = block_input(source.blocks - 1, bar)
    stage, row = source.place(block)
    width = source.widths[stage]
    best = int(np.argmax(source.stages[stage][row]))
    follow("channel")
    chosen = st.session_state.get("channel")
    stood_in = st.session_state.get("channel_stood_in") == chosen is not None
    unasked = "channel" not in st.query_params
    if ((chosen is None or stood_in) and unasked) or (chosen or 0) >= width:
        st.session_state["channel"] = st.session_state["channel_stood_in"] = best
    number = bar.number_input(
        f"Channel (of {width})", 0, width - 1, None, key="channel", bind="query-params", width=200
    )
    channel = best if number is None else int(number)
    st.session_state["channel_kept"] = channel
    return block, channel
