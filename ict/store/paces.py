"""How fast this machine trains, as a calibration of two seconds measured it; kept in the user's cache.

`ict.running.calibrate` measures; here is what is known and what follows for a run. No torch.
"""

import hashlib
import json
import platform
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ict.documents.records import Odd, read_record
from ict.documents.shapes import fields, maybe, number, wrong
from ict.files import atomic_write_json, make_folder, user_cache
from ict.machine import choose_device, choose_threads
from ict.provenance import device_name, versions_of
from ict.store.run_lengths import images_of
from ict.store.run_times import expected_seconds
from ict.tasks import Task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ict.store.run_rows import RunRow

FRESH_SECONDS = 86_400.0  # a machine may be busy while it is measured: not for ever
_OF_A_RUN = ("backbone", "image_size", "method", "batch_size", "precision", "augment")


@dataclass(frozen=True, kw_only=True)
class Pace:
    """What was measured of one kind of run on one machine."""

    train_images_per_second: float | None
    """Through training steps; None for a method that trains in none."""
    forward_images_per_second: float
    start_seconds: float
    """From the start of a process to its first step, without the reading of images."""


@dataclass(frozen=True)
class Where:
    """The device and the CPU threads that a run would get."""

    device: str
    threads: int

    @classmethod
    def here(cls, device: str | None = None, threads: int | None = None) -> "Where":
        """As `ict train` chooses them; raises InputError for a device that is not here."""
        chosen = choose_device(device)
        return cls(chosen, choose_threads(threads, device=chosen).count)


def pace_key(config: Mapping[str, Any], where: Where) -> dict[str, Any]:
    """All that a pace depends on: the machine, what computes, and what of a run decides its speed."""
    on_cpu = where.device == "cpu"
    return {
        "machine": device_name("cpu") if on_cpu else platform.node(),
        "device": where.device,
        "threads": where.threads,
        **versions_of(("torch", "ict")),
        **{name: config.get(name) for name in _OF_A_RUN},
    }


def pace_file(config: Mapping[str, Any], where: Where) -> Path:
    """Where the pace of such a run is kept, there or not."""
    text = json.dumps(pace_key(config, where), sort_keys=True)
    return user_cache() / "pace" / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"


def known_pace(config: Mapping[str, Any], where: Where) -> Pace | None:
    """The pace that was measured here within a day; None otherwise, also for a file that is odd."""
    path = pace_file(config, where)
    found = read_record(path, _pace_of, advice="delete it")
    if found is None or isinstance(found, Odd):
        return None
    try:
        fresh = time.time() - path.stat().st_mtime < FRESH_SECONDS
    except OSError:
        return None
    return found if fresh else None


def keep_pace(config: Mapping[str, Any], where: Where, pace: Pace) -> None:
    """Writes a pace for those who ask later; raises StoreError."""
    path = pace_file(config, where)
    make_folder(path.parent)
    atomic_write_json(path, {"of": pace_key(config, where), "pace": asdict(pace)})


def seconds_at(pace: Pace, config: Mapping[str, Any], task: Task) -> float:
    """Of one run, its process started: scoring, epochs with their validation, the test.

    A forward pass over the training images for the scores, epochs × (training images by the training
    rate + validation images), one pass over the test images. A method that trains in no steps passes
    the training images once.
    """
    train, test = images_of(config, task)
    held_out = 0
    if config.get("train_split") == "train800":
        held_out = min(task.sizes.get("val200", 0), config.get("limit") or train)
    forward = pace.forward_images_per_second
    passes = (train if config.get("criterion") else 0) + test
    if pace.train_images_per_second is None:
        return (passes + train + held_out) / forward
    epochs = float(config.get("epochs") or 1)
    return passes / forward + epochs * (train / pace.train_images_per_second + held_out / forward)


@dataclass(frozen=True)
class Expected:
    """How long a run takes, and what says so."""

    seconds: float
    runs: int | None = None
    """How many finished runs like it say so; None where a calibration does."""
    start_seconds: float = 0.0
    """Before the first run of a process; finished runs do not tell it."""


def expected_here(
    config: Mapping[str, Any], rows: "Sequence[RunRow]", task: Task, where: Where
) -> Expected | None:
    """From finished runs (`rows`) on such a device with these threads, else from a calibration.

    A run on a CPU of another name tells nothing of this one. None where neither is there.
    """
    wanted = {**config, "device": where.device, "threads": where.threads}
    alike = ("backbone", "method", "device", "threads")
    same = [row for row in rows if all(row.get(name) == wanted.get(name) for name in alike)]
    if same and where.device == "cpu":
        cpu = device_name("cpu")
        same = [row for row in same if row.get("device_name") in (None, cpu)]
    if (seconds := expected_seconds(wanted, same)) is not None:
        return Expected(seconds, len(same))
    if (pace := known_pace(config, where)) is not None:
        return Expected(seconds_at(pace, config, task), start_seconds=pace.start_seconds)
    return None


def _pace_of(record: Any) -> Pace:
    _FILE(record, "")
    return Pace(**{name: record["pace"].get(name) for name in Pace.__dataclass_fields__})


def _rate(value: Any, name: str) -> None:
    number(value, name)
    if value <= 0:
        raise wrong(value, name, "a number above 0")


_FILE = fields(
    {
        "pace": fields(
            {
                "train_images_per_second": maybe(_rate),
                "forward_images_per_second": _rate,
                "start_seconds": number,
            }
        )
    }
)
