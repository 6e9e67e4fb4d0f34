"""Faults of the disk: no space left, at a random moment and at every file; a small file system is mounted."""

import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence

from bench.faults_world import (
    SAID,
    BrokenError,
    Fault,
    Said,
    World,
    ask,
    begin,
    check_nothing_left,
    check_runs,
    content,
    end,
    ended,
    train_words,
)
from ict.files import TEMPORARY
from ict.store import Store

_ROOM = "64m"  # a study of six small runs takes a third of it
_FULL = "the disk is full"
_CSV = "method,task,test_accuracy\nSSF,cifar,0.7\n"


@contextlib.contextmanager
def small_disk(world: World) -> Iterator[Store]:
    """A store on a file system of 64 MiB; BrokenError where this user may not mount one."""
    folder = world.folder / f"disk-{world.dice.randrange(1 << 32):08x}"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_ROOM}", "ict-bench", str(folder)]
    if shutil.which("mount") is None or subprocess.call(mount, stderr=subprocess.DEVNULL):
        raise BrokenError("not tried: mounting a small tmpfs needs root")
    try:
        with ended(Store(folder / "store")) as store:
            yield store
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextlib.contextmanager
def full(store: Store) -> Iterator[None]:
    """No byte is left on the store's disk in the block."""
    ballast = store.root.parent / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    try:
        yield
    finally:
        ballast.unlink()


def check_whole(store: Store, before: dict[str, str]) -> None:
    """Every JSON file can be read, and of the earlier ones none is lost."""
    for path in store.root.rglob("*.json"):
        try:
            json.loads(path.read_bytes())
        except ValueError:
            raise BrokenError(f"{path.relative_to(store.root)} is half written") from None
        except FileNotFoundError:
            continue  # renamed or removed just now
    if lost := [name for name in before if not (store.root / name).exists()]:
        raise BrokenError(f"{lost[0]} is lost")


def study(world: World, times: int) -> list[str]:
    """The disk of studies fills up at random moments, so many times in all, and has space again."""
    outcomes: list[str] = []
    while len(outcomes) < times:
        with small_disk(world) as store:
            for _ in range(times + 4):
                process = begin(store, "study", "run", world.study_file(world.seeds))
                time.sleep(world.dice.uniform(1, 9))
                if len(outcomes) < times and process.poll() is None:
                    outcomes.append(_filled(store, process, world.dice.uniform(0.5, 3)))
                if end(process).code == 0:  # else runs failed, and are asked for again
                    break
            check_runs(world, store, world.seeds)
            check_nothing_left(store)
    return [*outcomes, f"at the end {len(world.seeds)} runs as undisturbed"]


def _filled(store: Store, process: "subprocess.Popen[str]", seconds: float) -> str:
    """Fills the disk for some seconds; what the study did meanwhile."""
    with full(store):
        time.sleep(seconds)
        check_whole(store, {})
        if process.poll() is None:
            return "it waited"
        said = Said(process.returncode, *process.communicate())
    if '"error"' in said.out:
        said.sentence(_FULL)
        return "one sentence"
    _no_traceback(said.err)
    return "runs failed with a sentence"


def _no_traceback(text: str) -> None:
    if "Traceback" in text:
        raise BrokenError(f"a traceback: {text.strip().splitlines()[-1][:200]}")


def each_file(world: World, times: int) -> list[str]:
    """Every command that writes, with no byte left, then with space: `times` rounds over all of them."""
    outcomes = []
    for _ in range(times):
        with small_disk(world) as store:
            ask(store, "study", "run", world.study_file([1]))
            for words in _commands(world, store):
                outcomes.append(_one_command(store, words))
            check_runs(world, store, [1, 2])
            check_nothing_left(store)
    return outcomes


def _commands(world: World, store: Store) -> Iterator[list[str]]:
    """Each writes another file of the store first; `study run` of more runs changes study.json."""
    table = world.folder / "results.csv"
    table.write_text(_CSV)
    run = store.runs()[0].id
    os.utime(store.run(run).result_path, (0, 0))
    yield ["runs"]  # index.json, which is old now
    yield ["study", "run", world.study_file([1, 2])]  # study.json, and all files of a run
    yield [*train_words(2), "--wait"]
    yield [*train_words(3)[:-4], "--set", "epochs=1", "--wait"]
    yield ["runs", "label", run, "--name", "mine"]  # label.json
    yield ["score", "digits", "--limit", "30"]  # scores.safetensors, meta.json
    yield ["inspect", "digits", "--limit", "30"]
    yield ["causal", "digits", "--limit", "20", "--random-draws", "0", "--scatter", "0"]
    yield ["import", str(table)]
    yield ["jobs", "start", "data", "check", "digits"]  # job.json


def _one_command(store: Store, words: Sequence[str]) -> str:
    before = content(store)
    with full(store):
        said = ask(store, *words)
        after = content(store)
        changed = [name for name, digest in before.items() if after.get(name) != digest]
        if changed:
            raise BrokenError(f"`ict {words[0]}` without space changed {changed[0]}")
        if half := [name for name in after if name.endswith(TEMPORARY)]:
            raise BrokenError(f"`ict {words[0]}` without space left {half[0]}")
        check_whole(store, before)
        if store.unreadable():
            raise BrokenError(f"`ict {words[0]}` without space: {store.unreadable()[0]}")
        if said.code:
            said.sentence(_FULL)
    if again := ask(store, *words).code:
        raise BrokenError(f"`ict {words[0]}` with space again ends with {again}")
    return (
        SAID.replace("then as undisturbed", "then done")
        if said.code
        else f"`ict {' '.join(words[:2])}` is done without its file"
    )


FAULTS = [
    Fault(name="disk-study", what="the disk of a study fills up, and has space again",
          how="a tmpfs filled to the last byte at random moments",
          must="no file is half; one sentence, or it waits; at the end all runs bit for bit as undisturbed",
          times=4, quick=0, make=study),
    Fault(name="disk-files", what="no byte is left for study.json, index.json, or any other file of a store",
          how="each command that writes one, on a filled tmpfs",
          must="every earlier file stays as it was, one sentence, no temporary file; with space it succeeds",
          times=1, quick=0, make=each_file),
]  # fmt: skip
