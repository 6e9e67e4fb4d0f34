"""Stores with odd files in them, asked by `ict` in this process, and the lines that name what is odd."""

import json
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from ict import cli
from ict.store import Run, Store
from tests.odd_files import CORRUPTIONS, NESTED

WHAT_TO_DO = re.compile(r"; .*(delete|`ict|ask|mend|take|rename|update|run|write|put|name)\b")


class Blocked(BaseException):
    """A reader waits where it should not; no `except` of the program catches it."""


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """Raises Blocked in this thread after `seconds`."""

    def stop(*_: object) -> None:
        raise Blocked

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def ict(*words: str, code: int = 0) -> Result:
    """`ict WORDS` in this process. An exception that is no exit fails the test as itself."""
    with at_most(60):
        done = CliRunner().invoke(cli.main, list(words), catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done


def left_out(done: Result, name: str) -> str:
    """The one line on stderr that names `name`, which says what to do."""
    lines = [line for line in done.stderr.splitlines() if name in line]
    assert len(lines) == 1, (name, done.stderr)
    assert WHAT_TO_DO.search(lines[0]), lines[0]
    return lines[0]


def ids(*words: str) -> list[str]:
    return [row["run_id"] for row in json.loads(ict("runs", "--json", *words).stdout)]


def rewrite(path: Path, **fields: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


ODD_RESULTS = {
    'accuracy "high"': {"test_accuracy": "high"},
    "Infinity seconds": {"train_seconds": float("inf")},
    "NaN accuracy": {"test_accuracy": float("nan")},
    "memory as text": {"peak_memory_bytes": "1.2 GB"},
    "no accuracy": {"test_accuracy": None},
    "accuracy of 95": {"test_accuracy": 95},
    "scores outside the store": {"score_id": "../../../etc"},
    "400 digits": {"train_seconds": 10**400},
    "notes in a table": {"notes": {"a": 1}},
    "half a character": {"device_name": "\ud800"},
}

ODD_CONFIGS = {
    "{}": "{}",
    "no date": {"created_at": None},
    "a date in numbers": {"created_at": 20260101},
    "half a character": {"command": "\ud800"},
    "epochs in words": {"config": {"task": "digits", "epochs": "many"}},
    "no task": {"config": {}},
    "config in a list": {"config": ["digits"]},
    "infinite rate": {"config": {"task": "digits", "lr": float("inf")}},
    "brackets": "[" * NESTED,
    "torn": '{"run_id": "di',
}

NAMED = [  # kinds that `ict runs` names; caches are built anew, and of the rest lines are left out
    "config", "result", "selection", "execution", "error", "queued", "score meta", "scores",
    "inspect meta", "inspect rows", "inspect thumbs", "causal", "study", "set", "imported", "links",
    "info",
]  # fmt: skip


def spoil(store: Store, paths: dict[str, Path]) -> list[str]:
    """Puts more than twenty bad things into a whole store beside good ones; gives what each is called."""
    from tests.app import fixture_store

    names = []

    def run(seed: int) -> Run:
        one = fixture_store.add_done(store, seed=1000 + seed)
        names.append(one.id)
        return one

    for seed, odd in enumerate(ODD_RESULTS.values()):
        rewrite(run(seed).path / "result.json", **odd)
    for seed, odd in enumerate(ODD_CONFIGS.values(), start=100):
        path = run(seed).path / "config.json"
        rewrite(path, **odd) if isinstance(odd, dict) else path.write_text(odd)
    CORRUPTIONS["folder"](run(200).path / "result.json")
    CORRUPTIONS["loop"](run(201).path / "config.json")
    CORRUPTIONS["not text"](run(202).path / "result.json")
    rewrite(run(203).path / "config.json", schema=99)
    for name, content in {"a.json": "[" * NESTED, "b.json": "{}"}.items():
        for folder in ("sets", "imported"):
            (store.root / folder / f"{folder}-{name}").write_text(content)
            names.append(f"{folder}-{name}")
    for folder, file in (("scores", "meta.json"), ("inspect", "meta.json"), ("studies", "study.json"),
                         ("causal", "causal.json")):  # fmt: skip
        for kind, content in {"torn": "{", "odd": '{"task": ["a"], "stages": 3}'}.items():
            path = store.root / folder / f"{folder}-{kind}" / file
            path.parent.mkdir(parents=True)
            path.write_text(content)
            names.append(path.parent.name)
    (store.runs_dir / "notes.txt").write_text("buy milk")
    paths["links"].write_text(json.dumps({"birds": str(paths["info"].parent), "owls": 3}))
    paths["info"].write_text("[" * NESTED)
    return [*names, "notes.txt", "links.json", "info.json"]
