"""What is kept of tables, which score files compare, where a channel stands: against slow references."""

import json
from dataclasses import dataclass

import numpy as np
import pytest

from ict.analysis.cache import cached, kept, path_of
from ict.analysis.families import of_criteria, of_tasks
from ict.analysis.overlap_row import mean_index, of_selections, shared_in_block
from ict.analysis.pairs import similarity
from ict.analysis.ranks import rank_of, shared_channels
from ict.documents.json_form import JsonForm
from ict.documents.score_record import ScoreRecord
from ict.selection import BlockSelection, Selection, top_k
from ict.store import Store


@dataclass(frozen=True, kw_only=True)
class Asked(JsonForm):
    scores: list[str]


@dataclass(frozen=True, kw_only=True)
class Row(JsonForm):
    block: int
    index: float | None


def test_kept_rows_are_those_that_were_computed_with_none_for_nan(tmp_path):
    store, asked = Store(tmp_path), Asked(scores=["a"])
    calls = []

    def compute() -> list[Row]:
        calls.append(1)
        return [Row(block=0, index=float("nan")), Row(block=np.int64(1), index=np.float64(0.5))]

    expected = [Row(block=0, index=None), Row(block=1, index=0.5)]
    assert cached(None, "t", asked, compute, Row) == expected
    assert kept(store, "t", asked, Row) is None
    assert cached(store, "t", asked, compute, Row) == cached(store, "t", asked, compute, Row)
    assert kept(store, "t", asked, Row) == expected
    assert len(calls) == 2


@pytest.mark.parametrize("result", [[{"block": 0}], [[0, 1]], "torn", None])
def test_rows_that_another_version_kept_are_computed_anew(tmp_path, result):
    store, asked = Store(tmp_path), Asked(scores=["a"])
    path = path_of(store, "t", asked)
    path.parent.mkdir()
    path.write_text(json.dumps({"key": asked.to_dict(), "result": result}))
    assert kept(store, "t", asked, Row) is None
    anew = [Row(block=0, index=1.0)]
    assert cached(store, "t", asked, lambda: anew, Row) == anew
    assert kept(store, "t", asked, Row) == anew


def test_shared_channels_are_the_intersection_of_the_top_k_with_their_places():
    draws = np.random.default_rng(1)
    for width, k in ((1, 1), (12, 5), (40, 40)):
        a, b = draws.integers(0, 6, (2, width)).astype(float)  # many ties
        shared = shared_channels(a, b, k)
        both = set(np.argsort(-a, kind="stable")[:k]) & set(np.argsort(-b, kind="stable")[:k])
        assert {one.channel for one in shared} == both
        for one in shared:
            assert np.argsort(-a, kind="stable")[one.a - 1] == one.channel
            assert np.argsort(-b, kind="stable")[one.b - 1] == one.channel
        assert [one.a for one in shared] == sorted(one.a for one in shared)


def test_equal_scores_share_the_better_rank():
    assert [rank_of(np.array([3.0, 5, 3, 1]), c) for c in range(4)] == [2, 1, 2, 4]


def test_of_each_task_the_richest_file_is_compared_and_random_weights_apart():
    def record(task: str, **more: object) -> ScoreRecord:
        return ScoreRecord.of({"task": task, "backbone": "b", "criterion": "l2", **more})

    sums = record("a", images=5, keep_images=True)
    many, most = record("b", images=7), record("b", images=9)
    alone = record("a", weights="none")
    assert of_tasks([record("a", images=99), sums, many, most, alone]) == {"b · l2": [sums, most]}


def test_criteria_of_the_same_images_compare_and_lowest_is_no_criterion_of_its_own():
    def record(criterion: str, images: int = 5) -> ScoreRecord:
        return ScoreRecord.of({"task": "a", "criterion": criterion, "images": images})

    l2, taylor = record("l2"), record("taylor")
    apart = [record("lowest:l2"), record("l2", 9), record("lowest:l2", 9)]
    assert of_criteria([l2, taylor, *apart]) == {"a · 5 images": [l2, taylor]}


def test_scores_that_rank_no_channels_are_compared_with_none():
    def record(task: str, criterion: str) -> ScoreRecord:
        return ScoreRecord.of({"task": task, "backbone": "b", "criterion": criterion, "images": 5})

    gradients = [record(task, "adapter_gradient") for task in "ab"]
    l2 = record("a", "l2")
    assert of_tasks([*gradients, l2]) == {}
    assert of_criteria([*gradients, l2]) == {}
    taylor = record("a", "taylor")
    assert list(of_criteria([*gradients, l2, taylor]).values()) == [[l2, taylor]]


def _selection(scores: np.ndarray, k: int, blocks: range) -> Selection:
    chosen = (
        BlockSelection(0, b, scores.shape[1], tuple(top_k(scores[b], k).tolist())) for b in blocks
    )
    return Selection("attn", tuple(chosen))


def test_rows_of_two_selections_are_those_of_blocks_that_both_chose():
    a, b = np.random.default_rng(2).random((2, 4, 30))
    rows = of_selections(("x", "y"), _selection(a, 6, range(4)), _selection(b, 6, range(1, 4)))
    assert [row.block for row in rows] == [1, 2, 3]
    for row in rows:
        shared = set(top_k(a[row.block], 6)) & set(top_k(b[row.block], 6))
        assert (row.overlap, row.floor) == (len(shared), pytest.approx(36 / 30))
    assert of_selections(("x", "y"), _selection(a, 6, range(4)), _selection(b, 5, range(4))) == []


def test_similarity_is_the_mean_index_of_each_pair_and_symmetric():
    def row(pair: tuple[str, str], block: int, overlap: int):
        return shared_in_block(pair, stage=0, block=block, k=5, channels=20, overlap=overlap)

    rows = [row(("b", "a"), 0, 5), row(("b", "a"), 1, 0), row(("a", "c"), 0, 5)]
    names, matrix = similarity(rows)
    assert names == ["b", "a", "c"]
    assert matrix[0, 1] == matrix[1, 0] == pytest.approx((1 - 1 / 3) / 2)  # κ of 0 is −K/(D − K)
    assert matrix.diagonal().tolist() == [1, 1, 1]
    assert matrix[1, 2] == 1
    assert mean_index(rows[:2]) == pytest.approx(1 / 3)
