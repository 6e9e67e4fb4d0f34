"""`ict score --criterion adapter_gradient`: what is said, what lies in the store, and what is refused."""

import errno
import json
from typing import Any

import numpy as np
import pytest

from ict.adapter_gradients import AdapterGradients, bytes_of
from ict.files import StoreError
from ict.scores import load_scores
from ict.store import Store
from ict.store.names import gradient_file
from tests.promises.refusals import ict, sentence

SMALL = ("digits", "--weights", "none", "--image-size", "16", "--limit", "30")
WORDS = ("score", *SMALL, "--criterion", "adapter_gradient", "--json")


def said(*words: str) -> tuple[dict[str, Any], str]:
    answer = ict(*words)
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.stdout), answer.stderr


def test_scores_and_gradients_lie_side_by_side(store: Store):
    answer, beforehand = said(*WORDS, "--site", "attn", "--site", "q")
    size = bytes_of([(12, 192)], sites=2)
    assert f"gradients take {size / 1e6:.0f} MB in memory and on disk" in beforehand
    assert size < answer["gradient_bytes"] < 1.01 * size
    gradients = AdapterGradients.load(answer["gradients_path"])
    assert gradients.sites == ("attn", "q")
    assert gradients.images == (4, 4, 4, 3) * 2
    assert gradients.meta["score_id"] == answer["score_id"]
    scores = load_scores(answer["path"])
    assert answer["tokens"] == "all"
    for site in gradients.sites:
        read = [np.sqrt((block.weight**2).sum(axis=0)) for block in gradients.blocks(site)]
        assert np.allclose(scores.stacked(site, "read"), read, rtol=1e-6)
    assert store.unreadable() == []
    assert [row["score_id"] for row in store.scores()] == [answer["score_id"]]


@pytest.mark.parametrize("damage", ["gone", "torn"])
def test_stored_scores_are_taken_only_with_their_gradients(store: Store, damage):
    first, _ = said(*WORDS)
    file = gradient_file(store.score_dir(first["score_id"]))
    whole = file.read_bytes()
    again, beforehand = said(*WORDS)
    assert again["seconds"] == first["seconds"]  # taken as they are
    assert "MB" not in beforehand
    file.unlink()
    if damage == "torn":
        file.write_bytes(whole[:5000])
    anew, _ = said(*WORDS)
    assert anew["seconds"] != first["seconds"]
    assert AdapterGradients.load(file).images == (4, 4, 4, 3) * 2


@pytest.mark.parametrize(
    ("criterion", "of"),
    [
        ("gradient_rw:adapter_gradient", "adapter_gradient"),
        ("gradient:adapter_gradient", "adapter_gradient"),
        ("lowest:adapter_gradient", "adapter_gradient"),
        ("energy_read_gradient_write:class_l2", "class_l2 and adapter_gradient"),
    ],
)
def test_ways_to_choose_channels_are_not_scored(store: Store, criterion, of):
    refused = sentence("score", "digits", "--criterion", criterion)
    assert refused == (
        f"{criterion} is a way to choose channels, and scores are of a criterion: score {of}"
    )


def test_a_disk_without_room_is_said_before_any_image_is_read(store: Store, monkeypatch):
    class Usage:
        free = 3_000_000

    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage)
    monkeypatch.setattr("ict.scoring.task_scores._compute", None)
    answer = ict(*WORDS)
    assert answer.exit_code == StoreError("", errno.ENOSPC).exit_code
    size = bytes_of([(12, 192)], sites=1) / 1e6
    assert f"{size:.0f} MB will be written, and 3 MB of the disk are free" in answer.stdout
    assert not store.scores()


def test_a_causal_check_refuses_what_ranks_no_channels(store: Store):
    refused = sentence("causal", *SMALL, "--criterion", "adapter_gradient")
    assert "criterion 'adapter_gradient' ranks no channels" in refused
