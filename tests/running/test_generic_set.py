"""Channels that a task's other tasks choose together: what is asked, what runs, what is kept."""

import json
from pathlib import Path

import numpy as np
import pytest

from ict.config import RunConfig, run_id
from ict.errors import IctError, InputError
from ict.resolve import resolve
from ict.running.execute import run as execute
from ict.running.generic_scores import mean_of_tasks
from ict.scores import ChannelScores, load_scores
from ict.scoring import request_for, score_task
from ict.store import Store
from tests.running.small_runs import small_run
from tests.vtab_layout import make_task, set_line

OTHERS = ("count", "sprites_loc", "sprites_ori")


def asked(**fields: object) -> dict:
    return {"task": "birds", "precision": "fp32", "score_task": "others", **fields}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ICT_VTAB_ROOT", str(tmp_path / "vtab"))
    for name in ("fish", "birds", "moths"):
        make_task(tmp_path / "vtab" / name)
    return tmp_path / "vtab"


def test_the_configuration_pins_the_tasks_and_their_data(root):
    found = resolve(asked(), weights="none")
    assert found.config.score_task == "others/fish/moths"
    assert found.config.score_data.startswith("sha256:")
    assert set(found.tasks) == {"birds", "fish", "moths"}
    assert RunConfig.from_dict(json.loads(json.dumps(found.config.to_dict()))) == found.config
    by_name = resolve(asked(score_task="others/moths/fish"), weights="none")
    assert (
        by_name.run_id == found.run_id != resolve(asked(score_task="fish"), weights="none").run_id
    )


def test_a_task_that_comes_is_another_run_and_the_old_one_reads_back(root, store):
    before = resolve(asked(), weights="none")
    folder = store.create_run(before.record())
    make_task(root / "ants")
    after = resolve(asked(), weights="none")
    assert after.config.score_task == "others/ants/fish/moths"
    assert after.run_id != before.run_id
    assert resolve(asked(score_task="others/fish/moths"), weights="none").run_id == before.run_id
    assert run_id(RunConfig.from_dict(folder.config)) == folder.id == before.run_id


def test_data_of_another_task_that_change_are_another_run(root):
    before = resolve(asked(), weights="none").run_id
    set_line(root / "moths" / "train800.txt", 1, "images/train800/000000.jpg 1")
    assert resolve(asked(), weights="none").run_id != before


def test_nothing_is_fingerprinted_where_nothing_is_fetched(root):
    config = resolve(asked(), weights="none", fetch=False).config
    assert (config.score_task, config.score_data) == ("others/fish/moths", None)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"shots": 2}, "score_task='others' with shots=2: .*; leave one of the two out"),
        ({"score_task": "others/count", "shots": 2}, "score_task='others/count' with shots=2"),
        ({"score_task": "others/birds/fish"}, "'birds' is the run's own task"),
    ],
)
def test_what_cannot_be_is_one_sentence(root, fields, sentence):
    with pytest.raises(InputError, match=sentence):
        resolve(asked(**fields), weights="none")


@pytest.mark.parametrize("unread", [{"criterion": "random"}, {"method": "linear"}])
def test_what_reads_no_scores_reads_no_others(unread):
    fields = {"task": "digits", "precision": "fp32", **unread}
    plain = resolve(fields, weights="none")
    assert resolve({**fields, "score_task": "others"}, weights="none").run_id == plain.run_id


def restated(by_task: list[np.ndarray], k: int) -> list[tuple[int, ...]]:
    """The K highest of each block's mean share, by loops over tasks and channels."""
    blocks, D = by_task[0].shape
    chosen = []
    for block in range(blocks):
        shares = [0.0] * D
        for scores in by_task:
            whole = sum(float(score) for score in scores[block])
            for channel in range(D):
                shares[channel] += float(scores[block][channel]) / whole / len(by_task)
        best = sorted(range(D), key=lambda channel: -shares[channel])[:k]
        chosen.append(tuple(sorted(best)))
    return chosen


def test_a_run_tunes_the_channels_of_the_mean_over_the_other_tasks(store):
    here = small_run(store, score_task="others", epochs=1, tokens="head")
    result = execute(here.id, store, threads=1, device="cpu")
    assert here.status() == "done"
    assert result.score_id is None  # no single file holds them
    assert {meta["task"] for meta in store.scores()} == set(OTHERS)  # never its own
    by_task = []
    for task in OTHERS:
        words = {"criterion": "class_l2", "sites": ("attn",), "tokens": "head", "split": "train800"}
        request, _ = request_for(
            task=task, backbone="ict_tiny", weights="none", pixel_normalisation="native", limit=20,
            image_size=here.config.get("image_size"), **words,
        )  # fmt: skip
        assert store.score_file(request.score_id).is_file()  # that of `ict score`, used by both
        by_task.append(load_scores(score_task(store, request)).stacked("attn"))
    selection = json.loads((here.path / "selection.json").read_text())
    assert selection["score_id"] is None
    assert [tuple(b["indices"]) for b in selection["blocks"]] == restated(by_task, 24)
    own = small_run(store, epochs=1, tokens="head")
    execute(own.id, store, threads=1, device="cpu")
    assert json.loads((own.path / "selection.json").read_text())["blocks"] != selection["blocks"]


def test_lists_that_change_before_a_run_starts_fail_it(root, store):
    resolved = resolve(asked(epochs=1, warmup_epochs=0, limit=4), weights="none")
    here = store.create_run(resolved.record())
    set_line(root / "moths" / "train800.txt", 1, "images/train800/000000.jpg 1")
    with pytest.raises(IctError, match="'others/fish/moths' changed since this run was asked for"):
        execute(here.id, store, threads=1, device="cpu")


def test_images_of_every_task_are_recorded(root, store: Store):
    from ict.store.same_images import ask

    (here,) = ask(store, [resolve(asked(), weights="none")], command=None)
    own = {"train800", "val200", "test"}
    assert set(here.record["images_sha256"]) == own | {"fish:train800", "moths:train800"}


def scores_of(*rows: list[float], second: list[list[float]]) -> ChannelScores:
    """Two stages of different widths."""
    arrays = {"attn.0": np.array(rows, np.float32), "attn.1": np.array(second, np.float32)}
    return ChannelScores(arrays)


def test_each_task_counts_the_same_whatever_its_scale():
    large = scores_of([300.0, 100.0], second=[[10.0, 30.0, 60.0]])
    small = scores_of([0.0, 2.0], second=[[0.25, 0.25, 0.0]])
    found = mean_of_tasks({"large": large, "small": small}, "attn")
    np.testing.assert_allclose(found.site("attn")[0], [[0.375, 0.625]])
    np.testing.assert_allclose(found.site("attn")[1], [[0.3, 0.4, 0.3]])


@pytest.mark.parametrize("bad", [[0.0, 0.0], [1.0, -0.5], [1.0, float("nan")]])
def test_scores_without_shares_are_one_sentence(bad):
    sound = scores_of([1.0, 2.0], second=[[1.0, 1.0, 2.0]])
    odd = scores_of([1.0, 2.0], bad, second=[[1.0, 1.0, 2.0]])
    with pytest.raises(InputError, match=r"block 1: the scores of task 'odd' .* another criterion"):
        mean_of_tasks({"sound": sound, "odd": odd}, "attn")
