"""`sound.json`: what was read and found sound is not read again, and hides nothing that is odd."""

import json
import shutil
from pathlib import Path

import pytest

from ict.store import Store, atomic_write_json, studies

DOCUMENT = {"base": {"task": "digits", "epochs": 2}, "grid": {"seed": [1, 2]}}


def told(store: Store) -> list[str]:
    return [odd.path.name for odd in store.unreadable()]


@pytest.fixture
def three_studies(store: Store) -> Store:
    for name in ("one", "two", "three"):
        studies.create(store, {**DOCUMENT, "name": name})
    assert told(store) == []
    return store


def test_studies_that_did_not_change_are_not_read_again(
    three_studies: Store, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(studies, "read_studies", lambda _store: pytest.fail("they were read"))
    assert told(three_studies) == []
    assert told(Store(three_studies.root)) == []


@pytest.mark.parametrize("content", ["{", "[]", '{"name": "two"}', "\0"])
def test_one_that_became_odd_is_told_and_goes_on_being_told(three_studies: Store, content: str):
    (three_studies.studies_dir / "two" / "study.json").write_text(content)
    assert told(three_studies) == ["two"]
    assert told(three_studies) == ["two"]


def test_one_that_was_removed_or_mended_is_told_no_more(three_studies: Store):
    file = three_studies.studies_dir / "two" / "study.json"
    sound = file.read_text()
    file.write_text("{")
    assert told(three_studies) == ["two"]
    file.write_text(sound)
    assert told(three_studies) == []
    file.write_text("{")
    assert told(three_studies) == ["two"]
    shutil.rmtree(file.parent)
    assert told(three_studies) == []


def cache(store: Store, change: str) -> None:
    """What `sound.json` says, as another version or another hand would have left it."""
    path: Path = store.root / "sound.json"
    document = json.loads(path.read_text())
    match change:
        case "other readers":
            document["version"] += 1
        case "no version":
            document = document["files"]
        case "no table":
            document["files"] = [1, 2]
        case "odd stamps":
            document["files"] = {file: [None, "1"] for file in document["files"]}
        case "torn":
            path.write_text(path.read_text()[:20])
            return
    atomic_write_json(path, document)


@pytest.mark.parametrize(
    "change", ["other readers", "no version", "no table", "odd stamps", "torn"]
)
def test_what_is_no_cache_of_these_readers_is_not_believed(three_studies: Store, change: str):
    (three_studies.studies_dir / "two" / "study.json").write_text("{}")
    stamps = {
        f"studies/{name}/study.json": _stamp(three_studies, name)
        for name in ("one", "two", "three")
    }
    atomic_write_json(three_studies.root / "sound.json", {"version": 1, "files": stamps})
    assert told(three_studies) == []  # a cache that vouches for it is believed
    cache(three_studies, change)
    assert told(three_studies) == ["two"]


def _stamp(store: Store, name: str) -> list[int]:
    status = (store.studies_dir / name / "study.json").stat()
    return [status.st_mtime_ns, status.st_size]
