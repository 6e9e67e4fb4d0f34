"""*Channels*, below the map: what the choice is made of, and what of it is generic."""

import shlex
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import streamlit as st

from ict.analysis.chosen_sums import Asked
from ict.analysis.families import Beside, beside
from ict.analysis.made_of import MadeOf, made_of
from ict.analysis.made_of_words import lacking, same_images_words, warnings
from ict.figures import made_of_lines
from ict.figures.asked import Choice, Request
from ict.store import Store
from ict_app.common import plot, readers, shell, words
from ict_app.common.sources import Source
from ict_app.common.terms import help_of
from ict_app.jobs import view

_number = st.column_config.NumberColumn
COLUMNS = {
    "block": _number("block"),
    "k": _number("K"),
    "chance": _number("by chance", format="%.1f", help=help_of("chance")),
    "shuffled": _number("classes shuffled", format="%.1f",
                        help="Of the K, what stays with shuffled class labels: mean of the shuffles."),
    "l2": _number("plain l2", help="Of the K, what the norm over all images chooses."),
    "others": _number("other tasks", help="Of the K, what the mean of other tasks' scores chooses."),
    "cls": _number("class tokens", help="Of the K, what scores of class tokens choose."),
    "top_channel": _number("strongest channel"),
    "top_share": _number("its energy", format="percent", help=help_of("energy")),
    "offset_share": _number("constant offset", format="percent", help="Of the energy of the K."),
}  # fmt: skip


def draw(shown: Store, source: Source, how: Choice) -> None:
    """Warnings, figure and table of the K highest scores of each block, and what is not known of them."""
    ks = tuple(how.k or ())
    held = beside(source.record, readers.scores_of(shown), site=source.site)
    files = (*held.tasks, *([held.cls] if held.cls else []))
    stamps = tuple(readers.stamp(Path(record.path)) for record in files)
    made = _made(source, held, (str(shown.root), source.stamp, source.site, ks, stamps))
    if made.known:
        _draw(made, source, ks)
    else:
        st.caption(
            f"The store cannot tell yet what a choice by {words.plain(source.criterion)} is made of."
        )
    if lacks := lacking(made, site=source.site):
        st.caption(
            f"Not known for these scores: {'; '.join(lack.columns for lack in lacks)}. To know it:"
        )
        for lack in lacks:
            line = _on_a_task(shlex.split(lack.command)[1:], source.task)
            view.offer("Score them", line, key=f"made_of_{lack.columns}")


def _on_a_task(line: Sequence[str], own: str) -> list[str]:
    """The line with a task that is here in place of OTHER_TASK; as it is where there is no other."""
    others = [row.name for row in readers.tasks() if row.available and row.name != own]
    return [others[0] if word == "OTHER_TASK" and others else word for word in line]


@st.cache_data(max_entries=60, ttl=600, show_spinner="Shuffling the class labels …")
def _made(
    _source: Source,
    _beside: Beside,
    of: tuple[str, readers.Stamp, str, tuple[int, ...], tuple[readers.Stamp, ...]],
) -> MadeOf:
    """The table, by the store, the score file, the site, K of each stage and the files beside it."""
    root, stamp, site, ks, _ = of
    asked = Asked(record=_source.record, path=Path(stamp[0]), site=site, ks=ks)
    return made_of(asked, _beside, Store(root))


def _draw(made: MadeOf, source: Source, ks: tuple[int, ...]) -> None:
    if sentences := warnings(made):
        text = "\n".join(f"- {words.plain(sentence)}" for sentence in sentences)
        st.warning(text, icon=":material/warning:")
    plot.draw(
        plot.once(made_of_lines, made.rows, seen=repr(made.rows), criterion=source.criterion,
                  tasks=tuple(made.tasks), shuffles=made.shuffles, theme=shell.theme()),
        "made-of", "What of the choice stays without classes, by other tasks, by class tokens",
        request=Request("made-of", [source.record.score_id], Choice(site=source.site, k=ks)),
    )  # fmt: skip
    st.caption(_caption(made))
    table = pd.DataFrame([row.to_dict() for row in made.rows])[list(COLUMNS)]
    st.dataframe(
        table.dropna(axis="columns", how="all"), hide_index=True, column_config=COLUMNS,
        height="content" if len(table) <= 12 else 460, key="made_of", placeholder="",
    )  # fmt: skip


def _caption(made: MadeOf) -> str:
    tasks = words.plain(", ".join(made.tasks))
    parts = [
        "It shows how many of the K highest scores of a block would be chosen without what the choice is "
        "for: all of K says that it is generic, the grey line is chance.",
        f"Other tasks: {tasks}." if tasks else "",
        words.plain(same_images_words(made)),
        "It cannot show that generic channels are the wrong ones to tune.",
    ]
    return " ".join(filter(None, parts))
