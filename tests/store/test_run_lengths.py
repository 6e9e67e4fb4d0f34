"""Longest first: from measured runs where there are any like them, else from what a run computes."""

import itertools
from typing import Any

import pytest

from ict.store.run_lengths import longest_first, work

ICT = {"task": "digits", "backbone": "ict_tiny", "method": "ict", "epochs": 10,
       "train_split": "train800"}  # fmt: skip


def test_work_by_hand():
    forward = 5_388_480 * 64  # parameters × patches of ict_tiny at 64 pixels
    assert work(ICT) == (800 * (1 + 10 * 2) + 797) * forward
    assert work({**ICT, "method": "full"}) == (800 * (1 + 10 * 3) + 797) * forward
    assert work({**ICT, "method": "linear"}) == (800 * 2 + 797) * forward
    assert work({**ICT, "image_size": 32}) == work(ICT) / 4
    assert work({**ICT, "limit": 100}) == (100 * 21 + 100) * forward
    assert work({**ICT, "shots": 5}) == (50 * 21 + 797) * forward
    assert work({"task": "nobody's", "epochs": 3}) == 7


@pytest.mark.parametrize("order", itertools.permutations(["short", "long", "wide", "full"]))
def test_without_any_measurement_the_work_decides(order: tuple[str, ...]):
    asked: dict[str, dict[str, Any]] = {
        "short": {**ICT, "epochs": 1},
        "long": {**ICT, "epochs": 40},
        "wide": {**ICT, "image_size": 128},
        "full": {**ICT, "method": "full"},
    }
    found = longest_first({name: asked[name] for name in order}, [])
    assert found == ["wide", "long", "full", "short"]


def test_measured_runs_go_before_the_work():
    """LoRA has the same work as ICT; in this store it took twice as long, and bitfit half."""

    def measured(method: str, seconds: float) -> dict[str, Any]:
        return {**ICT, "method": method, "train_seconds": seconds}

    rows = [measured("ict", 10.0), measured("lora", 20.0), measured("bitfit", 5.0)]
    asked = {name: {**ICT, "method": name} for name in ("bitfit", "ict", "lora")}
    assert longest_first(asked, []) == ["bitfit", "ict", "lora"]
    assert longest_first(asked, rows) == ["lora", "ict", "bitfit"]
    more = {**asked, "ict": {**ICT, "epochs": 21}}  # 21 s
    assert longest_first(more, rows) == ["ict", "lora", "bitfit"]


def test_a_task_without_measurements_is_reckoned_at_the_pace_of_its_method():
    """`count` is larger than digits; at the pace of ICT on digits it takes longer than its 10 s."""
    rows = [{**ICT, "train_seconds": 10.0}, {**ICT, "method": "full", "train_seconds": 1000.0}]
    other = {**ICT, "task": "count"}
    assert work(other) > work(ICT)
    assert longest_first({"digits": ICT, "count": other}, rows) == ["count", "digits"]
    slow = [{**ICT, "train_seconds": 10.0}, {**other, "train_seconds": 1.0}]
    assert longest_first({"count": other, "digits": ICT}, slow) == ["digits", "count"]


def test_equals_stay_as_they_were_asked_for():
    names = ["c", "a", "d", "b"]
    assert longest_first(dict.fromkeys(names, ICT), []) == names
