"""A notice when a run ends, for those who ask for it: on the page, and from the browser where it may.

Only an open tab tells; nothing is sent anywhere.
"""

import json
from collections.abc import Sequence

import streamlit as st

from ict.store.run_folder import TERMINAL
from ict.store.run_rows import RunRow
from ict_app.common import address, readers, words

_BUSY = ("running", "queued")
_SEEN = "statuses_seen"
_MOST = 3  # notices at once; more are one
_ICONS = {"done": "check_circle", "failed": "error"}
_ASK = "<script>if (window.Notification && Notification.permission === 'default') Notification.requestPermission()</script>"


def switch() -> bool:
    """The switch in the sidebar; off by default, and in the address."""
    wanted = address.toggle(
        "Tell me when a run ends", key="notify",
        help="A notice on this page while it is open, and one of the browser where you allow it.",
    )  # fmt: skip
    if wanted and not st.session_state.get("notify_asked"):
        st.session_state["notify_asked"] = True
        st.html(_ASK, unsafe_allow_javascript=True)
    return wanted


def tell(root: str, rows: list[RunRow], *, wanted: bool) -> None:
    """Says which runs have ended since this tab last looked."""
    before, statuses = st.session_state.get(_SEEN), {row.run_id: row.status for row in rows}
    st.session_state[_SEEN] = root, statuses
    if not wanted or before is None or before[0] != root:
        return
    found = ended(before[1], rows)
    if not found:
        return
    names = readers.run_names(rows)
    said = [sentence(row, names[row.run_id]) for row in found[:_MOST]]
    if len(found) > _MOST:
        said.append(f"and {words.runs(len(found) - _MOST)} more")
    for row, text in zip([*found[:_MOST], found[0]], said, strict=False):
        st.toast(words.plain(text), icon=f":material/{_ICONS.get(row.status, 'stop_circle')}:")
    st.html(_script("\n".join(said)), unsafe_allow_javascript=True)


def ended(before: dict[str, str], rows: Sequence[RunRow]) -> list[RunRow]:
    """Runs that were on their way and are so no longer."""
    return [row for row in rows if before.get(row.run_id) in _BUSY and row.status in TERMINAL]


def sentence(row: RunRow, name: str) -> str:
    """`digits · ict · seed 1: done, test accuracy 93.1 %`."""
    accuracy = f", test accuracy {words.percent(row.test_accuracy)}" if row.status == "done" else ""
    return f"{name}: {row.status}{accuracy}"


def _script(text: str) -> str:
    body = json.dumps(text).replace("<", r"\u003c")
    return (
        "<script>if (window.Notification && Notification.permission === 'granted') "
        f"new Notification('ict', {{body: {body}}})</script>"
    )
