"""How long runs take, reckoned from those like them that were measured; what a study still needs."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ict.catalogue import get_backbone

if TYPE_CHECKING:
    from ict.store.run_rows import RunRow

# Runs measured before are taken as the guide when they share these, the first line that fits.
_ALIKE = (
    ("task", "backbone", "method", "threads", "device"),
    ("backbone", "method", "threads", "device"),
    ("backbone", "method"),
    ("backbone",),
)

_APART = ("limit", "shots")  # runs that differ in these say nothing about each other


def run_seconds(row: "Mapping[str, Any] | RunRow") -> float | None:
    """How long the run of a finished row took, as far as it was measured; None if unknown.

    Reading images, scoring, training and testing; results of older versions have only the middle two.
    """
    parts = [row.get(f"{phase}_seconds") for phase in ("load", "score", "train", "test")]
    numbers = [float(part) for part in parts if isinstance(part, (int, float))]
    return sum(numbers) if numbers else None


def expected_seconds(
    config: Mapping[str, Any], measured: "Sequence[Mapping[str, Any] | RunRow]"
) -> float | None:
    """Time of one run from the median of measured runs like it, scaled by epochs; None without any.

    Nearest first: same task, backbone, method; then less and less. Of runs alike in these, those on
    images of the same size are the guide; without any, others count by the pixels of an image. Trials
    on fewer images (`limit`) and whole runs say nothing about each other.
    """
    same = [row for row in measured if all(row.get(n) == config.get(n) for n in _APART)]
    timed = [(row, seconds) for row in same if (seconds := run_seconds(row)) is not None]
    for fields in _ALIKE:
        shared = [name for name in fields if config.get(name) is not None]
        like = [
            (row, seconds * _epochs(config) / _epochs(row))
            for row, seconds in timed
            if all(row.get(name) == config[name] for name in shared)
        ]
        if like:
            return _median_of_nearest_size(config, like)
    return None


def _median_of_nearest_size(
    config: Mapping[str, Any], timed: "Sequence[tuple[Mapping[str, Any] | RunRow, float]]"
) -> float:
    """Of seconds at the image size of `config`, else of all, scaled to it by pixels."""
    from statistics import median

    own = [s for row, s in timed if row.get("image_size") == config.get("image_size")]
    return median(own or [s * _pixels(config) / _pixels(row) for row, s in timed])


def _pixels(row: "Mapping[str, Any] | RunRow") -> int:
    """Of one image, as its backbone reads it."""
    return get_backbone(str(row.get("backbone"))).at(row.get("image_size")).image_size ** 2


def _epochs(row: "Mapping[str, Any] | RunRow") -> float:
    epochs = row.get("epochs")
    return float(epochs) if isinstance(epochs, (int, float)) and epochs > 0 else 1.0


def plan(
    configs: Mapping[str, Mapping[str, Any]],
    table: Sequence[Mapping[str, Any]],
    *,
    slots: int,
    devices: int,
    threads: int,
    waiting: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """What is missing of `configs` (run id → configuration) in a store with `table`, and how long.

    `waiting` are configurations like those of runs whose ids are not known yet, because a field of
    theirs is still to be chosen: they are missing too. `expected_seconds` counts `slots` × `devices` runs at once, and is None when no run like them
    was measured yet; `unmeasured` says for how many that is so.
    """
    by_id = {row["run_id"]: row for row in table}
    measured = [row for row in table if row["status"] == "done"]
    missing = [run_id for run_id in configs if by_id.get(run_id, {}).get("status") != "done"]
    guesses = {
        run_id: expected_seconds({**configs[run_id], "threads": threads}, measured)
        for run_id in missing
    }
    later = [expected_seconds({**config, "threads": threads}, measured) for config in waiting]
    estimates = [seconds for seconds in (*guesses.values(), *later) if seconds is not None]
    count = len(missing) + len(waiting)
    at_once = max(1, min(slots * devices, count))
    return {
        "runs": len(configs) + len(waiting),
        "done": len(configs) - len(missing),
        "missing": count,
        "at_once": at_once,
        "expected_seconds": sum(estimates) / at_once if estimates or not count else None,
        "unmeasured": count - len(estimates),
        "measured_runs": len(measured),
        "missing_runs": [
            {
                "run_id": run_id,
                "status": by_id.get(run_id, {}).get("status", "missing"),
                "expected_seconds": guesses[run_id],
            }
            for run_id in missing
        ]
        + [{"run_id": None, "status": "waiting", "expected_seconds": guess} for guess in later],
    }
