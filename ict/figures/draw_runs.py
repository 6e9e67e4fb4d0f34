"""Figures of runs: over epochs, over K, beside published numbers, on each other's channels."""

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from ict.analysis import benchmark, summary
from ict.analysis.draws import shared_draw_words
from ict.analysis.groups import by_seed, over_seeds
from ict.analysis.rates import rate_cell, rate_words, with_searches
from ict.analysis.standings import Repeats, Standing, standings
from ict.analysis.transfer import transfer_table, without_partner
from ict.catalogue import widths_here
from ict.errors import InputError, quoted
from ict.figures import curves
from ict.figures.asked import Behind, Choice, Drawn, Found, of_runs
from ict.figures.benchmark import (
    accuracy_against_parameters,
    benchmark_dots,
    parameter_rows,
    shown_rows,
)
from ict.figures.frames import frame
from ict.figures.tables import PUBLISHED, grouped_accuracy
from ict.figures.transfer import transfer_matrix
from ict.methods.registry import chooses_channels
from ict.store.run_rows import RunRow, as_rows
from ict.tasks.others import is_generic
from ict.tasks.task import NOISE

_BEST = dict.fromkeys((*benchmark.GROUPS, *benchmark.AVERAGES), "max")


def asked(found: Found, choice: Choice) -> list[RunRow]:
    """Rows behind the sources, of the task that was asked for."""
    return [row for row in found.rows if choice.task in (None, row.task)]


def _done(found: Found, choice: Choice) -> list[RunRow]:
    rows = [row for row in asked(found, choice) if row.done]
    if not rows:
        where = f" on {choice.task}" if choice.task else ""
        raise InputError(f"no finished run{where} in {', '.join(found.names) or found.store.root}")
    return rows


def of_ids(rows: Sequence[RunRow], ids: Iterable[Any]) -> list[RunRow]:
    """The rows of these runs, each once, in the order of `rows`."""
    of_group = set(ids)
    kept: dict[str, RunRow] = {}
    for row in rows:
        if row.run_id in of_group:
            kept.setdefault(row.run_id, row)
    return list(kept.values())


def against_k(found: Found, choice: Choice) -> Drawn:
    rows = with_searches(found.store, _done(found, choice))
    tasks = sorted({str(row.task) for row in rows})
    if len(tasks) > 1:
        raise InputError(f"runs on {', '.join(tasks)}: choose one with --task")
    series = pd.DataFrame(summary.study_series(rows))
    if series.empty:
        raise InputError("no run on the task's own channels behind these sources")
    drawn = of_ids(rows, series["run_id"])
    by = ["series", "ratio", "k"]
    if any(row.edge for row in drawn):
        cells = {row.run_id: rate_cell(row) for row in drawn}
        series["rate"] = series["run_id"].map(cells)
        by.append("rate")
    return Drawn(
        figure=curves.accuracy_against_k(series),
        table=grouped_accuracy(series, by),
        standings=_standings(series, by, drawn),
        context=_context(found, drawn),
        runs=drawn,
        reasons={row.run_id: _why_not_against_k(row) for row in rows if row not in drawn},
    )


def _standings(series: pd.DataFrame, by: Sequence[str], drawn: Sequence[RunRow]) -> list[Standing]:
    """Of the rows of `grouped_accuracy`; none stands out where tests differ in size."""
    rows = as_rows(series.to_dict("records"))
    of_run = {row.run_id: row for row in rows}
    groups = over_seeds(rows, by=by, value="accuracy")
    images = [row.test_images or 0 for row in drawn]
    if min(images) != max(images) or not images[0]:
        return [""] * len(groups)
    parts = [[of_run[run_id] for run_id in group.run_ids] for group in groups]
    return standings([Repeats(by_seed(part, "accuracy")) for part in parts], int(images[0]))


def _why_not_against_k(row: RunRow) -> str:
    if row.test_accuracy is None:
        return "no test accuracy"
    if row.foreign:
        whose = "other tasks" if is_generic(row.score_task) else "another task"
        whose = NOISE if row.score_task == NOISE else whose
        return f"on the channels of {whose}"
    if chooses_channels(row.method) and widths_here(str(row.backbone)) is None:
        return "of a backbone that is not known here"
    fixed = "" if row.stages == 2 else " and the fixed one"
    return f"another learning rate than the chosen{fixed}"


def _context(found: Found, drawn: Sequence[RunRow]) -> str:
    """What the runs are, how their rates were found, and which random choices they share."""
    rates = rate_words(with_searches(found.store, drawn))
    return " ".join(filter(None, (of_runs(drawn), rates, shared_draw_words(drawn))))


def _benchmark_table(found: Found, choice: Choice) -> tuple[pd.DataFrame, list[RunRow]]:
    if choice.task is not None and choice.task not in benchmark.GROUP_OF:
        raise InputError(
            f"{quoted(choice.task)} is no task of VTAB-1K: `ict figure results --task={choice.task}` "
            "draws the methods on it"
        )
    rows = asked(found, choice)
    table = benchmark.average_table([*rows, *found.imported], published=choice.published)
    if table.empty:
        raise InputError(
            "no finished run on a VTAB-1K task behind these sources, nor published rows"
        )
    return table, rows


def beside_published(found: Found, choice: Choice) -> Drawn:
    table, rows = _benchmark_table(found, choice)
    columns = (*benchmark.GROUPS, choice.average)
    shown = shown_rows(table, columns)
    kept = [*table.columns[: list(table.columns).index("parameters") + 1]]
    return Drawn(
        figure=benchmark_dots(table, columns=columns),
        table=shown[kept],
        best=_BEST,
        **vars(_own_rows(found, rows, shown, "not all tasks of a group")),
    )


def against_parameters(found: Found, choice: Choice) -> Drawn:
    table, rows = _benchmark_table(found, choice)
    shown = parameter_rows(table, choice.average)
    return Drawn(
        figure=accuracy_against_parameters(table, column=choice.average),
        table=shown[["method", "source", *benchmark.AVERAGES, "parameters"]],
        best=_BEST,
        **vars(_own_rows(found, rows, shown, "not all 19 tasks, or no trained parameters")),
    )


def _own_rows(found: Found, rows: Sequence[RunRow], shown: pd.DataFrame, incomplete: str) -> Behind:
    """The runs in the rows that are drawn, and why the others are not."""
    ids = [i for runs in shown.get("runs", []) if isinstance(runs, list) for i in runs]
    drawn = of_ids(rows, ids)
    sources = list(dict.fromkeys(str(one) for one in shown["source"]))
    facts: dict[str, Any] = {"methods": len(shown), "numbers": sources}
    if PUBLISHED in sources:
        facts["published"] = benchmark.SOURCE
    reasons = {
        row.run_id: "no VTAB-1K task" if row.task not in benchmark.GROUP_OF else incomplete
        for row in rows
        if row.done and row not in drawn
    }
    return Behind(runs=drawn, facts=facts, reasons=reasons, context=_context(found, drawn))


def transfers(found: Found, choice: Choice) -> Drawn:
    rows = _done(found, choice)
    table = transfer_table(rows)
    if not table:
        raise InputError(
            "no run on another task's channels with one on its own, same seed and settings"
        )
    runs = [row.run for row in table]
    settings = {(run.backbone, run.criterion, str(run.k), run.tune_site) for run in runs}
    if len(settings) > 1:
        raise InputError("runs of several backbones, criteria, K or sites: name those of one")
    drawn = of_ids(rows, [run_id for row in table for run_id in row.run_ids])
    alone = set(without_partner(rows, table))
    columns = frame(table)
    kept = ["task", "source", "difference", "low", "high", "n", "accuracy", "own"]
    return Drawn(
        figure=transfer_matrix(table),
        table=columns,
        summary=columns[kept].rename(
            columns={"difference": "mean", "accuracy": "accuracy_there", "own": "accuracy_own"}
        ),
        context=_context(found, drawn),
        runs=drawn,
        reasons={
            row.run_id: "on another task's channels without a run on its own"
            if row.run_id in alone
            else "no run to be paired with"
            for row in rows
            if row not in drawn
        },
    )
