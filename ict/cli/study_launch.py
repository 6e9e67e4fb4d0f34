"""How the runs of a study are started: the options of `ict study run`, locally or under Slurm."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from ict.cli.common import Whole
from ict.cli.options import COMPILE, SLOTS, THREADS
from ict.documents.bounded import whole_number
from ict.errors import InputError, quoted
from ict.store import studies
from ict.store.store import Store

_LAUNCHER = click.option("--launcher", default="local", type=click.Choice(["local", "slurm"]))
_LOCAL = (
    click.option("--slots", type=SLOTS, help="Local: runs that share a device."),
    click.option("--device", help="cpu, cuda:0, …; all GPUs by default."),
    THREADS,
    COMPILE,
)
_SLURM = (
    click.option("--parallel", type=Whole(1), help="Slurm: jobs at once."),
    click.option("--runs-per-job", type=Whole(1), help="Slurm: of a job, one after the other."),
    click.option(
        "--slurm",
        "parameters",
        multiple=True,
        metavar="NAME=VALUE",
        help="Slurm: a parameter of the jobs: partition, time (minutes), gpus_per_node, mem_gb, …",
    ),
)


def launcher(function: Any) -> Any:
    """The options of a command that starts runs."""
    return _with(function, (_LAUNCHER, *_LOCAL, *_SLURM))


def launcher_plan(function: Any) -> Any:
    """The options of a command that tells what would be started under Slurm."""
    return _with(function, (_LAUNCHER, *_SLURM))


def _with(function: Any, options: Sequence[Any]) -> Any:
    for option in reversed(options):
        function = option(function)
    return function


def slurm_settings(how: Mapping[str, Any]) -> dict[str, Any] | None:
    """The parameters of the jobs, defaults included; None for the local launcher. Raises InputError."""
    if how["launcher"] != "slurm":
        if how["parallel"] or how["parameters"] or how["runs_per_job"]:
            raise InputError("--parallel, --runs-per-job and --slurm need --launcher slurm")
        return None
    from ict.running.slurm_parameters import checked

    if how.get("threads"):
        raise InputError("--threads: under Slurm --slurm cpus_per_task=N decides")
    return checked(dict(_setting(text) for text in how["parameters"]), how["parallel"])


def slurm_plan(store: Store, stages: Sequence[int], how: Mapping[str, Any]) -> dict[str, Any]:
    """What each stage's missing runs would be as jobs, in words too; `jobs` is empty locally."""
    settings = slurm_settings(how)
    if settings is None:
        return {"jobs": [], "job_words": []}
    from ict.running.slurm_parameters import jobs_text

    each = how["runs_per_job"] or 1
    arrays = [runs for runs in stages if runs]
    said = [f"Slurm: {jobs_text(runs, settings, each)}" for runs in arrays]
    said.append(f"store {store.root}: on a disk that the nodes share? ICT_STORE says another")
    jobs = [
        {"runs": runs, "runs_per_job": each, "jobs": -(-runs // each), **settings}
        for runs in arrays
    ]
    return {"jobs": jobs, "job_words": said if arrays else []}


def submitter(
    store: Store,
    here: studies.Study,
    device: str | None,
    how: Mapping[str, Any],
    settings: Mapping[str, Any] | None,
) -> Any:
    """The function that submits ids with the launcher chosen; `settings` are those of Slurm's jobs."""
    if settings is not None:
        from ict.running import slurm

        each, compile = how["runs_per_job"] or 1, how["compile"]
        return lambda ids: slurm.submit(
            store, ids, device=device, runs_per_job=each, compile=compile, **settings
        )
    from ict.running import local

    given = {name: how[name] for name in ("threads", "compile")}
    slots = how["slots"] or here.document.get("slots", 1)
    return lambda ids: local.submit(store, ids, slots=slots, device=device, **given)


def _setting(text: str) -> tuple[str, Any]:
    name, separator, value = text.partition("=")
    if not separator:
        raise InputError(f"--slurm {quoted(text)}: write NAME=VALUE")
    read = whole_number(value)
    return name.strip(), value.strip() if read is None else read
