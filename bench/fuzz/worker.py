"""A process that reads inputs, batch after batch: bounded in memory, watched, its branches counted.

Batches come as lines of JSON on standard input, answers go out as lines. Which input is being read stands
in a file, for the parent, who ends a process that answers no more.
"""

import contextlib
import json
import logging
import mmap
import os
import resource
import struct
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

MARK = "reading"
PREPARING = -1  # in that file: a world is being made
_MOST_HANGS = 3  # of a batch
_MOST_MEMORY = 2 << 30  # bytes beyond what the process has when its world stands


class _Marker:
    """The file that says which input is being read."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(bytes(8))
        with path.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), 8)

    def set(self, number: int) -> None:
        self._shared[:8] = struct.pack("<q", number)


def marked(path: Path) -> int:
    """Which input a worker reads."""
    try:
        return int(struct.unpack("<q", path.read_bytes())[0])
    except (OSError, struct.error):
        return PREPARING


def run(folder: Path, asked: Iterator[str], answers: Any, *, measured: bool) -> None:
    """Answers each batch in `asked`; worlds are kept below `folder`."""
    marker = _Marker(folder / MARK)
    marker.set(PREPARING)
    from bench.fuzz.branches import ROOT
    from bench.fuzz.judge import judged, warm
    from bench.fuzz.parsers import all_targets
    from bench.fuzz.watch import digest

    sys.path.append(str(ROOT / "app"))  # as streamlit has it
    targets, worlds = all_targets(), {}
    with _counted(folder, targets, measured=measured) as save, _nobody_asked():
        for line in asked:
            batch = json.loads(line)
            target = targets[batch["target"]]
            marker.set(PREPARING)
            root = folder / f"w{list(targets).index(target.name)}"
            _look_into(root)
            if target.name not in worlds:
                _limit(None)
                worlds[target.name] = target.world(root)
                warm(worlds[target.name])
            world = worlds[target.name]
            _limit(_MOST_MEMORY)
            world.place(_sound(world))
            changes_nothing = not (world.may_write or world.caches)
            before = digest(world.root) if changes_nothing else ""
            verdicts = []
            for number in range(batch["first"], batch["last"] + 1):
                marker.set(number)
                verdicts.append(judged(target, world, batch["seed"], number))
                if sum(one.finding.startswith("hangs") for one in verdicts) > _MOST_HANGS:
                    break  # the parser is known by now, and the others wait
            marker.set(PREPARING)
            world.place(_sound(world))
            changed = before != (digest(world.root) if changes_nothing else "")
            answers.write(json.dumps(_summed(verdicts, changed=changed)) + "\n")
            answers.flush()
            save()


def _sound(world: Any) -> Any:
    from bench.fuzz.target import Given

    return Given(world.samples[0])


def _summed(verdicts: list[Any], *, changed: bool) -> dict[str, Any]:
    """What a batch came to: counts, the slowest input, and what was found."""
    slowest = max(verdicts, key=lambda one: one.milliseconds)
    found = [[one.number, one.kind, one.finding] for one in verdicts if one.finding]
    if changed:
        found.append(
            [verdicts[0].number, "batch", "a file of the folder has other content after the batch"]
        )
    return {
        "inputs": len(verdicts),
        "valid": sum(one.kind == "valid" for one in verdicts),
        "changed": sum(one.kind == "changed" for one in verdicts),
        "taken": sum(one.taken for one in verdicts),
        "slowest_ms": slowest.milliseconds,
        "slowest": slowest.number,
        "findings": found,
    }


def _look_into(root: Path) -> None:
    """The store, the tasks and the cache of this process are those below `root`, which is also where it stands."""
    root.mkdir(parents=True, exist_ok=True)
    os.chdir(root)
    os.environ["ICT_STORE"] = str(root / "store")
    os.environ["XDG_CACHE_HOME"] = str(root / "cache")
    os.environ["ICT_VTAB_ROOT"] = str(root / "vtab")


def _limit(more: int | None) -> None:
    """Lets the process have `more` bytes of address space than it has; None for no limit."""
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if more is None:
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
        return
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + more, hard))


@contextlib.contextmanager
def _nobody_asked() -> Iterator[None]:
    """Neither timm nor Slurm is asked in another process, and no disk is waited for."""
    from ict.errors import InputError

    def far_enough(*_words: object, **_more: object) -> None:
        raise InputError("far enough: it would be looked up elsewhere")

    with (
        mock.patch("ict.catalogue._describe_elsewhere", far_enough),
        mock.patch("ict.store.slurm_jobs._squeue", return_value={}),
        mock.patch("os.fsync", return_value=None),
    ):
        yield


@contextlib.contextmanager
def _counted(folder: Path, targets: dict[str, Any], *, measured: bool) -> Iterator[Any]:
    """Counts branches of the parsers' files in the block; gives what saves them."""
    if not measured:
        yield lambda: None
        return
    import coverage

    from bench.fuzz.branches import files_of

    counter = coverage.Coverage(
        data_file=str(folder / ".coverage"), branch=True, include=files_of(targets.values()),
        config_file=False, check_preimported=False,
    )  # fmt: skip
    counter.start()
    try:
        yield counter.save
    finally:
        counter.stop()
        counter.save()


def main() -> None:
    """`python -m bench.fuzz.worker FOLDER [counted]`."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what anything prints is no answer
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    run(Path(sys.argv[1]), iter(sys.stdin), answers, measured="counted" in sys.argv[2:])


if __name__ == "__main__":
    main()
