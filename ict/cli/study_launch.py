"""How the runs of a study are started: the options of `ict study run`, locally or under Slurm."""

from typing import Any

import click

from ict.cli.common import Whole
from ict.cli.options import COMPILE, SLOTS, THREADS
from ict.documents.bounded import whole_number
from ict.errors import InputError, quoted
from ict.store import studies
from ict.store.store import Store

LAUNCHER_OPTIONS = [
    click.option("--launcher", default="local", type=click.Choice(["local", "slurm"])),
    click.option("--slots", type=SLOTS, help="Local: runs that share a device."),
    click.option("--device", help="cpu, cuda:0, …; all GPUs by default."),
    THREADS,
    COMPILE,
    click.option("--parallel", type=Whole(1), help="Slurm: jobs at once."),
    click.option("--runs-per-job", type=Whole(1), help="Slurm: of a job, one after the other."),
    click.option(
        "--slurm",
        "parameters",
        multiple=True,
        metavar="NAME=VALUE",
        help="Slurm: a parameter of the jobs: partition, time (minutes), gpus_per_node, mem_gb, …",
    ),
]


def launcher(function: Any) -> Any:
    for option in reversed(LAUNCHER_OPTIONS):
        function = option(function)
    return function


def submitter(store: Store, here: studies.Study, device: str | None, how: dict[str, Any]) -> Any:
    """The function that submits ids with the launcher chosen."""
    if how["launcher"] == "slurm":
        from ict.running import slurm

        if how["threads"]:
            raise InputError("--threads: under Slurm --slurm cpus_per_task=N decides")
        settings = dict(_setting(text) for text in how["parameters"])
        settings |= {"parallel": how["parallel"], "runs_per_job": how["runs_per_job"] or 1}
        settings["compile"] = how["compile"]
        return lambda ids: slurm.submit(store, ids, device=device, **settings)
    from ict.running import local

    given = {name: how[name] for name in ("threads", "compile")}
    if how["parallel"] or how["parameters"] or how["runs_per_job"]:
        raise InputError("--parallel, --runs-per-job and --slurm need --launcher slurm")
    slots = how["slots"] or here.document.get("slots", 1)
    return lambda ids: local.submit(store, ids, slots=slots, device=device, **given)


def _setting(text: str) -> tuple[str, Any]:
    name, separator, value = text.partition("=")
    if not separator:
        raise InputError(f"--slurm {quoted(text)}: write NAME=VALUE")
    read = whole_number(value)
    return name.strip(), value.strip() if read is None else read


