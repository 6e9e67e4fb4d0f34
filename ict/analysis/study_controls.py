"""What a study holds its chosen channels against, and which of several studies answers most."""

from collections.abc import Mapping, Sequence

from ict.analysis.summary import ratio_of
from ict.criteria import choice, is_control
from ict.methods.registry import chooses_channels
from ict.store.run_rows import RunRow


def chosen_channels(rows: Sequence[RunRow]) -> list[RunRow]:
    """Finished runs on channels that a task chose for itself, at the rate that was chosen."""
    own = [row for row in _own(rows) if chooses_channels(row.method)]
    return [row for row in own if not is_control(row.criterion)]


def random_channels(rows: Sequence[RunRow]) -> list[RunRow]:
    """Finished runs on random channels, at the rate that was chosen."""
    own = [row for row in _own(rows) if chooses_channels(row.method)]
    return [row for row in own if choice(row.criterion).selector == "random"]


def linear_probes(rows: Sequence[RunRow]) -> list[RunRow]:
    """Finished linear probes."""
    return [row for row in _own(rows) if row.method == "linear"]


def controls(rows: Sequence[RunRow]) -> set[str]:
    """What stands beside the chosen channels on a task of theirs, at a K of theirs where it has one:
    `random`, other controls by their criterion, other methods by their name."""
    ours = {(row.task, ratio_of(row)) for row in chosen_channels(rows)}
    tasks = {task for task, _ in ours}
    found = set()
    for row in _own(rows):
        if not chooses_channels(row.method) and row.task in tasks:
            found.add(str(row.method))
        elif is_control(row.criterion) and (row.task, ratio_of(row)) in ours:
            found.add(choice(row.criterion).selector)
    return found


def answers_most(studies: Mapping[str, Sequence[RunRow]]) -> str | None:
    """The study with random channels beside the chosen ones, then with most controls and most finished
    runs; of equals the last. None without studies."""

    def told(name: str) -> tuple[bool, int, int]:
        rows = studies[name]
        beside = controls(rows)
        return "random" in beside, len(beside), sum(row.done for row in rows)

    return max(reversed(list(studies)), key=told, default=None)


def _own(rows: Sequence[RunRow]) -> list[RunRow]:
    return [row for row in rows if row.done and not row.foreign and row.at_chosen_rate]
