"""A store that is published (`ICT_READ_ONLY=1`): what would change it cannot be clicked, and says why.

Buttons that start, write or delete are drawn by `button` and `submit`. The gate itself stands in the
writers (`ict.files.refusals`): a click that comes all the same changes nothing.
"""

from typing import Any

import streamlit as st

from ict.files import is_published

SENTENCE = "Published read-only: nothing is started, changed or deleted here."


def refusal() -> str | None:
    """SENTENCE where the store is published, else None."""
    return SENTENCE if is_published() else None


def notice() -> None:
    """The line of the sidebar."""
    if is_published():
        st.info(
            "**Published read-only.** All of it can be looked at and downloaded; nothing is started, changed "
            "or deleted here.",
            icon=":material/lock:",
        )


def button(
    label: str, *, disabled: bool = False, help: str | None = None, **attributes: Any
) -> bool:
    """`st.button` of a change."""
    why = refusal()
    return st.button(label, disabled=disabled or why is not None, help=why or help, **attributes)


def submit(label: str) -> bool:
    """`st.form_submit_button` of a change."""
    why = refusal()
    return st.form_submit_button(label, disabled=why is not None, help=why)
