"""*Benchmark*: this store's runs on VTAB-1K beside the published table."""

import pandas as pd
import streamlit as st

from ict.analysis.benchmark import AVERAGES, GROUP_OF, TASKS, UNOFFICIAL
from ict.figures import accuracy_against_parameters, benchmark_dots, findings
from ict.figures.asked import Choice, Request
from ict.figures.from_store import IMPORTED, PUBLISHED
from ict_app.common import address, plot, shell
from ict_app.common.terms import help_of

AVERAGE_WORDS = {
    "mean_of_tasks": "mean of the 19 tasks",
    "mean_of_groups": "mean of the group means",
}


_TERMS = {"mean_of_tasks": "mean of tasks", "mean_of_groups": "mean of groups"}


def figures(table: pd.DataFrame, *, published: bool) -> None:
    """Accuracy against parameters, and by group of tasks."""
    average = address.segmented(
        "Average", {name: AVERAGE_WORDS[name] for name in AVERAGES}, default="mean_of_tasks", key="average",
        help="Two averages circulate for VTAB-1K, and differ by more than methods do.",
    )  # fmt: skip
    shell.finding(findings.of_benchmark(table, average))
    theme = shell.theme()
    sources, choice = _sources(table), Choice(average=average, published=published)
    plot.draw(
        accuracy_against_parameters(table, column=average, theme=theme), "accuracy-parameters",
        "Accuracy of each method against its trained parameters",
        request=Request("parameters", sources, choice),
    )  # fmt: skip
    columns = ("natural", "specialized", "structured", average)
    plot.draw(
        benchmark_dots(table, columns=columns, theme=theme), "benchmark",
        "Accuracy of each method by group of tasks", request=Request("benchmark", sources, choice),
    )  # fmt: skip


def _sources(table: pd.DataFrame) -> list[str]:
    """The runs behind the rows, and the imported numbers where there are some."""
    ids = [i for runs in table.get("runs", []) if isinstance(runs, list) for i in runs]
    imported = table["source"].str.startswith(f"{IMPORTED}:").any()
    return [*ids, *([IMPORTED] if imported else [])] or [PUBLISHED]


def _test_set(source: str) -> str:
    """In so few letters that no column cuts them."""
    return "not official" if source.endswith(UNOFFICIAL) else "official"


def _whose(source: str) -> str:
    """A source without what the column of test sets says."""
    return source.removesuffix(UNOFFICIAL).rstrip(", ")


_SHORT = {"mean_of_tasks": "19 tasks", "mean_of_groups": "groups"}
AVERAGED, EVERY = "averages", "every task"
_GROUPS = tuple(dict.fromkeys(GROUP_OF[task] for task in TASKS))


def tasks_table(table: pd.DataFrame) -> None:
    """Averages, or the tasks of a group, in percent: few columns, so that none is cut.

    A task without a run stays empty.
    """
    wanted = address.segmented(
        "Columns", [AVERAGED, *_GROUPS, EVERY], default=AVERAGED, key="columns_of", noun="columns"
    )
    tasks = [task for task in TASKS if wanted in (EVERY, GROUP_OF[task])]
    means = {AVERAGED: [*AVERAGES, *_GROUPS], EVERY: list(AVERAGES)}.get(wanted, [])
    table = table.assign(
        **{"test set": table["source"].map(_test_set)}, source=table["source"].map(_whose)
    )
    table = table.sort_values("mean_of_tasks", ascending=False)
    about = ["test set", "source", "tasks", "parameters"] if wanted != EVERY else ["source"]
    names = ["method", *about, *means, *tasks]
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    st.dataframe(
        table[[name for name in names if name in table]], hide_index=True, height="content",
        placeholder="",
        column_config={
            "method": text(pinned=True, width=245),
            "test set": text(width=90), "source": text(width=90), "tasks": number(width=50),
            "parameters": number("parameters", format="compact", width=90),
            **{name: number(f"mean of {_SHORT[name]}", format="%.2f", help=help_of(term), width=115)
               for name, term in _TERMS.items()},
            **{name: number(name, format="%.2f", width=86) for name in _GROUPS},
            **{task: number(task, format="%.1f", help=GROUP_OF[task]) for task in TASKS},
        },
    )  # fmt: skip
