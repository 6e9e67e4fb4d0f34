"""The training step of a run, compiled or not: what its folder says, carried out and kept there."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from ict.running.compile_mode import AUTO
from ict.running.job import Job
from ict.store import transitions
from ict.store.live import log
from ict.training.compile_choice import Choice, choose
from ict.training.compiled import Step, TriedStep, not_compiled
from ict.training.loop import steps_of
from ict.training.settings import Compile, Settings


def how_to_compile(job: Job, model: nn.Module, settings: Settings, *, images: int) -> Compile:
    """Decides at the first start, for good, and notes it in the run's folder.

    Raises InputError where compiling was asked for and no compiler is here.
    """
    said = job.run.execution() or {}
    asked = said.get("compile_asked") or "off"
    choice = _decided(said)
    if choice is None:
        choice = choose(
            asked,
            model,
            device=job.device,
            steps=settings.epochs * steps_of(images, settings.batch_size),
            batch_size=min(settings.batch_size, images),
        )
        _keep(job, choice)
    if choice.on:
        return Compile.MUST if asked == "on" else Compile.TRY
    if asked == AUTO and job.device.startswith("cuda"):  # on a CPU it is no loss
        job.notes.append(not_compiled(choice.why))
    return Compile.NO


def _decided(said: Mapping[str, Any]) -> Choice | None:
    """What an earlier start has decided."""
    if said.get("compile") is None:
        return None
    return Choice(said["compile"] == "on", said.get("compile_why") or "")


def keep_outcome(job: Job, step: Step) -> None:
    """After the first batch: that its step could not be compiled, where it was tried."""
    if isinstance(step, TriedStep) and step.why_plain is not None and was_compiled(job):
        _keep(job, Choice(False, step.why_plain))


def was_compiled(job: Job) -> bool:
    """What the result says: whether the steps of this run are compiled ones."""
    return (job.run.execution() or {}).get("compile") == "on"


def _keep(job: Job, choice: Choice) -> None:
    decided = {"compile": "on" if choice.on else "off", "compile_why": choice.why}
    transitions.note_execution(job.run, decided)
    log(job.run, f"{job.run.id} steps compiled: {decided['compile']} ({choice.why})")
