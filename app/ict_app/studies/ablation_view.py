"""*Ablation*: accuracy against K with its controls, and paired differences on the same seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from ict.analysis.comparing import compare
from ict.analysis.draws import shared_draw_words
from ict.analysis.groups import over_seeds, varying
from ict.analysis.rates import rate_words, with_searches
from ict.analysis.sides import named
from ict.analysis.summary import SeriesRow, ratio_series, study_series
from ict.analysis.verdicts import Verdict
from ict.documents.number_words import number_words, range_words, share_words
from ict.errors import InputError
from ict.figures import Theme, accuracy_against_k
from ict.figures.asked import Choice, Request
from ict.methods.registry import chooses_channels
from ict.store import Store
from ict.store.run_rows import RunRow, as_rows
from ict_app.common import address, kept, plot, shell, signed, words
from ict_app.common.terms import help_of


def series(rows: Sequence[RunRow]) -> pd.DataFrame:
    """One row a finished run: series, ratio, k, seed, accuracy, task, backbone, parameters, …"""
    extra = ("trainable_parameters", "train_seconds", "peak_memory_bytes")
    by_id = {row.run_id: row for row in rows}
    series_rows = _series(rows)
    costs = {name: [by_id[row.run_id].get(name) for row in series_rows] for name in extra}
    return pd.DataFrame(series_rows).assign(**costs)


def _series(rows: Sequence[RunRow]) -> list[SeriesRow]:
    """Rates that were chosen stand for one curve; every rate that was tried is one of its own."""
    return study_series(rows) if all(row.at_chosen_rate for row in rows) else ratio_series(rows)


def fair_words(shown: Store, rows: Sequence[RunRow]) -> str:
    """How the rates of these runs were found, and which random choices they share."""
    return " ".join(filter(None, (rate_words(with_searches(shown, rows)), shared_draw_words(rows))))


def mixed(rows: Sequence[RunRow]) -> list[str]:
    """Fields besides those of the axes in which the runs differ: then a curve mixes settings."""
    done = [row for row in rows if row.done]
    own = [
        [row for row in done if row.task == task and chooses_channels(row.method)]
        for task in {row.task for row in done}
    ]
    differing = {name for part in own for name in varying(part)}
    if all(len({row.lr for row in part if row.k == k}) == 1
           for part in own for k in {row.k for row in part}):  # fmt: skip
        differing.discard("lr")  # it follows from K, as recipe quick has it
    named = (
        "backbone epochs tune_site init batch_size augment limit limit_rule lr schedule head_init"
    )
    return sorted(differing & set(named.split()))


def panels(table: pd.DataFrame, rows: Sequence[RunRow], said: str) -> None:
    """One panel a task, two beside each other; series are named by what differs on that task.

    `said` ends the caption.
    """
    tasks = sorted(table["task"].unique())
    columns = st.columns(2) if len(tasks) > 1 else [st.container()]
    for i, task in enumerate(tasks):
        part = table[table["task"] == task]
        with columns[i % len(columns)]:
            if len(tasks) > 1:
                st.markdown(f"**{words.plain(task)}**")
            own = [row for row in rows if row.task == task]
            plot.draw(
                kept.of_rows(_figure, own, shell.theme()), f"k-ratio-{task}",
                f"Test accuracy on {task} against the share of tuned channels",
                request=Request("k-ratio", list(dict.fromkeys(part["run_id"])), Choice(task=task)),
            )  # fmt: skip
    st.caption(
        "Dots are seeds, bars 95 % t intervals of their mean. One learning rate for all K confounds "
        f"the choice of channels with step size: a study with [tune] chooses them. {said}"
    )


def _figure(rows: Sequence[RunRow], theme: Theme) -> go.Figure:
    return accuracy_against_k(_series(rows), theme=theme)


def _interval(low: float, high: float) -> str:
    """A t interval in percent; seeds that agree exactly say nothing about the spread."""
    return "seeds agree" if low == high else range_words(low, high, ".1f")


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Mean, interval and cost of each task, series and K."""
    groups = over_seeds(
        as_rows(table.assign(percent=100 * table["accuracy"]).to_dict("records")),
        by=("task", "series", "ratio", "k"), value="percent", ends=(0.0, 100.0),
    )  # fmt: skip
    rows = [
        {
            "task": group.setting["task"],
            "series": group.setting["series"],
            "K": _k_words(group.setting["k"]),
            "K/D": group.setting["ratio"],
            "n": group.n,
            "n counts": group.over,
            "mean": group.interval.mean,
            "interval": _interval(group.interval.low, group.interval.high) if group.n >= 2 else "",
            "parameters": group.means["trainable_parameters"],
            "seconds": group.means["train_seconds"],
            "memory": _mebibytes(group.means["peak_memory_bytes"]),
        }
        for group in groups
    ]
    table = pd.DataFrame(rows).sort_values(["task", "series", "K/D"], ignore_index=True)
    return table.assign(**{"K/D": table["K/D"].map(_share)})


def _share(ratio: float | None) -> str:
    """K/D as a fraction; nothing for a method that has none."""
    return "" if ratio is None or pd.isna(ratio) else share_words(ratio)


def _k_words(k: Any) -> str | None:
    return None if k is None else number_words(k) if isinstance(k, float) else str(k)


def _mebibytes(number: float | None) -> float | None:
    return None if number is None else number / 2**20


def _summary(rows: Sequence[RunRow]) -> pd.DataFrame:
    return summary(kept.of_rows(series, rows))


def summary_table(rows: Sequence[RunRow]) -> None:
    number = st.column_config.NumberColumn
    st.dataframe(
        kept.of_rows(_summary, rows), hide_index=True, placeholder="", height="content",
        column_config={
            "series": st.column_config.TextColumn(width=210),
            "mean": number("test %, mean", format="%.2f", help=help_of("accuracy")),
            "interval": st.column_config.Column("95 % interval", help=help_of("interval")),
            "parameters": number("trained parameters", format="localized"),
            "seconds": number(format="%.0f"), "memory": number("memory MiB", format="%.0f"),
        },
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ContrastRow:
    """One series minus another on a task, in points, and what can be said of it."""

    task: str
    contrast: str
    ratio: float
    difference: float
    interval: str
    verdict: str
    n: int
    over: str


def differences(
    shown: Store, table: pd.DataFrame, rows: Sequence[RunRow], primary: str
) -> tuple[list[ContrastRow], list[str]]:
    """`primary` minus every other series by task and K, with verdicts; and what cannot be compared."""
    by_id = {row.run_id: row for row in rows}
    contrasts: list[ContrastRow] = []
    notes: list[str] = []
    for task, part in table.groupby("task"):
        ours = part[part["series"] == primary]
        for name, theirs in part[part["series"] != primary].groupby("series", sort=False):
            for ratio, one in ours.groupby("ratio", dropna=False):
                other = theirs if theirs["ratio"].isna().all() else theirs[theirs["ratio"] == ratio]
                if other.empty:
                    continue
                sides = [named([by_id[i] for i in runs["run_id"]], series)
                         for runs, series in ((one, primary), (other, str(name)))]  # fmt: skip
                try:
                    comparison = compare(sides[0], sides[1], shown)
                except InputError as error:
                    notes.append(f"{primary} − {name}: {error}")
                    continue
                notes += [note for each in comparison.tasks for note in each.notes]
                contrasts += [_contrast_row(str(task), f"{primary} − {name}", ratio, one)
                          for one in comparison.verdicts]  # fmt: skip
    return contrasts, list(dict.fromkeys(notes))


def _contrast_row(task: str, contrast: str, ratio: float, verdict: Verdict) -> ContrastRow:
    difference = verdict.difference
    low, high = (100 * bound for bound in difference.interval())
    return ContrastRow(
        task=task, contrast=contrast, ratio=ratio, difference=100 * difference.mean,
        interval=range_words(low, high, "+.2f") if low <= high else "", verdict=verdict.words,
        n=difference.seeds, over=difference.over,
    )  # fmt: skip


def _contrast_table(contrasts: Sequence[ContrastRow]) -> pd.DataFrame:
    table = pd.DataFrame(contrasts).rename(columns={"ratio": "K/D"})
    return table.assign(**{"K/D": table["K/D"].map(_share)})


def paired(shown: Store, table: pd.DataFrame, rows: Sequence[RunRow]) -> None:
    """Each difference with its verdict; which series is compared is declared above the table."""
    names = list(dict.fromkeys(table["series"]))
    if len(names) < 2:
        st.caption("One series only: no contrast. Add a control, such as criterion *random*.")
        return
    primary = address.select("Against each other series", names, key="primary", noun="series")
    contrasts, notes = differences(shown, table, rows, primary)
    if contrasts:
        number = st.column_config.NumberColumn
        signed.draw(
            placeholder="", height="content" if len(contrasts) < 14 else 480,
            table=_contrast_table(contrasts), forms={"difference": "+.2f"}, columns={
                "n": "seeds",
                "difference": number("points", help=help_of("difference")),
                "interval": st.column_config.Column("95 % interval", help=help_of("paired interval")),
                "verdict": st.column_config.Column(help=help_of("verdict")),
            },
        )  # fmt: skip
    else:
        st.caption("No two series can be compared at the same K.")
    st.caption(" ".join(["Exploratory: `ict compare study:NAME` tests the contrast that a study "
                         "declares.", *map(words.plain, notes)]))  # fmt: skip
