"""The block and the channel that several pages follow."""

from typing import Any

import numpy as np
import streamlit as st

from ict_app.common import address
from ict_app.common.fields import a_number
from ict_app.common.sources import Source


def block_input(last: int, place: Any = st) -> int:
    """The block, 0 to `last`, that a link, a click or an earlier page chose."""
    return int(
        address.number("Block", 0, last, key="block", default=0, place=place, width=150) or 0
    )


def followed_block(last: int) -> int:
    """The block that `block_input` chose, where no field for it is drawn."""
    return int(a_number(0, last, "block", default=0, noun="block").value() or 0)


def place(source: Source, bar: Any = None) -> tuple[int, int]:
    """The block, and the channel in it, that a link, a click or an earlier page chose; fields in `bar`.

    The strongest channel of the block stands in where none was chosen, and gives way to that of the
    next block.
    """
    bar = bar or st.container(horizontal=True)
    block = block_input(source.blocks - 1, bar)
    stage, row = source.place(block)
    width = source.widths[stage]
    best = int(np.argmax(source.stages[stage][row]))
    channel = address.number(
        f"Channel (of {width})", 0, width - 1, key="channel", default=best, place=bar, width=200,
        noun="channel",
    )  # fmt: skip
    return block, int(channel or 0)
