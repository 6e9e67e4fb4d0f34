"""*Transfer*: tasks on each other's channels, paired with their own on the same seeds."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from ict.analysis.groups import varying_within
from ict.analysis.transfer import WHOSE, TransferRow
from ict.documents.number_words import range_words
from ict.figures import transfer_matrix
from ict.figures.asked import Request
from ict.methods.registry import chooses_channels
from ict.store.run_rows import RunRow
from ict_app.common import plot, shell, signed, words
from ict_app.common.terms import help_of

_NAMED = ("backbone", "criterion", "k", "tune_site")


@dataclass(frozen=True, kw_only=True)
class Missing:
    """What a page without a pair of runs lacks: in words, the button, and the run that is asked for."""

    sentence: str
    button: str
    task: str
    score_task: str | None
    """Whose channels the run is on; None for its own."""
    seeds: tuple[str, ...]

    @property
    def command(self) -> str:
        seed = ["--seed", *self.seeds[:1]]
        scored = ["--set", f"score_task={self.score_task}"]
        return shlex.join(["ict", "train", self.task, *seed, *(scored if self.score_task else [])])

    @property
    def query(self) -> dict[str, str | list[str]]:
        """Of the form on *Train*."""
        asked: dict[str, str | list[str]] = {"tasks": self.task, "seeds": list(self.seeds)}
        return asked if self.score_task is None else {**asked, "score_on": self.score_task}


def missing(rows: Sequence[RunRow]) -> Missing:
    """What a first pair of runs lacks: a run on foreign channels, or one on the task's own."""
    done = [row for row in rows if row.done and chooses_channels(row.method) and row.task]
    if foreign := next((row for row in done if row.foreign), None):
        task = str(foreign.task)
        return Missing(
            sentence=f"{words.plain(task)} was tuned on the channels of {words.plain(foreign.score_task)}, and not "
            "on its own with the same seed and settings: there is nothing to compare it with.",
            button=f"Tune {task} on its own channels", task=task, score_task=None,
            seeds=(str(foreign.seed),),
        )  # fmt: skip
    task = str(done[0].task) if done else "digits"
    others = [str(row.task) for row in done if row.task != task]
    other = next(name for name in (*others, "sprites_loc", "digits") if name != task)
    there = (
        f"{words.plain(task)} on its own channels is there: the same seed and settings on those"
        if done
        else f"It is compared with `ict train {task}`, same seed and settings, on its own; this one is on those"
    )
    return Missing(
        sentence=f"No run on the channels of another task yet. {there} of {words.plain(other)} make a pair.",
        button=f"Tune {task} on the channels of {other}", task=task, score_task=other,
        seeds=(str(done[0].seed) if done else "42",),
    )  # fmt: skip


def settings(table: Sequence[TransferRow]) -> dict[str, list[TransferRow]]:
    """The table by all that its cells differ in besides tasks, the fullest first.

    What differs between tasks alone, as a recipe sets it, parts nothing.
    """
    varying = varying_within([row.run for row in table], ("task",))
    apart = [name for name in varying if name not in (*_NAMED, *WHOSE)]
    by_setting: dict[str, list[TransferRow]] = {}
    for row in table:
        by_setting.setdefault(_setting(row.run, apart), []).append(row)
    return dict(sorted(by_setting.items(), key=lambda item: -len(item[1])))


def _setting(run: RunRow, apart: Sequence[str]) -> str:
    parts = [str(run.backbone), str(run.criterion), f"K {run.k}", str(run.tune_site)]
    return " · ".join([*parts, *(f"{name.replace('_', ' ')} {run.get(name)}" for name in apart)])


def matrix(rows: Sequence[TransferRow]) -> None:
    """Task trained × source of its channels."""
    plot.draw(
        transfer_matrix(rows, theme=shell.theme()), "transfer",
        "Accuracy on the channels of another task minus that on the task's own",
        request=Request("transfer", sorted({i for row in rows for i in row.run_ids})),
    )  # fmt: skip
    if min(row.n for row in rows) < 2:
        st.warning("Cells of one seed have no interval: run two seeds or more.")
    st.caption(
        "It shows what a task gains or loses on test accuracy, in points, when nothing changes but whose "
        "channels are tuned; a star marks a 95 % paired t interval without 0, a grey cell one that holds 0, or "
        "none. It cannot show that two "
        "tasks need the same channels where the random column loses nothing either, nor, without a star, "
        "that there is no loss: few seeds see only large ones, and many cells give some stars by chance."
    )


def cells(rows: Sequence[TransferRow]) -> None:
    """The numbers behind the matrix."""
    number = st.column_config.NumberColumn
    table = pd.DataFrame(
        [
            {"trained on": row.task, "channels of": row.source, "n": row.n,
             "difference": row.difference, "interval": _interval(row),
             "without 0": "yes" if row.excludes_zero else "",
             "test": 100 * row.accuracy, "own": 100 * row.own}
            for row in rows
        ]
    )  # fmt: skip
    signed.draw(
        placeholder="", height="content" if len(rows) < 14 else 480,
        table=table, forms={"difference": "+.2f"}, columns={
            "difference": number("points", help=help_of("difference")),
            "interval": st.column_config.Column("95 % paired t interval", help=help_of("paired interval")),
            "without 0": st.column_config.Column(help=help_of("paired interval")),
            "test": number("test %", format="%.2f"), "own": number("test % on its own", format="%.2f"),
        },
    )  # fmt: skip


def _interval(row: TransferRow) -> str:
    return words.NOTHING if row.n < 2 else range_words(row.low, row.high, "+.2f")
