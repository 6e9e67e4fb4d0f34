"""`ict runs`, `ict cancel`, `ict resume`, `ict remove`."""

from collections.abc import Callable
from typing import Any

import click

from ict.cli import run_controls, run_labels
from ict.cli.asking import confirm
from ict.cli.common import command, emit, json_option, reports_errors, say_unreadable, table
from ict.cli.options import COMPILE, SLOTS, THREADS
from ict.documents.number_words import number_words
from ict.errors import InputError, did_you_mean, quoted
from ict.store.run_folder import STATUSES
from ict.store.store import Store

_COLUMNS = [
    "run_id",
    "status",
    "task",
    "method",
    "criterion",
    "k",
    "seed",
    "test_accuracy",
    "train_seconds",
    "created_at",
]
_GROUP_COLUMNS = [
    "task",
    "backbone",
    "method",
    "criterion",
    "k",
    "done",
    "n",
    "over",
    "mean",
    "low",
    "high",
    "best",
    "trainable_parameters",
    "train_seconds",
    "memory_mib",
    "seeds",
]


@click.group("runs", invoke_without_command=True)
@click.option("--task", multiple=True)
@click.option("--method", multiple=True)
@click.option("--backbone", multiple=True)
@click.option("--criterion", multiple=True)
@click.option("--status", multiple=True, type=click.Choice(STATUSES))
@click.option("--tag", multiple=True)
@click.option("--all", "everything", is_flag=True, help="Also the archived ones.")
@click.option("--study", help="Only the runs of this study.")
@click.option("--sort", help="Column to sort by; -COLUMN for the other way round.")
@click.option("--group", is_flag=True, help="One row for runs that differ in their seeds alone.")
@json_option
@click.pass_context
@reports_errors
def runs(
    context: click.Context,
    *,
    everything: bool,
    study: str | None,
    sort: str | None,
    group: bool,
    as_json: bool,
    **wanted: tuple[str, ...],
) -> None:
    """All runs: status, what was asked, what came out. Options filter and may be repeated."""
    if context.invoked_subcommand is not None:
        _refuse_options(context)
        return
    store = Store()
    table_rows, odd = store.read_table()
    rows = list(filter(_keeps(store, study, wanted), table_rows))
    archived = 0 if everything else sum(bool(row.get("archived")) for row in rows)
    if archived:
        rows = [row for row in rows if not row.get("archived")]
    columns = _columns(rows)
    if group:
        rows, columns = _grouped(rows)
    if sort:
        rows = _sorted(rows, sort)
    if sort and sort.lstrip("-") not in columns:
        columns = [*columns, sort.lstrip("-")]
    shown = rows if as_json or group else _named(rows)
    emit(rows, as_json=as_json, text=None if as_json else _run_table(shown, columns))
    if archived and not as_json:
        click.echo(f"ict: {archived} archived left out; `ict runs --all` shows them", err=True)
    say_unreadable(store, odd)


def _refuse_options(context: click.Context) -> None:
    """Options of the list say nothing to `ict runs delete` and its like."""
    given = [name for name, value in context.params.items() if value]
    if given:
        word = context.invoked_subcommand
        raise click.UsageError(
            f"options of `ict runs` do not go with {word}; give {word}'s own after it"
        )


def _columns(rows: list[dict[str, Any]]) -> list[str]:
    """The columns of the list, with the tags that any of the runs has."""
    tags = ["tags"] if any(row.get("tags") for row in rows) else []
    return [_COLUMNS[0], "name", *tags, *_COLUMNS[1:]]


def _named(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each with the name that tells it from the others, which is what people call it where they do."""
    from ict.analysis.run_names import run_names
    from ict.store.run_rows import as_rows

    names = run_names(as_rows(rows))
    return [{**row, "name": names[row["run_id"]]} for row in rows]


def _grouped(rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
    """One row a setting, and its columns: also those settings that alone tell two rows apart."""
    from ict.analysis.groups import telling
    from ict.store.run_rows import as_rows

    after = _GROUP_COLUMNS.index("k") + 1
    more = [name for name in telling(as_rows(rows)) if name not in _GROUP_COLUMNS]
    columns = [*_GROUP_COLUMNS[:after], *more, *_GROUP_COLUMNS[after:]]
    return grouped(rows), columns


def grouped(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Flat rows of runs as one flat row a setting: what `--group` prints."""
    from ict.analysis.groups import over_seeds
    from ict.store.run_rows import as_rows

    return [group.to_dict() for group in over_seeds(as_rows(rows))]


def _run_table(rows: list[dict[str, Any]], columns: list[str]) -> str:
    """The table for people: memory in MiB, whole seconds, a star at what no published number may meet."""
    shown = [dict(row) for row in rows]
    otherwise = dict.fromkeys(row["ran_as"] for row in rows if row.get("ran_as"))
    for row in shown:
        if row.get("ran_as"):
            row["run_id"] = f"{row['run_id']} †"
        if row.get("peak_memory_bytes") is not None:
            row["memory_mib"] = round(row["peak_memory_bytes"] / 2**20)
        for name in ("train_seconds", "trainable_parameters"):
            if row.get(name) is not None:
                row[name] = round(row[name])
    note = _marked(shown)
    note += "".join(f"\n† {ran}" for ran in otherwise)
    return table(shown, columns) + note


def _marked(shown: list[dict[str, Any]]) -> str:
    """Marks accuracies that no published number may meet, in `shown`; gives the lines that say why."""
    not_official = [row for row in shown if row.get("official_data") is False]
    if not not_official:
        return ""
    from ict.analysis.own_test import NOT_OFFICIAL, test_note, test_notes
    from ict.store.run_rows import RunRow

    noted = []
    for row in not_official:
        record = RunRow.of(row)
        note = test_note(record)
        if note and record.test_accuracy is not None:
            mark = "*" if note == NOT_OFFICIAL else "‡"
            row["test_accuracy"] = f"{number_words(record.test_accuracy, '.4g')} {mark}"
            noted.append(record)
    said = test_notes(noted)
    own = "; ".join(one for one in said if one != NOT_OFFICIAL)
    return (f"\n* {NOT_OFFICIAL}" if NOT_OFFICIAL in said else "") + (f"\n‡ {own}" if own else "")


def _keeps(
    store: Store, study: str | None, wanted: dict[str, tuple[str, ...]]
) -> Callable[[dict[str, Any]], bool]:
    ids: set[str] | None = None
    if study is not None:
        from ict.store.studies import load_study

        ids = set(load_study(store, study).run_ids)
    chosen = {field: values for field, values in wanted.items() if values}

    def keeps(row: dict[str, Any]) -> bool:
        of_study = ids is None or row["run_id"] in ids
        return of_study and all(_has(row, field, values) for field, values in chosen.items())

    return keeps


def _has(row: dict[str, Any], field: str, values: tuple[str, ...]) -> bool:
    """Whether a row has one of these values; a run has many tags."""
    if field == "tag":
        return not {*values}.isdisjoint(row.get("tags") or ())
    return row.get(field) in values


def _sorted(rows: list[dict[str, Any]], sort: str) -> list[dict[str, Any]]:
    """By one column, missing values last either way."""
    column = sort.lstrip("-")
    columns = {name for row in rows for name in row}
    if rows and column not in columns:
        raise InputError(f"no column {quoted(column)} to sort by{did_you_mean(column, columns)}")
    having = [row for row in rows if row.get(column) is not None]
    without = [row for row in rows if row.get(column) is None]
    numeric = all(isinstance(row[column], (int, float)) for row in having)
    having.sort(
        key=lambda row: row[column] if numeric else str(row[column]), reverse=sort.startswith("-")
    )
    return having + without


@command("cancel", changes=True)
@click.argument("runs", nargs=-1, required=True)
def cancel(runs: tuple[str, ...], *, as_json: bool) -> None:
    """Takes RUNS out of the queue, or stops them at their last checkpoint."""
    from ict.running.cancel import cancel as cancel_runs

    store = Store()
    ids = [store.run(run).id for run in runs]
    cancelled = cancel_runs(store, ids)
    rows = [{"run_id": run_id, "status": store.run(run_id).status()} for run_id in ids]
    emit(rows, as_json=as_json)
    for run_id in ids:
        if run_id not in cancelled:
            click.echo(f"ict: {run_id} had ended before", err=True)


@command("resume", changes=True)
@click.argument("run")
@click.option("--slots", type=SLOTS, help="Runs that share the device.")
@click.option("--device", help="cpu, cuda:0, …; all GPUs by default.")
@THREADS
@COMPILE
@click.option("--wait", is_flag=True, help="Follow the run to its end.")
@click.option("--weights", metavar="FILE", help="Where the weights file lies now, if it was moved.")
def resume(
    run: str,
    *,
    slots: int | None,
    device: str | None,
    threads: int | None,
    compile: str | None,
    wait: bool,
    weights: str | None,
    as_json: bool,
) -> None:
    """Goes on with RUN from its last checkpoint; a running or finished one is only shown.

    Refuses other weights than those that it was asked for with.
    """
    from ict.machine import choose_device
    from ict.running import follow, local
    from ict.store.run_weights import weights_of

    store = Store()
    folder = store.run(run)
    if not folder.record:
        raise InputError(str(folder.trouble()))
    if folder.status() not in ("done", "running"):
        weights_file = weights_of(folder, given=weights)
        if weights is not None and weights_file is not None:
            store.record_weights(folder, weights_file)
        where = choose_device(device) if device else None
        how: dict[str, Any] = {"device": where, "threads": threads, "compile": compile}
        local.submit(store, [folder.id], slots=slots, **how)
    if wait:
        follow.wait(store, folder.id, quiet=as_json)
    text = f"{folder.id}\n{folder.status()}"
    if result := folder.result():
        text += f", test accuracy {result.test_accuracy:.4f}"
    emit(follow.result_document(folder), as_json=as_json, text=text)


@command("remove", changes=True)
@click.argument("runs", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(runs: tuple[str, ...], *, yes: bool, as_json: bool) -> None:
    """Deletes the folders of RUNS, with all they hold."""
    store = Store()
    chosen = [store.run(run) for run in dict.fromkeys(runs)]
    for run in chosen:
        if run.status() == "running":
            raise InputError(f"run {run.id} is running; cancel it first: ict cancel {run.id}")
    confirm(f"Delete {len(chosen)} run(s) from {store.root}?", yes=yes, as_json=as_json)
    for run in chosen:
        store.remove(run.id)
    removed = [run.id for run in chosen]
    emit({"removed": removed}, as_json=as_json, text="\n".join(f"removed {run}" for run in removed))


for _one in (*run_labels.COMMANDS, *run_controls.COMMANDS):
    runs.add_command(_one)
COMMANDS = {"runs": runs, "cancel": cancel, "resume": resume, "remove": remove}
