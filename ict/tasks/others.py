"""The generic set: channels that a task's *other* tasks choose together, a control for its own.

A run asks for it with `score_task=others`, and keeps the tasks that this was as `others/A/B`. No task
has such a name, for a folder's holds no "/".
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ict.errors import InputError, quoted
from ict.tasks import bundled, fingerprint, get_task, names_with, where_looked
from ict.tasks.task import NOISE, OTHERS, Task

_FEW = 3


@dataclass(frozen=True)
class Scored:
    """Tasks whose scores choose channels, and what a configuration calls them."""

    name: str
    """A task's, or `others/A/B`."""
    tasks: tuple[Task, ...]

    @classmethod
    def together(cls, tasks: Iterable[Task]) -> Self:
        """The generic set of `tasks`, whatever their order."""
        by_name = {task.name: task for task in tasks}
        names = sorted(by_name)
        return cls("/".join((OTHERS, *names)), tuple(by_name[name] for name in names))

    def fingerprint(self, split: str, *, root: Path | None = None) -> str:
        """Of the task's data, or one of all tasks'. Raises InputError as `ict.tasks.fingerprint` does."""
        of_tasks = {one.name: fingerprint(one, root=root, splits=(split,)) for one in self.tasks}
        return of_all(of_tasks) if is_generic(self.name) else of_tasks[self.name]


def of_all(fingerprints: Mapping[str, str]) -> str:
    """SHA-256 of the fingerprints of several tasks, whatever their order."""
    pairs = json.dumps(sorted(fingerprints.items()))
    return f"sha256:{hashlib.sha256(pairs.encode()).hexdigest()}"


def scored_by(score_task: str, task: Task, split: str, *, root: Path | None = None) -> Scored:
    """What the `score_task` of a run on `task` names: a task, `others`, or others by their names.

    Raises InputError for a task that does not exist, for none, and for `task` or noise among its others.
    """
    if score_task == OTHERS:
        return others_of(task, split, root=root)
    if not is_generic(score_task):
        named = get_task(score_task, root=root)
        return Scored(named.name, (named,))
    generic = Scored.together(get_task(name, root=root) for name in scored_tasks(score_task))
    if NOISE in scored_tasks(generic.name):
        raise InputError(
            f"score_task={quoted(score_task)}: {quoted(NOISE)} is no task; score_task={NOISE} alone is a control"
        )
    if task.name in scored_tasks(generic.name):
        raise InputError(
            f"score_task={quoted(score_task)}: {quoted(task.name)} is the run's own task; name others"
        )
    return generic


def others_of(task: Task, split: str, *, root: Path | None = None) -> Scored:
    """The tasks beside `task` that have `split` here: bundled ones for a bundled one, else folders.

    Raises InputError where there is none.
    """
    own_kind = tuple(bundled.TASKS) if task.name in bundled.TASKS else names_with(split, root)
    names = [name for name in own_kind if name != task.name]
    if not names:
        raise InputError(
            f"score_task={OTHERS}: no task beside {quoted(task.name)} with a list {split} is on this "
            f"machine ({where_looked(root)}); add one with `ict data link NAME DIR`"
        )
    return Scored.together(get_task(name, root=root) for name in names)


def is_generic(score_task: object) -> bool:
    """Whether a `score_task`, as it is stored or in a table, names a generic set."""
    return isinstance(score_task, str) and score_task.startswith(f"{OTHERS}/")


def asks_for_generic(score_task: object) -> bool:
    """Whether a `score_task`, as it is asked for, names a generic set: `others`, or others by their names."""
    return score_task == OTHERS or is_generic(score_task)


def scored_tasks(score_task: str | None) -> tuple[str, ...]:
    """The names of the tasks that a stored `score_task` means; none for None."""
    if is_generic(score_task):
        return tuple(str(score_task).split("/")[1:])
    return () if score_task is None else (score_task,)


def said(score_task: str | None) -> str:
    """A stored `score_task` as a label says it: a task, a few by name, many by their number."""
    if not is_generic(score_task):
        return str(score_task)
    names = scored_tasks(score_task)
    return f"others ({', '.join(names) if len(names) <= _FEW else f'{len(names)} tasks'})"
