"""A published store by its commands, by what is kept in memory, and as a folder that cannot be written to."""

import dataclasses
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from ict.analysis.cache import cached
from ict.cli import main
from ict.documents.json_form import JsonForm
from ict.documents.labels import Change
from ict.files import PUBLISHED, PublishedError, write_new
from ict.store import (
    index,
    run_labels,
)
from ict.store.job_folder import find_job
from ict.tasks import digests
from tests.same_bytes import state
from tests.store.filled import WORDS, Filled, fill
from tests.writers import ROOT


@pytest.fixture
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Filled:
    return fill(tmp_path, monkeypatch)


def leaves(of: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command of the command line."""
    if isinstance(of, click.Group):
        context = click.Context(of)
        for name in of.list_commands(context):
            inner = of.get_command(context, name)
            assert inner is not None
            yield from leaves(inner, (*words, name))
    else:
        yield words


COMMANDS = {  # the command line of each command that changes a store, by the words of the command
    "score": "digits", "train": "digits", "runs controls": "{done}", "runs delete": "{run}",
    "runs label": "{run} --name b", "runs restore": "{gone}", "runs trash": "--empty --yes", "cancel": "{run}",
    "resume": "{run}", "remove": "{run}", "study run": "s", "study cancel": "s", "study remove": "s --yes",
    "jobs start": "data check digits", "jobs cancel": "{job}", "causal": "digits", "inspect": "digits",
    "criteria report": "digits", "import file": "{csv}", "import remove": "rows.csv",
    "data link": "mine {root}", "data download": "caltech101", "data cache": "--clear",
    "overlap": "digits count", "stability": "digits", "figure": "curves --out {root}/a.csv", "report": "s --out {root}/s.html",
}  # fmt: skip
READING = (
    "tasks", "backbones", "fields", "methods", "scores", "select", "channels", "show", "compare", "data check",
    "study list", "study plan", "study show", "jobs log", "import list", "app", "docs",
)  # fmt: skip
MAY = (
    "energy",
    "fold",
)  # write what a user names, or compute what is not there, as `figure` and `overlap`


def test_every_command_that_changes_a_store_is_refused(filled: Filled):
    assert {" ".join(words) for words in leaves(main)} == {*COMMANDS, *READING, *MAY}
    job = find_job(filled.store, WORDS)
    assert job is not None
    named = {"done": filled.done.id, "run": filled.run.id, "gone": filled.gone, "job": job.id}
    named |= {"root": str(filled.store.root), "csv": str(filled.store.root.parent / "rows.csv")}
    before = state(filled.store.root.parent)
    for words, more in COMMANDS.items():
        told = CliRunner().invoke(main, [*words.split(), *more.format(**named).split()])
        assert told.exit_code == 1, f"{words}: {told.output}"
        assert PUBLISHED in told.output, f"{words}: {told.output}"
    assert state(filled.store.root.parent) == before


def test_what_is_asked_for_elsewhere_is_written(filled: Filled, tmp_path: Path):
    before = state(filled.store.root)
    out = tmp_path / "new" / "curves.csv"
    told = CliRunner().invoke(main, ["figure", "curves", "--out", str(out)])
    assert told.exit_code == 0, told.output
    assert out.stat().st_size > 0
    assert write_new(tmp_path / "a.bin", b"a").read_bytes() == b"a"
    (tmp_path / "link").symlink_to(filled.store.root)
    for inside in (filled.store.root / "a.bin", tmp_path / "link" / "a.bin"):
        with pytest.raises(PublishedError):
            write_new(inside, b"a")
    assert state(filled.store.root) == before


@pytest.mark.parametrize("said", ["", "0", "false", " No "])
def test_it_is_published_only_where_that_is_said(
    filled: Filled, monkeypatch: pytest.MonkeyPatch, said: str
):
    monkeypatch.setenv("ICT_READ_ONLY", said)
    assert run_labels.change_label(filled.run, Change(name="b")).name == "b"


@dataclasses.dataclass(frozen=True)
class Row(JsonForm):
    """A row of a cached result."""

    value: float


def test_what_takes_a_while_is_kept_in_memory(
    filled: Filled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Rows of runs, results of analyses, digests of images: each is made once, and written nowhere."""
    made: list[str] = []
    read = index._entry

    def compute() -> list[Row]:
        made.append("rows")
        return [Row(1.0)]

    def entry(folder: str, *more: Any) -> Any:
        made.append(folder)
        return read(folder, *more)

    def digest(path: str, inside: Path | None) -> Any:
        made.append(path)
        return "00" * 32, digests._stamp(os.stat(path))

    monkeypatch.setattr(index, "_entry", entry)
    monkeypatch.setattr(digests, "_digest", digest)

    image = tmp_path / "image"
    image.write_bytes(b"pixels")
    os.utime(image, (1, 1))
    before = state(tmp_path)
    for _ in range(2):
        assert cached(filled.store, "mean", Row(2.0), compute, Row) == [Row(1.0)]
        assert len(filled.store.table()) == 3
        assert len(digests.file_digests(tmp_path, [str(image)])) == 1
    for once in ("rows", str(filled.done.path), str(image)):
        assert made.count(once) == 1
    assert state(tmp_path) == before


FROZEN = """
import sys, os, pathlib
from ict.store import Store, run_labels, basket
from ict.documents.labels import Change
from ict.errors import IctError
store = Store()
try:
    (store.root / "x").touch()
    sys.exit("the folder is not read-only")
except OSError:
    pass
assert [row["status"] for row in store.table()].count("done") == 1
assert len(store.scores()) == 1 and not store.unreadable(), store.unreadable()
assert basket.entries(store)
try:
    run_labels.change_label(store.runs()[0], Change(name="b"))
except IctError as error:
    print(error)
"""
MOUNTED = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'


def _unprivileged() -> list[str]:
    """What makes a root a user whom permissions bind; nothing for any other user."""
    return [] if os.geteuid() else ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]


@pytest.mark.parametrize("published", [True, False])
@pytest.mark.parametrize("how", ["mount", "folders"])
def test_a_store_that_cannot_be_written_to_is_read(filled: Filled, how: str, published: bool):
    root = filled.store.root
    before = state(root)
    as_read_only = ["unshare", "-rm", "sh", "-c", MOUNTED, str(root)]
    if how == "folders":
        as_read_only = _unprivileged()
        folders = [root, *(path for path in root.rglob("*") if path.is_dir())]
        for folder in folders:
            folder.chmod(0o555)
    elif subprocess.run([*as_read_only, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this system lets no user mount a folder read-only (unshare -rm)")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "ICT_READ_ONLY": str(int(published))}
    told = subprocess.run(
        [*as_read_only, sys.executable, "-c", FROZEN],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if how == "folders":
        for folder in folders:
            folder.chmod(0o755)
    assert told.returncode == 0, told.stderr
    assert ("ICT_READ_ONLY" if published else "set ICT_STORE to a writable folder") in told.stdout
    after = state(root)
    assert {p: e[1:] for p, e in after.items()} == {p: e[1:] for p, e in before.items()}
