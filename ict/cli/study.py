"""`ict study run|show|list|plan|cancel|remove`."""

from pathlib import Path
from typing import Any

import click

from ict.cli.common import SLOTS, Whole, command, emit, say_unreadable, table, typed_command
from ict.cli.runs import confirm
from ict.documents.bounded import whole_number
from ict.errors import InputError, quoted
from ict.machine import choose_device, cores, devices
from ict.store import studies
from ict.store.same_images import unrecorded
from ict.store.store import Store

_COLUMNS = "member run_id status asked_ratio seed selection_seed lr_multiplier test_accuracy"


@click.group("study")
def study() -> None:
    """Named grids of runs, from a TOML file: see assets/studies for examples."""


launcher_options = [
    click.option("--launcher", default="local", type=click.Choice(["local", "slurm"])),
    click.option("--slots", type=SLOTS, help="Local: runs that share a device."),
    click.option("--device", help="cpu, cuda:0, …; all GPUs by default."),
    click.option("--parallel", type=Whole(1), help="Slurm: jobs at once."),
    click.option(
        "--slurm",
        "parameters",
        multiple=True,
        metavar="NAME=VALUE",
        help="Slurm: a parameter of the jobs: partition, time (minutes), gpus_per_node, mem_gb, …",
    ),
]


def _launcher(function: Any) -> Any:
    for option in reversed(launcher_options):
        function = option(function)
    return function


@command("run")
@click.argument("source", metavar="STUDY.toml|NAME")
@_launcher
@click.option("--no-wait", is_flag=True, help="Return as soon as the runs are queued.")
def run(source: str, *, no_wait: bool, as_json: bool, **how: Any) -> None:
    """Runs what is missing of a study, and waits for it. What is done is never repeated."""
    store = Store()
    device = choose_device(how["device"]) if how["device"] else None
    here = studies.create(store, _document(store, source), device=device, command=typed_command())
    if said := unrecorded(store.run(run_id) for run_id in here.run_ids):
        click.echo(f"ict: {said}", err=True)
    submit = _submitter(store, here, device, how)
    ids = [run_id for run_id in here.run_ids if store.run(run_id).status() != "done"]
    queued = submit(ids) if ids else []
    if not no_wait and ids:
        from ict.running.batch import wait_all

        wait_all(store, ids, submit, quiet=as_json)
    tally = studies.counts(store, here)
    document = {"name": here.name, "path": str(here.path), "submitted": len(queued), **tally}
    emit(document, as_json=as_json, text=_sentence(document))
    if tally["unreadable"]:
        say_unreadable(store)
    if not no_wait and tally["done"] < tally["runs"]:
        raise SystemExit(1)


def _document(store: Store, source: str) -> dict[str, Any]:
    """A file's study, or the one that the store knows by that name."""
    if source.endswith(".toml") or Path(source).is_file():
        return studies.read_toml(source)
    return studies.load_study(store, source).document


def _submitter(store: Store, here: studies.Study, device: str | None, how: dict[str, Any]) -> Any:
    """The function that submits ids with the launcher chosen."""
    if how["launcher"] == "slurm":
        from ict.running import slurm

        settings = dict(_setting(text) for text in how["parameters"])
        return lambda ids: slurm.submit(
            store, ids, parallel=how["parallel"], device=device, **settings
        )
    from ict.running import local

    if how["parallel"] or how["parameters"]:
        raise InputError("--parallel and --slurm need --launcher slurm")
    slots = how["slots"] or here.document.get("slots", 1)
    return lambda ids: local.submit(store, ids, slots=slots, device=device)


def _setting(text: str) -> tuple[str, Any]:
    name, separator, value = text.partition("=")
    if not separator:
        raise InputError(f"--slurm {quoted(text)}: write NAME=VALUE")
    read = whole_number(value)
    return name.strip(), value.strip() if read is None else read


def _sentence(document: dict[str, Any]) -> str:
    parts = [f"{document['done']} of {document['runs']} runs done"]
    parts += [
        f"{document[status]} {status}"
        for status in (
            "running",
            "queued",
            "failed",
            "killed",
            "cancelled",
            "unreadable",
            "missing",
        )
        if document[status]
    ]
    return f"study {document['name']}: {', '.join(parts)}"


@command("plan")
@click.argument("source", metavar="STUDY.toml|NAME")
@click.option("--slots", type=SLOTS, help="Runs that share a device.")
@click.option("--device", help="cpu, cuda:0, …; all GPUs by default.")
def plan(source: str, *, slots: int | None, device: str | None, as_json: bool) -> None:
    """What is missing of a study, and how long it will take by the runs already measured."""
    from ict.store.run_times import plan as make_plan

    store = Store()
    document = _document(store, source)
    chosen = choose_device(device) if device else None
    asked = studies.wishes(document, device=chosen)
    configs = {member.run_id: resolved.config.to_dict() for member, resolved in asked}
    slots = slots or document.get("slots", 1)
    count = 1 if chosen else len(devices())
    threads = max(1, cores() // (slots * count))
    made = make_plan(configs, store.table(), slots=slots, devices=count, threads=threads)
    made = {"name": document["name"], **made, "repeats": studies.repeats(asked)}
    emit(made, as_json=as_json, text=_plan_text(made))


def _plan_text(made: dict[str, Any]) -> str:
    return "\n".join([_time_text(made), *map(_repeat_text, made["repeats"])])


def _repeat_text(found: dict[str, Any]) -> str:
    runs = "1 run" if found["runs"] == 1 else f"{found['runs']} runs"
    unread = ", ".join(found["unread"])
    return (
        f"{found['method']}: {found['asked']} combinations are {runs}, which {unread} cannot change"
    )


def _time_text(made: dict[str, Any]) -> str:
    missing, seconds = made["missing"], made["expected_seconds"]
    text = f"study {made['name']}: {made['runs']} runs, {made['done']} done, {missing} missing"
    if not missing:
        return text
    if seconds is None:
        return f"{text}; no run like these was measured yet, so the time is not known"
    text += f"; about {max(1, round(seconds / 60))} min, {made['at_once']} at once"
    return text + (f" ({made['unmeasured']} not counted)" if made["unmeasured"] else "")


@command("show")
@click.argument("name")
def show(name: str, *, as_json: bool) -> None:
    """The runs of a study and how they stand."""
    store = Store()
    here = studies.load_study(store, name)
    rows = studies.rows(store, here)
    tally = studies.counts(store, here)
    document = {"name": here.name, "title": here.title, "path": str(here.path), **tally}
    columns = [
        column for column in _COLUMNS.split() if any(row.get(column) is not None for row in rows)
    ]
    text = f"{_sentence(document)}\n{table(rows, columns)}"
    emit({**document, "document": here.document, "rows": rows}, as_json=as_json, text=text)
    say_unreadable(store)


@command("list")
def list_(*, as_json: bool) -> None:
    """All studies of the store."""
    store = Store()
    rows = []
    for here in studies.list_studies(store):
        tally = studies.counts(store, here)
        shown = ("runs", "done", "running", "queued", "failed", "killed", "cancelled")
        rows.append({"name": here.name, "title": here.title, **{k: tally[k] for k in shown}})
    emit(rows, as_json=as_json)
    say_unreadable(store)


@command("cancel")
@click.argument("name")
def cancel(name: str, *, as_json: bool) -> None:
    """Takes the runs of a study out of the queue and stops those that run."""
    from ict.running.cancel import cancel as cancel_runs

    store = Store()
    here = studies.load_study(store, name)
    known = set(store.run_ids())
    cancelled = cancel_runs(store, [run_id for run_id in here.run_ids if run_id in known])
    document = {"name": here.name, "cancelled": cancelled}
    emit(document, as_json=as_json, text=f"study {here.name}: {len(cancelled)} run(s) cancelled")


@command("remove")
@click.argument("name")
@click.option("--runs", "with_runs", is_flag=True, help="Its runs too, if no other study has them.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(name: str, *, with_runs: bool, yes: bool, as_json: bool) -> None:
    """Deletes a study; its runs stay unless --runs is given."""
    store = Store()
    studies.load_study(store, name)
    what = f"study {name} and its runs" if with_runs else f"study {name} (its runs stay)"
    confirm(f"Delete {what} from {store.root}?", yes=yes, as_json=as_json)
    removed = studies.remove_study(store, name, with_runs=with_runs)
    document = {"name": name, "removed_runs": removed}
    emit(document, as_json=as_json, text=f"removed study {name}, {len(removed)} run(s)")


for _command in (run, plan, show, list_, cancel, remove):
    study.add_command(_command)

COMMANDS = {"study": study}
