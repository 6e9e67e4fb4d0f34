"""Controls whose state is in the URL and is followed from page to page."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from ict_app.sources import Source


def arrive(page: str) -> None:
    """Called by every page first: notes whether the visitor has just come to it."""
    st.session_state["arrived"] = st.session_state.get("page") != page
    st.session_state["page"] = page


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
    state = st.session_state
    asked = st.query_params.get(key)
    if asked in options and (just_arrived() or asked != state.get(written)):
        state[widget] = asked  # a link, or the browser's Back
    elif just_arrived() or state.get(widget) not in options:
        wanted = state.get(kept)
        fallback = first if first in options else next(iter(options))
        state[widget] = wanted if wanted in options else fallback
    value = str(
        st.selectbox(label, list(options), format_func=options.get, key=widget, **attributes)
    )
    state[kept] = state[written] = value
    if asked is not None or value != next(iter(options)):
        write_link(key, value)
    return value


def follow(key: str) -> None:
    """Before a bound widget: on arrival without a link, the value that another page left."""
    kept = st.session_state.get(f"{key}_kept")
    if kept is not None and just_arrived() and key not in st.query_params:
        st.session_state[key] = kept


def block_input(last: int, place: Any = st) -> int:
    """The block, 0 to `last`, that a link, a click or an earlier page chose."""
    follow("block")
    if (st.session_state.get("block") or 0) > last:
        st.session_state["block"] = 0
    block = int(place.number_input("Block", 0, last, 0, key="block", bind="query-params"))
    st.session_state["block_kept"] = block
    return block


def followed_block(last: int) -> int:
    """The block that `block_input` chose, where no field for it is drawn."""
    block = int(st.session_state.get("block") or 0)
    return block if block <= last else 0


def place(source: Source) -> tuple[int, int]:
    """The block, and the channel in it, that a link, a click or an earlier page chose.

    The strongest channel stands in where none was chosen. The field's own default is empty, so that
    the link always names the channel.
    """
    first, second, _ = st.columns([1, 1, 2])
    block = block_input(source.blocks - 1, first)
    stage, row = source.place(block)
    width = source.widths[stage]
    best = int(np.argmax(source.stages[stage][row]))
    follow("channel")
    chosen = st.session_state.get("channel")
    if (chosen is None and "channel" not in st.query_params) or (chosen or 0) >= width:
        st.session_state["channel"] = best
    asked = second.number_input(
        f"Channel (of {width})", 0, width - 1, None, key="channel", bind="query-params"
    )
    channel = best if asked is None else int(asked)
    st.session_state["channel_kept"] = channel
    return block, channel
