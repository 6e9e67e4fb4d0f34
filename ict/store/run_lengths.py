"""The order in which several devices finish several runs soonest: those first that take longest.

Graham 1969, "Bounds on multiprocessing timing anomalies": at most 4/3 of the shortest possible time,
where a bad order takes up to twice that.
"""

import functools
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from statistics import median
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ict.catalogue import get_backbone
from ict.errors import InputError
from ict.methods.registry import find_method
from ict.store.run_times import expected_seconds, run_seconds
from ict.tasks import Task, get_task

if TYPE_CHECKING:
    from ict.store.run_rows import RunRow

    Fields = Mapping[str, Any] | RunRow

Key = TypeVar("Key")
Value = TypeVar("Value")
_SAME: Final = ("task", "backbone", "method")
_NEAREST: Final = (("backbone", "method"), ("backbone",), ())
# A step over a forward pass, by the multiplications of each: a frozen backbone saves the third part.
_PASSES_A_STEP: Final = {"full": 3.0}
_FROZEN_PASSES: Final = 2.0


def longest_first(
    configs: Mapping[str, Mapping[str, Any]], measured: "Sequence[Fields]"
) -> list[str]:
    """The ids of `configs` by the time that each is expected to take; equals stay in their order.

    From finished runs (`measured`, rows with their seconds) of the same task, backbone and method,
    else from the `work` of the configuration, at the speed of the measured runs nearest to it.
    """
    known = _Measured(measured)
    expected = {run_id: known.seconds(config) for run_id, config in configs.items()}
    return sorted(configs, key=lambda run_id: -expected[run_id])


class _Measured:
    """What finished runs tell of others, looked up once: there may be thousands of both."""

    def __init__(self, rows: "Sequence[Fields]") -> None:
        self._task = functools.cache(_task_here)
        self._own = _grouped((tuple(map(row.get, _SAME)), row) for row in rows)
        timed = [(row, seconds) for row in rows if (seconds := run_seconds(row)) is not None]
        paces = [(row, seconds / work(row, self._task)) for row, seconds in timed]
        by_name = [[(_named(row, of), pace) for row, pace in paces] for of in _NEAREST]
        self._paces = {key: median(found) for key, found in _grouped(chain(*by_name)).items()}

    def seconds(self, config: Mapping[str, Any]) -> float:
        """Of one run; any unit where nothing was measured yet."""
        own = self._own.get(tuple(map(config.get, _SAME)), [])
        seconds = expected_seconds(config, own)
        if seconds is not None:
            return seconds
        near = (self._paces.get(_named(config, of)) for of in _NEAREST)
        pace = next((one for one in near if one is not None), 1.0)
        return pace * work(config, self._task)


def _named(row: "Fields", names: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple((name, row.get(name)) for name in names)


def _grouped(pairs: "Iterable[tuple[Key, Value]]") -> "dict[Key, list[Value]]":
    groups: dict[Key, list[Value]] = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    return groups


def work(config: "Fields", task_of: "Callable[[str], Task | None] | None" = None) -> float:
    """How much a run computes, to compare runs by: images passed, times the work for each.

    Images: one pass to score, epochs × training images × the passes that a step takes (3 for full
    tuning, else 2; one in all for the probe), one over the test images. An image counts as the
    backbone's parameters × patches. What is not known counts as 1.
    """
    train, test = images_of(config, (task_of or _task_here)(str(config.get("task"))))
    method = find_method(config.get("method"))
    steps = method is None or method.trains_in_steps
    a_step = _PASSES_A_STEP.get(str(config.get("method")), _FROZEN_PASSES)
    passes = float(config.get("epochs") or 1) * a_step if steps else 1.0
    return ((1 + passes) * train + test) * _an_image(config)


def _task_here(name: str) -> Task | None:
    try:
        return get_task(name)
    except (InputError, OSError):
        return None


def images_of(config: "Fields", task: Task | None) -> tuple[int, int]:
    """Those trained on and tested on; 1 and 0 of a task that is not here any more."""
    if task is None:
        return 1, 0
    train, test = task.sizes.get(str(config.get("train_split")), 1), task.sizes["test"]
    if shots := config.get("shots"):
        train = min(train, shots * task.classes)
    most = config.get("limit") or max(train, test)
    return min(train, most), min(test, most)


def _an_image(config: "Fields") -> float:
    name = config.get("backbone")
    if not isinstance(name, str):
        return 1.0
    try:
        backbone = get_backbone(name).at(config.get("image_size"))
    except InputError:
        return 1.0
    return backbone.parameters * (backbone.image_size / backbone.patch_size) ** 2
