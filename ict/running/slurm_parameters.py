"""Parameters of Slurm's jobs: what is refused, here, before anything is submitted."""

import re
from collections.abc import Mapping
from typing import Any, Final

from ict.documents.bounded import LONGEST
from ict.errors import InputError, did_you_mean, lacking, quoted

DEFAULTS: Final[Mapping[str, Any]] = {"time": 240, "cpus_per_task": 1, "array_parallelism": 256}
_SCRIPTED = (
    "setup",
    "teardown",
    "srun_args",
    "additional_parameters",
    "stderr_to_stdout",
    "use_srun",
)
_WHOLE = (
    "array_parallelism", "cpus_per_gpu", "cpus_per_task", "mem_gb", "ntasks_per_node", "signal_delay_s",
    "tasks_per_node", "timeout_min",
)  # fmt: skip
_TIME = re.compile(r"[0-9]+(:[0-9]+){1,2}|[0-9]+-[0-9]+(:[0-9]+){0,2}")
"""Slurm's other ways to write a time: minutes:seconds, hours:minutes:seconds, days-hours, …"""


def checked(parameters: Mapping[str, Any], parallel: int | None = None) -> dict[str, Any]:
    """`parameters` with the defaults, at most `parallel` jobs of an array at once.

    Raises InputError for a name that submitit does not know for Slurm, for a text where a number is
    due, and for what cannot stand in one line of a job's script.
    """
    settings = {**DEFAULTS, **parameters}
    for name, value in settings.items():
        _check_text(name, value)
    known = _names()
    for name, value in settings.items():
        if name not in known:
            raise InputError(
                f"--slurm {quoted(name)} is no parameter of a job{did_you_mean(name, known)}; "
                f"choose one of {', '.join(known)}"
            )
        _check_number(name, value)
    if parallel is not None:
        settings["array_parallelism"] = parallel
    return settings


def _check_text(name: str, value: Any) -> None:
    if name in _SCRIPTED:
        raise InputError(f"--slurm {name} is not to be set: it is text of the job's script")
    if not isinstance(value, (str, int, float)):
        raise InputError(f"--slurm {quoted(name)}={quoted(value)}: give a text or a number")
    if isinstance(value, str) and not (
        value.isascii() and value.isprintable() and len(value) <= LONGEST
    ):
        raise InputError(
            f"--slurm {quoted(name)}={quoted(value)}: give one line of at most {LONGEST} characters, "
            "letters, digits and signs of ASCII"
        )


def _check_number(name: str, value: Any) -> None:
    whole = isinstance(value, int) and value >= 1
    if name == "time" and not whole and not _TIME.fullmatch(str(value)):
        raise InputError(f"--slurm time={quoted(value)}: give minutes, or hours:minutes:seconds")
    if name in _WHOLE and not whole:
        raise InputError(f"--slurm {name}={quoted(value)}: give a whole number, 1 or more")


def _names() -> list[str]:
    """What submitit takes for Slurm, by Slurm's names and by its own."""
    try:
        from submitit import SlurmExecutor
    except ModuleNotFoundError as error:
        raise InputError(lacking(error)) from error
    own = SlurmExecutor._equivalence_dict() or {}
    return sorted({*SlurmExecutor._valid_parameters(), *own} - {*_SCRIPTED, "job_name", "name"})


def jobs_text(runs: int, settings: Mapping[str, Any], runs_per_job: int) -> str:
    """The job array that `runs` runs would be, in one sentence: `1 job array of 3 jobs, …`."""
    jobs = -(-runs // runs_per_job)
    last = runs - (jobs - 1) * runs_per_job
    of = f"{runs_per_job} run{'s' * (runs_per_job != 1)} each"
    of += f" (the last of {last})" if last != runs_per_job else ""
    shown = {name: value for name, value in settings.items() if name != "array_parallelism"}
    words = ", ".join(f"{name}={value}" for name, value in sorted(shown.items()))
    at_once = min(jobs, int(settings["array_parallelism"]))
    return f"one array of {jobs} job{'s' * (jobs != 1)}, {of}, {at_once} at once: {words}"
