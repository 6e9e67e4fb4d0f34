"""The methods on one task, a row each: for any task, of one's own data too."""

from collections import defaultdict
from collections.abc import Sequence

import pandas as pd

from ict.analysis.benchmark import GROUP_OF, SOURCE, published_table
from ict.analysis.groups import Group, by_seed, over_seeds
from ict.analysis.rates import rate_words, with_searches
from ict.analysis.standings import Repeats, Standing, standings
from ict.errors import InputError
from ict.figures.asked import Choice, Drawn, Found, of_runs
from ict.figures.benchmark import task_dots
from ict.figures.labels import labels
from ict.figures.tables import PUBLISHED
from ict.store.run_rows import RunRow

_COLUMNS = ("method", "source", "mean", "low", "high", "n", "parameters")
_OWN = "this store"


def of_one_task(found: Found, choice: Choice) -> Drawn:
    """Every method and setting on the task, its mean over seeds with the 95 % t interval.

    Own and imported runs, and published numbers where the task is one of VTAB-1K's. Raises InputError
    where nothing of one task is there, or runs of several and none was chosen.
    """
    rows = _measured(found, choice)
    task = _one_task(rows, found)
    rows = with_searches(found.store, [row for row in rows if row.task == task])
    shown = [row for row in rows if row.at_chosen_rate]
    parts = _settings(shown)
    table = pd.DataFrame(
        [_row(label, members) for label, members in parts.items()], columns=list(_COLUMNS)
    )
    published = _published(task) if choice.published else table.iloc[:0]
    told = _standings(list(parts.values())) if published.empty else [""] * len(table)
    order = table["mean"].argsort(kind="stable").to_numpy()[::-1]
    table = table.iloc[order]
    everything = pd.concat([one for one in (table, published) if len(one)], ignore_index=True)
    own = [row for row in shown if row.run_id]
    facts = {"task": task, "methods": len(everything)}
    return Drawn(
        figure=task_dots(everything, task=task),
        table=everything,
        best={"mean": "max"},
        standings=[told[i] for i in order] if published.empty else (),
        context=" ".join(filter(None, (of_runs(own), rate_words(own)))),
        runs=own,
        facts=facts if published.empty else {**facts, "published": SOURCE},
        reasons={r.run_id: "another learning rate than the chosen" for r in rows if r not in shown},
    )


def _measured(found: Found, choice: Choice) -> list[RunRow]:
    """Runs with a test accuracy, of the task that was asked for; each once."""
    rows = [*found.rows, *found.imported]
    rows = [row for row in rows if row.done and row.test_accuracy is not None]
    rows = [row for row in rows if choice.task in (None, row.task)]
    if not rows:
        where = f" on {choice.task}" if choice.task else ""
        raise InputError(f"no finished run{where} in {', '.join(found.names) or found.store.root}")
    by_id = {row.run_id: row for row in rows if row.run_id}
    return [*by_id.values(), *(row for row in rows if not row.run_id)]


def _one_task(rows: Sequence[RunRow], found: Found) -> str:
    tasks = sorted({str(row.task) for row in rows})
    if len(tasks) > 1:
        raise InputError(
            f"runs on {', '.join(tasks)}: choose one with --task, or draw all of VTAB-1K with "
            "`ict figure benchmark`"
        )
    return tasks[0]


def _settings(rows: Sequence[RunRow]) -> dict[tuple[str, str], list[RunRow]]:
    """The rows of each method and setting by its label and source; seeds alone share one."""
    numbered = [row if row.run_id else row.having(run_id=f"{i}") for i, row in enumerate(rows)]
    names = labels(numbered)
    parts: dict[tuple[str, str], list[RunRow]] = defaultdict(list)
    for row, one in zip(rows, numbered, strict=True):
        parts[names[one.run_id], row.source or _OWN].append(row)
    return parts


def _row(label: tuple[str, str], members: Sequence[RunRow]) -> tuple[object, ...]:
    """Cells of one row in the order of `_COLUMNS`, in percent; its label says the members' setting."""
    (group,) = over_seeds(members, by=("task",))
    return *label, *_percent(group)


def _percent(group: Group) -> tuple[float | int | None, ...]:
    found = group.interval
    percent = (100 * value for value in (found.mean, found.low, found.high))
    return *percent, found.n, group.means["adapter_parameters"]


def _standings(parts: Sequence[Sequence[RunRow]]) -> list[Standing]:
    """Which row is told apart from the others; none where tests differ in size or are not known."""
    images = {row.test_images for part in parts for row in part}
    if len(images) != 1 or not (count := images.pop()):
        return [""] * len(parts)
    return standings([Repeats(by_seed(part)) for part in parts], count)


def _published(task: str) -> pd.DataFrame:
    """Published numbers on one of the 19 tasks, the highest first; nothing for another task."""
    if task not in GROUP_OF:
        return pd.DataFrame(columns=list(_COLUMNS))
    table = published_table().sort_values([task, "method"], ascending=[False, True])
    return pd.DataFrame(
        {
            "method": table["method"],
            "source": PUBLISHED,
            "mean": table[task],
            "low": float("nan"),
            "high": float("nan"),
            "n": None,
            "parameters": table["parameters"],
        }
    )
