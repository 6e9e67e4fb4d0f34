"""Which value of [tune] each setting of a study gets: chosen on val200, never on the test set.

In two stages (`[tune] stages = 2`) every value is tried with the first seed and the first draw alone,
and the value with the lowest loss on val200 is kept: of 200 images the loss tells more than the
accuracy, which moves in steps of half a point. Losses that are equal to four decimals tie, and a tie
goes to the value nearest the middle of its list, then to the lower. A run that diverged loses. Where
a run holds no loss (it was made by version 0.1.0), the setting is chosen by accuracy, and says so.
In one stage, as version 0.1.0 had it, the highest mean accuracy on val200 over seeds is kept.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LOSS, ACCURACY = "val_loss", "val_accuracy"
_DECIMALS = 4
Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One value that was tried: runs, and their mean on val200. None: not measured, or not yet."""

    value: Mapping[str, Any]
    run_ids: tuple[str, ...]
    val_loss: float | None = None
    val_accuracy: float | None = None
    diverged: bool = False


@dataclass(frozen=True, kw_only=True)
class Search:
    """What was tried for one setting of a row and what was chosen; `chosen` is None while it is open.

    `edge` says where the choice ends its list (`highest lr_multiplier`): the best may lie beyond.
    """

    member: str
    setting: Mapping[str, Any]
    trials: tuple[Trial, ...]
    by: str | None = None
    """`val_loss` or `val_accuracy`."""
    chosen: Mapping[str, Any] | None = None
    edge: str | None = None
    tied: bool = False

    @property
    def failed(self) -> bool:
        """Whether every value that was tried diverged."""
        return all(trial.diverged for trial in self.trials)

    def to_dict(self) -> dict[str, Any]:
        """As `ict study show --json` and a study's file hold it."""
        return {
            "member": self.member,
            "setting": dict(self.setting),
            "tried": [{**vars(t), "run_ids": list(t.run_ids)} for t in self.trials],
            "by": self.by,
            "chosen": None if self.chosen is None else dict(self.chosen),
            "edge": self.edge,
            "tied": self.tied,
        }


def trial(value: Mapping[str, Any], run_ids: Sequence[str], results: Mapping[str, Row]) -> Trial:
    """The means of a value's runs; a mean of which a run lacks its part is None."""
    rows = [results.get(run_id, {}) for run_id in run_ids]
    return Trial(
        value=value,
        run_ids=tuple(run_ids),
        val_loss=_mean([row.get(LOSS) for row in rows]),
        val_accuracy=_mean([row.get(ACCURACY) for row in rows]),
        diverged=any(row.get("diverged") for row in rows),
    )


def search(
    member: str,
    setting: Mapping[str, Any],
    trials: Sequence[Trial],
    lists: Mapping[str, Sequence[Any]],
    *,
    stages: int,
) -> Search:
    """The choice among `trials`, whose values come from `lists` (field → values)."""
    tried = tuple(trials)
    by = _criterion(tried, stages)
    if by is None:
        return Search(member=member, setting=setting, trials=tried)
    figures = {i: _figure(one, by) for i, one in enumerate(tried) if not one.diverged}
    if stages == 2:
        best = min(round(figure, _DECIMALS) for figure in figures.values())
        tie = [i for i, figure in figures.items() if round(figure, _DECIMALS) == best]
        winner = min(tie, key=lambda i: _from_middle(tried[i].value, lists))
    else:  # as version 0.1.0 chose: the first of the best
        tie = [min(figures, key=lambda i: figures[i])]
        winner = tie[0]
    value = tried[winner].value
    return Search(
        member=member, setting=setting, trials=tried, by=by, chosen=value,
        edge=_edge(value, lists), tied=len(tie) > 1,
    )  # fmt: skip


def middle(lists: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """The middle value of each list, the lower of two."""
    return {name: _ordered(values)[(len(values) - 1) // 2] for name, values in lists.items()}


def _criterion(trials: Sequence[Trial], stages: int) -> str | None:
    """What the trials are compared by; None while one has not ended, or where none is left."""
    alive = [one for one in trials if not one.diverged]
    if not alive:
        return None
    if stages == 2 and all(one.val_loss is not None for one in alive):
        return LOSS
    return ACCURACY if all(one.val_accuracy is not None for one in alive) else None


def _figure(one: Trial, by: str) -> float:
    """What is to be low."""
    value = one.val_loss if by == LOSS else one.val_accuracy
    assert value is not None  # _criterion looked
    return value if by == LOSS else -value


def _from_middle(
    value: Mapping[str, Any], lists: Mapping[str, Sequence[Any]]
) -> tuple[float, list[int]]:
    """How far a value is from the middle of its lists, then where it stands in them."""
    at = [_ordered(values).index(value[name]) for name, values in lists.items()]
    sizes = [len(values) for values in lists.values()]
    return sum(abs(i - (n - 1) / 2) for i, n in zip(at, sizes, strict=True)), at


def _edge(value: Mapping[str, Any], lists: Mapping[str, Sequence[Any]]) -> str | None:
    """`highest lr_multiplier`, … where a number ends its list of two or more; None inside."""
    edges = []
    for name, values in lists.items():
        if len(values) < 2 or not all(_is_number(one) for one in values):
            continue
        if value[name] == max(values):
            edges.append(f"highest {name}")
        elif value[name] == min(values):
            edges.append(f"lowest {name}")
    return ", ".join(edges) or None


def _ordered(values: Sequence[Any]) -> list[Any]:
    """Numbers by size, anything else as the file has it."""
    return sorted(values) if all(_is_number(one) for one in values) else list(values)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _mean(values: Sequence[Any]) -> float | None:
    numbers = [float(value) for value in values if _is_number(value)]
    return math.fsum(numbers) / len(numbers) if numbers and len(numbers) == len(values) else None
