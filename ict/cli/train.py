"""Training: `ict train`."""

from typing import Any

import click

from ict.cli import field_options
from ict.cli import options as shared
from ict.cli.common import Progress, Whole, command, emit, typed_command
from ict.cli.options import SLOTS
from ict.config import NEUTRAL, SELECTOR, RunConfig, parse_setting
from ict.errors import InputError, quoted
from ict.recipes import RECIPES
from ict.resolve import Resolved, resolve
from ict.store.paces import Where, expected_here
from ict.store.run_rows import run_rows
from ict.store.store import Store
from ict.tasks import fingerprint, is_here


@command("train", changes=True)
@click.argument("task")
@field_options.of_field("backbone")
@shared.WEIGHTS
@field_options.of_field("method")
@field_options.of_field("criterion")
@click.option(
    "--selector",
    help="How channels are taken: top (default), lowest or random. Stored in `criterion`.",
)
@field_options.of_field("tune_site", "--site")
@field_options.of_field("k", type=Whole(1), multiple=True)
@field_options.of_field("ratio")
@click.option("--recipe", default="quick", show_default=True, help=", ".join(RECIPES))
@field_options.of_field("seed")
@field_options.of_field("limit")
@field_options.of_field("shots")
@field_options.of_field("shot_seed")
@field_options.IMAGE_SIZE
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Any field of a run; `ict fields` lists them.",
)
@shared.DEVICE
@shared.THREADS
@shared.COMPILE
@click.option("--slots", type=SLOTS, help="Runs that share the device.")
@click.option("--wait", is_flag=True, help="Follow the run to its end.")
@click.option("--dry-run", is_flag=True, help="Check, count parameters, start nothing.")
@click.option(
    "--measure",
    is_flag=True,
    help="With --dry-run: calibrate this machine for two seconds if no finished run tells the time.",
)
def train(
    task: str,
    *,
    weights: str | None,
    settings: tuple[str, ...],
    site: str | None,
    k: tuple[int, ...],
    recipe: str,
    device: str | None,
    slots: int | None,
    threads: int | None,
    compile: str | None,
    wait: bool,
    dry_run: bool,
    measure: bool,
    as_json: bool,
    **fields: Any,
) -> None:
    """Starts a run (or finds it, if it was asked for before) and gives its id."""
    asked = {"task": task, **{name: value for name, value in fields.items() if value is not None}}
    if k:
        asked["k"] = k[0] if len(k) == 1 else k
    if site is not None:
        asked["tune_site"] = site
    asked |= _settings(settings, task)
    resolved = resolve(asked, recipe=recipe, weights=weights, device=device, fetch=not dry_run)
    _say_unread(asked, resolved.config)
    if dry_run:
        time = _time(resolved, Where.here(device, threads), measure=measure)
        emit(_plan(resolved) | time, as_json=as_json)
        return
    if measure:
        raise InputError("--measure goes with --dry-run")
    from ict.running import follow, local
    from ict.running.asked import asked_run
    from ict.store.same_images import unrecorded

    store = Store()
    run = asked_run(
        resolved,
        store,
        command=typed_command(),
        say=lambda split: Progress(f"checking {split}"),
    )
    if unknown := unrecorded([run]):
        click.echo(f"ict: {unknown}", err=True)
    if run.status() != "done":
        how: dict[str, Any] = {"device": device, "threads": threads, "compile": compile}
        local.submit(store, [run.id], slots=slots, **how)
    if wait:
        follow.wait(store, run.id, quiet=as_json)
        emit(follow.result_document(run), as_json=as_json)
        return
    emit(
        {"run_id": run.id, "path": str(run.path), "status": run.status(), "config": run.config},
        as_json=as_json,
        text=f"{run.id}\n{run.status()}; follow it with `ict resume {run.id} --wait` or in `ict app`",
    )


def _settings(texts: tuple[str, ...], task: str) -> dict[str, Any]:
    """The fields of `--set`; raises InputError for a task other than that of the command."""
    found = dict(parse_setting(text) for text in texts)
    if found.get("task", task) != task:
        raise InputError(
            f"the task is {quoted(task)}, and --set task={quoted(found['task'])} says another"
        )
    return found


_RESOLVED = ("ratio", SELECTOR, "image_size")
"""What every method that is asked for them reads, and the configuration holds in other words."""


def _say_unread(asked: dict[str, Any], config: RunConfig) -> None:
    """Names on stderr what was asked for and changes nothing, so that nobody believes it did."""
    fields = {name: value for name, value in asked.items() if name not in _RESOLVED}
    unread = [name for name, value in fields.items() if not _is_read(name, value, config)]
    if SELECTOR in asked and config.criterion is None:
        unread.append(SELECTOR)
    if "ratio" in asked and config.k is None:
        unread.append("ratio")
    if unread:
        click.echo(f"ict: {config.method} does not read {', '.join(unread)}: left out", err=True)


def _is_read(name: str, value: Any, config: RunConfig) -> bool:
    """Whether what was asked for stands in the configuration; a later field may be put back."""
    resolved_value = getattr(config, name)
    return resolved_value is not None and (name not in NEUTRAL or resolved_value == value)


_OTHER_WEIGHTS = "--weights FILE takes a file in their place, --weights none random ones"


def _plan(resolved: Resolved) -> dict[str, Any]:
    """What a dry run says: the configuration and the parameter counts, from the architecture alone."""
    config = resolved.config
    task = resolved.tasks[str(config.task)]
    data_here = is_here(task)
    if not data_here:
        click.echo(
            f"ict: task {quoted(config.task)} is not on this machine: see `ict tasks`", err=True
        )
    else:
        fingerprint(task, splits=config.splits)  # refuses what the run would
    if resolved.shares_k:
        said = f"budget={config.budget}: each block's K follows from its gradients"
        click.echo(f"ict: {said}; trained parameters are at most these", err=True)
    lacking = resolved.weights_not_here()
    if lacking:
        click.echo(f"ict: {lacking}; {_OTHER_WEIGHTS}", err=True)
    return {
        "run_id": None,
        "task_here": data_here,
        "weights_here": lacking is None,
        "weights_missing": lacking,
        "recipe": resolved.recipe,
        "recipe_fields": list(resolved.recipe_fields),
        "config": config.to_dict(),
        "parameters_at_most": resolved.shares_k,
        **resolved.counts(),
    }


def _time(resolved: Resolved, where: Where, *, measure: bool) -> dict[str, Any]:
    """How long the run is expected to take, start included, and what says so; None where nothing does."""
    config, task = resolved.config.to_dict(), resolved.tasks[str(resolved.config.task)]
    rows = run_rows(Store(), lambda row: row.done)
    found = expected_here(config, rows, task, where)
    if found is None and measure:
        from ict.running import calibration

        click.echo("ict: measuring this machine for two seconds", err=True)
        calibration.measure(config, where)
        found = expected_here(config, rows, task, where)
    if found is None:
        return {"expected_seconds": None, "expected_from": None}
    source = (
        "a calibration of this machine" if found.runs is None else f"{found.runs} finished runs"
    )
    seconds = round(found.seconds + found.start_seconds, 1)
    return {"expected_seconds": seconds, "expected_from": source}


COMMANDS = {"train": train}
