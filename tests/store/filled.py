"""A store of everything, which is published once it is filled."""

import dataclasses
import json
from pathlib import Path

import pytest

from ict.running import jobs
from ict.selection import BlockSelection, Selection
from ict.store import (
    Run,
    Store,
    basket,
    channel_sets,
    imported_results,
    studies,
    trash,
)
from ict.store.basket import Entry
from ict.store.channel_sets import ChannelSet
from tests.app import fixture_store

WORDS = ("data", "check", "digits")
SET = ChannelSet(
    "mine", Selection("attn", (BlockSelection(0, 0, 192, (1, 2)),), backbone="ict_tiny")
)


@dataclasses.dataclass(frozen=True)
class Filled:
    """A store of everything, by what is in it."""

    store: Store
    run: Run
    done: Run
    figure: str
    gone: str


def fill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Filled:
    """Filled while it could be written to; published from then on."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("ICT_STORE", str(tmp_path / "store"))
    store = Store()
    done = fixture_store.add_done(store, score_id=fixture_store.add_scores(store))
    run = fixture_store.add_failed(store, seed=3)
    trashed = fixture_store.add_failed(store, seed=4)
    trash.to_trash(store, [trashed.id])
    figure = basket.add(store, Entry(name="a-figure", request={"name": "curves"}))
    assert figure is not None
    channel_sets.save(store, SET)
    studies.create(store, {"name": "s", "base": {"task": "digits"}, "grid": {"seed": [1]}})
    (tmp_path / "rows.csv").write_text("method,task,test_accuracy\nlora,digits,0.9\n")
    imported_results.import_results(store, tmp_path / "rows.csv")
    folder = jobs.job_folder(store, WORDS)
    folder.mkdir(parents=True)
    (folder / "job.json").write_text(
        json.dumps({"words": WORDS, "asked_at": "2026-01-01T00:00:00Z"})
    )
    store.index_path.unlink()
    monkeypatch.setenv("ICT_READ_ONLY", "1")
    return Filled(store, run, done, figure.id, trashed.id)
