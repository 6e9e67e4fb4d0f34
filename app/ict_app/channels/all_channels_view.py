"""*Channels*: every channel of every block in one table, sorted, searched, each row a way to its page."""

import shlex

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from ict.analysis.channel_table import SORTS, ChannelTable
from ict.analysis.made_of_words import score_command
from ict.criteria import CRITERION
from ict.errors import IctError
from ict.selection import Selection
from ict.store import Store
from ict_app.channels import sorting
from ict_app.channels.sorting import Asked
from ict_app.common import address, signed, words
from ict_app.common.sources import Source
from ict_app.common.terms import help_of

SHOWN = 200  # rows; a browser scrolls no further than that
_OPEN = "open_channel"
_number = st.column_config.NumberColumn


def draw(
    shown: Store,
    source: Source,
    picked: Selection,
    ks: tuple[int, ...],
    other: Source | None,
) -> None:
    """The table, its order and its search, which are in the address."""
    st.subheader("All channels", anchor=False)
    try:
        asked = _controls(source)
        table = sorting.table_of(shown, source, picked, ks, other)
    except IctError as error:
        st.error(words.plain(error), icon=":material/search_off:")
        return
    if asked.sort in table.lacking:
        _lacking(source, asked.sort, table.lacking[asked.sort])
    places = asked.places(table)
    if not len(places):
        st.info("No channel is like that: search for others, or take more blocks.")
        return
    _rows(source, table, places[:SHOWN], asked.sort)
    st.caption(_caption(table, len(places)))


def _controls(source: Source) -> Asked:
    bar = st.container(horizontal=True, vertical_alignment="bottom", gap="small")
    order = address.select("Sort by", SORTS, key="sort", place=bar, width=260, noun="order")
    blocks = address.multiselect(
        "Blocks", sorting.block_options(source), key="blocks", place=bar, width=220,
        placeholder="All", noun="block",
    )  # fmt: skip
    text = address.text("Search", key="find", place=bar, width=180, placeholder="b3 c17")
    marked = address.toggle(sorting.MARKED_ONLY, key="marked", place=bar)
    reverse = address.toggle(sorting.REVERSED, key="reverse", place=bar)
    return Asked(order, reverse, sorting.search_of(text, blocks, marked))


def _rows(source: Source, table: ChannelTable, places: np.ndarray, sort: str) -> None:
    def opened() -> None:
        click = st.session_state.get(_OPEN)
        if click and click["row"] < len(places):
            row = table.row(int(places[click["row"]]))
            at = {"block": row.block, "channel": row.channel}
            st.session_state["clicked"] = {**sorting.in_the_address(), "sort": sort, **at}

    frame = frame_of(table, places, source.record.class_names)
    frame["open"] = ":material/frame_inspect: " + frame["open"]
    if sort in frame:  # beside the name, where a narrow screen shows it
        frame.insert(1, sort, frame.pop(sort))
    signed.draw(
        placeholder=words.NOTHING, key="all_channels",
        height="content" if len(frame) <= 10 else 388,
        table=frame, forms={"score": ".4g", "z": ".2f", "difference": "+.2f"}, columns={
            "open": st.column_config.ButtonColumn(
                "channel", type="tertiary", on_click=opened, key=_OPEN, pinned=True, width=120,
                help="Opens the channel on *Inspect*.",
            ),
            **_columns(table),
        },
    )  # fmt: skip


def _columns(table: ChannelTable) -> dict[str, ColumnConfig]:
    tasks = f"Tasks: {', '.join(words.plain(task) for task in table.of_tasks)}."
    return {
        "score": _number("score", help=help_of("score")),
        "z": _number("z in block", help=help_of("z")),
        "rank": _number("rank in block", help=help_of("rank")),
        "chosen": st.column_config.CheckboxColumn("marked", help="Marked on the map at this K."),
        "selectivity": _number("selectivity", format="%.3f", help=help_of("selectivity")),
        "top_class": st.column_config.TextColumn(
            "strongest class", help="The class of the highest root mean square activation."
        ),
        "class_share": _number("class share", format="%.3f", help=help_of("class share")),
        "tasks": _number(
            f"tasks, of {len(table.of_tasks)}", help=help_of("tasks with it", more=tasks)
        ),
        "difference": _number("z in A − in B", help=help_of("z difference")),
        "other_rank": _number("rank in B", help=help_of("rank")),
    }


def frame_of(table: ChannelTable, places: np.ndarray, class_names: tuple[str, ...]) -> pd.DataFrame:
    """The rows at `places`, without the columns that these scores do not tell."""
    rows = [table.row(int(place)) for place in places]
    frame = pd.DataFrame([row.to_dict() for row in rows])
    frame.insert(0, "open", [f"b{row.block} c{row.channel}" for row in rows])
    names = dict(enumerate(class_names))
    frame["top_class"] = [
        None if row.top_class is None else names.get(row.top_class, str(row.top_class)) for row in rows
    ]  # fmt: skip
    return frame.drop(columns=["block", "channel", *table.lacking])


def _lacking(source: Source, sort: str, why: str) -> None:
    """Why the table is not sorted as asked, and the command that mends it."""
    st.info(f"Not sorted by *{SORTS[sort].lower()}*: {words.plain(why)}.")
    command = score_command(source.record, source.site)
    if sort == "tasks":
        command = score_command(source.record, source.site, task="OTHER_TASK")
    elif sort == "class_share":
        command.append("--keep-images")
    elif sort == "selectivity" and source.criterion != CRITERION:
        command = ["ict", "score", source.task, "--backbone", str(source.record.backbone)]
    if sort != "difference":
        st.code(shlex.join(command), language="bash")


def _caption(table: ChannelTable, many: int) -> str:
    shown = "" if many <= SHOWN else f"The first {SHOWN} of {many:,} channels: search for others. "
    return (
        f"{shown}A click on a channel opens its page, from where *Next* follows this order. "
        "Selectivity says for whom a channel is active, not that tuning it helps."
    )
