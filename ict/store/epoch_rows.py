"""One epoch of a run as curves read it: `Epoch`, the record of a line of progress.jsonl."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from ict.store.run_folder import Run


@dataclass(frozen=True)
class Epoch:
    """What was measured in an epoch, by metric; None and NaN where nothing could be."""

    epoch: int
    """From 1."""
    measured: Mapping[str, float | None]

    def get(self, metric: str) -> float | None:
        return self.measured.get(metric)

    def having(self, metric: str, value: float) -> "Epoch":
        """The same epoch with another value of a metric."""
        return replace(self, measured={**self.measured, metric: value})


def as_epochs(lines: Iterable[Epoch | Mapping[str, float | None]]) -> tuple[Epoch, ...]:
    """`lines` as records: flat ones, as of progress.jsonl, are read."""
    return tuple(line if isinstance(line, Epoch) else _epoch(line) for line in lines)


def epoch_rows(run: Run) -> tuple[Epoch, ...]:
    """The epochs of a run, in their order; see `Run.progress`."""
    return as_epochs(run.progress())


def _epoch(line: Mapping[str, float | None]) -> Epoch:
    measured = {name: value for name, value in line.items() if name != "epoch"}
    return Epoch(int(line["epoch"] or 0), measured)
