"""`ict study run|show|list|plan|cancel|remove`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from ict.analysis.draws import shared_draw_words
from ict.cli.asking import confirm
from ict.cli.common import NUMBER, command, emit, say_unreadable, table, typed_command
from ict.cli.options import SLOTS
from ict.cli.progress_file import ProgressFile
from ict.cli.study_launch import launcher, launcher_plan, slurm_plan, slurm_settings, submitter
from ict.cli.study_words import plan_text, sentence, stage_text
from ict.machine import choose_device, choose_threads, devices
from ict.store import studies
from ict.store.run_rows import as_rows
from ict.store.same_images import unrecorded
from ict.store.store import Store
from ict.store.study_changes import what_leaves

_COLUMNS = (
    "member run_id status asked_ratio seed selection_seed lr_multiplier edge test_accuracy".split()
)


@click.group("study")
def study() -> None:
    """Named grids of runs, from a TOML file: see assets/studies for examples."""


@command("run", changes=True)
@click.argument("source", metavar="STUDY.toml|NAME")
@launcher
@click.option("--no-wait", is_flag=True, help="Return as soon as the runs are queued.")
def run(source: str, *, no_wait: bool, as_json: bool, **how: Any) -> None:
    """Runs what is missing of a study, and waits for it. What is done is never repeated."""
    store = Store()
    settings = slurm_settings(how)
    device = choose_device(how["device"]) if how["device"] else None
    document = _document(store, source)

    def ask() -> studies.Study:
        return studies.create(store, document, device=device, command=typed_command())

    before = studies.find(store, document)
    asked_study = ask()
    if left := what_leaves(before, asked_study):
        click.echo(f"ict: {left}", err=True)
    if said := unrecorded(store.run(run_id) for run_id in asked_study.run_ids):
        click.echo(f"ict: {said}", err=True)
    submit = submitter(store, asked_study, device, how, settings)
    asked_study, submitted = _to_the_end(
        store, asked_study, ask, submit, wait=not no_wait, quiet=as_json
    )
    notes = [note for note in (left, said) if note]
    _say_how_it_ended(
        store, asked_study, submitted, notes=notes, waited=not no_wait, as_json=as_json
    )


def _to_the_end(
    store: Store,
    here: studies.Study,
    ask: Callable[[], studies.Study],
    submit: Callable[[Sequence[str]], Sequence[str]],
    *,
    wait: bool,
    quiet: bool,
) -> tuple[studies.Study, int]:
    """Submits what is missing, waits, and asks again: the second stage of [tune] follows the first.

    Gives the study as it then is and how many runs were submitted. Each run is submitted once.
    """
    submitted = 0
    tried: set[str] = set()
    while ids := [run_id for run_id in _open_runs(store, here) if run_id not in tried]:
        tried |= {*ids}
        submitted += len(submit(ids))
        if not wait:
            break
        from ict.running.batch import wait_all

        told = ProgressFile(f"study {here.name}", "runs")
        wait_all(store, ids, submit, quiet=quiet, told=told)
        here = ask()
    return here, submitted


def _open_runs(store: Store, here: studies.Study) -> list[str]:
    """What is not done; a value of [tune] that diverged has lost, and is not tried again."""
    lost = _diverged(store, here)
    ids = [run_id for run_id in here.run_ids if run_id not in lost]
    return [run_id for run_id in ids if store.run(run_id).status() != "done"]


def _diverged(store: Store, here: studies.Study) -> set[str]:
    """The runs that tried a value in vain."""
    tried = (one for search in studies.searches(store, here) for one in search.trials)
    return {run_id for one in tried if one.diverged for run_id in one.run_ids}


def _say_how_it_ended(
    store: Store,
    here: studies.Study,
    submitted: int,
    *,
    notes: Sequence[str],
    waited: bool,
    as_json: bool,
) -> None:
    """Prints how the study stands; exits with 1 if it was waited for and something is missing."""
    tally = studies.counts(store, here)
    stand = studies.standing(store, here)
    document = {"name": here.name, "path": str(here.path), "submitted": submitted, **tally}
    lines = [sentence(document), *stage_text(stand)]
    if stand and stand.waiting and not waited:
        lines.append(f"the second stage begins when this is asked again: ict study run {here.name}")
    report = {**document, "tune": stand and stand.to_dict(), "notes": [*notes]}
    emit(report, as_json=as_json, text="\n".join(lines))
    if tally["unreadable"]:
        say_unreadable(store)
    ended = tally["done"] + len(_diverged(store, here))
    if waited and (ended < tally["runs"] or (stand and (stand.waiting or stand.failed))):
        raise SystemExit(1)


def _document(store: Store, source: str) -> dict[str, Any]:
    """A file's study, or the one that the store knows by that name."""
    if source.endswith(".toml") or Path(source).is_file():
        return studies.read_toml(source)
    return studies.load_study(store, source).document


@command("plan")
@click.argument("source", metavar="STUDY.toml|NAME")
@click.option("--slots", type=SLOTS, help="Runs that share a device.")
@click.option("--device", help="cpu, cuda:0, …; all GPUs by default.")
@click.option(
    "--detect",
    type=NUMBER,
    metavar="POINTS",
    help="How many seeds find such a difference of the primary contrast with 80 %; nats where it is of "
    "losses.",
)
@launcher_plan
def plan(
    source: str,
    *,
    slots: int | None,
    device: str | None,
    detect: float | None,
    as_json: bool,
    **how: Any,
) -> None:
    """What is missing of a study, and how long it will take by the runs already measured."""
    from ict.store.run_times import plan as make_plan

    store = Store()
    document = _document(store, source)
    chosen = choose_device(device) if device else None
    table = studies.results(store)
    planned = studies.asked(document, device=chosen, results=table, fetch=False)
    named = planned.first + planned.second
    configs = {member.run_id: resolved.config.to_dict() for member, resolved in named}
    waiting = [resolved.config.to_dict() for _, resolved in planned.waiting]
    slots = slots or document.get("slots", 1)
    count = 1 if chosen else len(devices())
    threads = choose_threads(slots=slots * count).count
    made = make_plan(
        configs, list(table.values()), slots=slots, devices=count, threads=threads, waiting=waiting
    )
    made = {"name": document["name"], **made, "stages": _stages(planned)}
    shared = shared_draw_words(as_rows([*configs.values(), *waiting]))
    made |= {"repeats": studies.repeats(named), "shared_draws": [shared] if shared else []}
    lacking = {one.weights_not_here(): None for _, one in named + planned.waiting}
    made["weights_missing"] = [said for said in lacking if said]
    later = len(planned.waiting)
    made |= slurm_plan(store, (made["missing"] - later, later), how)
    text = plan_text(made)
    if detect is not None:
        from ict.analysis.study_power import detect as seeds_for

        power = seeds_for(store, studies.load_study(store, document["name"]), detect)
        made |= {"detect": [one.to_dict() for one in power]}
        text = "\n".join([text, *(one.sentence for one in power)])
    emit(made, as_json=as_json, text=text)


def _stages(asked: studies.Asked) -> list[dict[str, int]]:
    """Runs of each stage of [tune]; nothing where there is one stage."""
    if not asked.searches:
        return []
    first = {member.run_id for member, _ in asked.first}
    second = {member.run_id for member, _ in asked.second} - first
    waiting = len(asked.waiting)
    return [
        {"stage": 1, "runs": len(first), "waiting": 0},
        {"stage": 2, "runs": len(second) + waiting, "waiting": waiting},
    ]


@command("show")
@click.argument("name")
def show(name: str, *, as_json: bool) -> None:
    """The runs of a study and how they stand."""
    store = Store()
    study = studies.load_study(store, name)
    rows = studies.rows(store, study)
    tally = studies.counts(store, study)
    document = {"name": study.name, "title": study.title, "path": str(study.path), **tally}
    columns = [column for column in _COLUMNS if any(row.get(column) is not None for row in rows)]
    stand = studies.standing(store, study)
    text = "\n".join([sentence(document), *stage_text(stand), table(rows, columns)])
    primary = study.primary and vars(study.primary)
    report = {"document": study.document, "primary": primary, "tune": stand and stand.to_dict()}
    searches = [one.to_dict() for one in studies.searches(store, study)]
    emit({**document, **report, "searches": searches, "rows": rows}, as_json=as_json, text=text)
    say_unreadable(store)


@command("list")
def list_(*, as_json: bool) -> None:
    """All studies of the store."""
    store = Store()
    rows = []
    for study in studies.list_studies(store):
        tally = studies.counts(store, study)
        shown = ("runs", "done", "running", "queued", "failed", "killed", "cancelled")
        rows.append({"name": study.name, "title": study.title, **{k: tally[k] for k in shown}})
    emit(rows, as_json=as_json)
    say_unreadable(store)


@command("cancel", changes=True)
@click.argument("name")
def cancel(name: str, *, as_json: bool) -> None:
    """Takes the runs of a study out of the queue and stops those that run."""
    from ict.running.cancel import cancel as cancel_runs

    store = Store()
    study = studies.load_study(store, name)
    in_store = set(store.run_ids())
    cancelled = cancel_runs(store, [run_id for run_id in study.run_ids if run_id in in_store])
    document = {"name": study.name, "cancelled": cancelled}
    emit(document, as_json=as_json, text=f"study {study.name}: {len(cancelled)} run(s) cancelled")


@command("remove", changes=True)
@click.argument("name")
@click.option("--runs", "with_runs", is_flag=True, help="Its own runs too: they go to the trash.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(name: str, *, with_runs: bool, yes: bool, as_json: bool) -> None:
    """Deletes a study; its runs stay unless --runs moves them to the trash (`ict runs restore`)."""
    store = Store()
    studies.load_study(store, name)
    rest = "and move its runs to the trash" if with_runs else "(its runs stay)"
    confirm(f"Delete study {name} {rest}, in {store.root}?", yes=yes, as_json=as_json)
    removed = studies.remove_study(store, name, with_runs=with_runs)
    document = {"name": name, "removed_runs": removed}
    back = f"; bring them back with: ict runs restore {' '.join(removed)}" if removed else ""
    text = f"removed study {name}, {len(removed)} run(s) moved to the trash{back}"
    emit(document, as_json=as_json, text=text)


for _command in (run, plan, show, list_, cancel, remove):
    study.add_command(_command)

COMMANDS = {"study": study}
