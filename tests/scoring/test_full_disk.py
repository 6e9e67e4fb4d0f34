"""A disk that refuses any one write of a score's or an inspection's end: one sentence, then as if nothing was."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from ict.files import StoreError
from ict.scores import load_scores
from ict.scoring.inspect_task import inspect_task, request_inspection
from ict.scoring.score_request import request_for
from ict.scoring.task_scores import score_task
from ict.store import Store
from ict.store.inspect_files import Inspection, read_inspection

MOST = 20  # moves into place of one result


class Refusal:
    """`os.replace`, refused at its `number`-th call (None: never); `calls` counts them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
        self.number: int | None = None
        self.calls = 0
        real = os.replace

        def replace(source: object, target: object) -> None:
            self.calls += 1
            if self.calls == self.number:
                raise OSError(code, os.strerror(code), str(target))
            real(source, target)

        monkeypatch.setattr("os.replace", replace)

    def at(self, number: int | None) -> None:
        self.number, self.calls = number, 0


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Store(tmp_path / "store")


@pytest.mark.parametrize(
    ("criterion", "code", "files"),
    [
        ("random", errno.ENOSPC, 2),  # the scores, and what is said of them
        ("random", errno.EACCES, 2),
        ("adapter_gradient", errno.ENOSPC, 3),  # the gradients before both
    ],
)
def test_scores_are_there_whole_or_not_at_all(store, monkeypatch, criterion, code, files):
    request, _ = request_for(
        task="digits",
        backbone="ict_tiny",
        criterion=criterion,
        sites=("attn",),
        tokens=None,
        split="train800",
        weights="none",
        pixel_normalisation="native",
        image_size=16,
        limit=20,
    )
    disk = Refusal(monkeypatch, code)
    sentences = []
    for number in range(1, MOST):
        listed: list[dict] = []
        disk.at(number)
        try:
            score_task(store, request)
        except StoreError as error:
            sentences.append(str(error))
            listed = store.scores()
        if disk.calls < number:
            break
        assert listed == []
    assert len(sentences) >= files
    assert not any("\n" in sentence for sentence in sentences)
    disk.at(None)
    path = score_task(store, request)
    assert np.isfinite(load_scores(path).site("attn")[0]).all()
    assert store.unreadable() == []
    assert [row["score_id"] for row in store.scores()] == [request.score_id]


def test_an_inspection_is_there_whole_or_not_at_all(store, monkeypatch):
    request, _ = request_inspection(
        store, task="digits", backbone="ict_tiny", site="attn", weights="none", limit=10
    )
    disk = Refusal(monkeypatch, errno.ENOSPC)
    folder = store.inspect_dir / request.inspect_id
    refused = 0
    for number in range(1, MOST):
        disk.at(number)
        try:
            inspect_task(store, request)
        except StoreError:
            refused += 1
            assert not isinstance(read_inspection(folder), Inspection)
        if disk.calls < number:
            break
    assert refused >= 3  # the rows, the small images, and what is said of them
    disk.at(None)
    inspect_task(store, request)
    assert isinstance(read_inspection(folder), Inspection)
