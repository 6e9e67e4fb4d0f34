"""`ict jobs`: commands that run detached, as the app's buttons start them; list, start, cancel, log."""

import shlex
from collections.abc import Sequence
from typing import Any

import click

from ict.cli.common import Whole, command, emit, json_option, reports_errors, table
from ict.errors import InputError, one_sentence
from ict.running import jobs as running
from ict.store.job_folder import Job, read_jobs
from ict.store.store import Store

_ANYTHING = {"ignore_unknown_options": True}  # they are those of WORDS


def check_command(words: Sequence[str]) -> None:
    """Raises InputError, as the command line says it, for words that are no command of a job.

    Only the words are read: what they name is looked up by the job.
    """
    running.check_words(words)
    check_line(words)


def check_line(words: Sequence[str]) -> None:
    """Raises InputError where the command line would refuse these words; executes nothing."""
    from ict.cli import main

    try:
        context = main.make_context("ict", list(words))
        while isinstance(context.command, click.Group):
            # a group keeps what follows its options for its command
            rest = [*context.protected_args, *context.args]
            name, found, rest = context.command.resolve_command(context, rest)
            if found is None:
                raise click.UsageError("a command is missing", context)
            context = found.make_context(name, rest, parent=context)
    except click.ClickException as error:
        said = one_sentence(error.format_message().rstrip("."))
        raise InputError(f"`{shlex.join(['ict', *words])}`: {said}") from None


def start(store: Store, words: Sequence[str]) -> Job:
    """`ict.running.jobs.start` of words that the command line takes; InputError says why it does not."""
    check_command(words)
    return running.start(store, words)


def _row(job: Job) -> dict[str, Any]:
    progress = job.progress and vars(job.progress)
    ended = {"asked_at": job.asked_at, "ended_at": job.ended_at, "error": job.error}
    about = {"job_id": job.id, "status": job.status, "command": job.command}
    return {**about, "progress": progress, **ended, "path": str(job.path)}


@click.group("jobs", invoke_without_command=True)
@json_option
@click.pass_context
@reports_errors
def jobs(context: click.Context, *, as_json: bool) -> None:
    """Commands that run detached, as the buttons of the app start them: status, progress, result."""
    if context.invoked_subcommand is not None:
        if as_json:
            raise click.UsageError(f"give --json after {context.invoked_subcommand}")
        return
    there = read_jobs(Store())[0]
    rows = [_row(job) for job in there]
    shown = [{**_row(job), "progress": progress_words(job)} for job in there]
    text = table(shown, ("job_id", "status", "progress", "asked_at", "command"))
    emit(rows, as_json=as_json, text=text)


def progress_words(job: Job) -> str | None:
    """`320 of 1,000 images, 12 s left`; None before the first report."""
    one = job.progress
    if one is None or not one.total:
        return None
    left = "" if one.eta_seconds is None else f", {one.eta_seconds:.0f} s left"
    return f"{one.phase}: {one.done:,} of {one.total:,} {one.unit}{left}"


@command("start", changes=True, context_settings=_ANYTHING)
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED)
def start_command(words: tuple[str, ...], *, as_json: bool) -> None:
    """Starts `ict WORDS` detached and returns at once; the same words that run already are not started twice.

    WORDS are as behind `ict`: ict jobs start score digits --keep-images
    """
    job = start(Store(), words)
    text = (
        f"{job.id}\n{job.status}; `ict jobs` shows how far it is, `ict jobs log {job.id}` its log"
    )
    emit(_row(job), as_json=as_json, text=text)


@command("cancel", changes=True)
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
def cancel(ids: tuple[str, ...], *, as_json: bool) -> None:
    """Ends jobs, within two seconds; of a study its runs too. An id may be cut to what is unique."""
    store = Store()
    names = [running.find(store, one).id for one in ids]
    cancelled = running.cancel(store, names)
    rows = [{"job_id": name, "status": running.find(store, name).status} for name in names]
    emit(rows, as_json=as_json)
    for name in names:
        if name not in cancelled:
            click.echo(f"ict: {name} had ended before", err=True)


@command("log")
@click.argument("id")
@click.option("--lines", default=40, show_default=True, type=Whole(1, 10_000))
def log(id: str, *, lines: int, as_json: bool) -> None:
    """The last lines of a job's log, and why it failed."""
    job = running.find(Store(), id)
    tail = job.log_tail(lines)
    document = {**_row(job), "log": tail, "result": job.result()}
    emit(document, as_json=as_json, text="\n".join(filter(None, (tail, job.error))))


for _command in (start_command, cancel, log):
    jobs.add_command(_command)

COMMANDS = {"jobs": jobs}
