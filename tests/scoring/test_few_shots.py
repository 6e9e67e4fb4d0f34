"""`ict causal` and `ict inspect` on few shots: the same images that a run of these shots has."""

import json
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from ict.errors import InputError
from ict.scoring.inspect_task import request_inspection
from ict.store import Store
from ict.tasks import load_split
from ict.tasks.limits import Shots, few
from tests.promises.refusals import ict

SMALL = ("digits", "--weights", "none", "--image-size", "16", "--json")
CHECK = ("--scatter", "0", "--random-draws", "0", "--fraction", "0.125", "--block", "0")


def said(*words: str) -> dict[str, Any]:
    answer = ict(*words)
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.stdout)


def test_a_causal_check_takes_means_and_scores_of_the_shots(store: Store) -> None:
    made = said("causal", *SMALL, *CHECK, "--shots", "1", "--shot-seed", "1")
    assert (made["shots"], made["shot_seed"]) == (1, 1)
    assert (made["train_images"], made["validation_images"]) == (10, 200)
    (scored,) = store.scores()
    assert scored["score_id"] == made["score_ids"]["class_l2"]
    assert (scored["images"], scored["shots"], scored["shot_seed"]) == (10, 1, 1)


def test_an_inspection_shows_the_shots_alone(store: Store) -> None:
    made = [said("inspect", *SMALL, "--shots", "2", *more) for more in ((), ("--shot-seed", "1"))]
    assert [(m["images"], m["split"]) for m in made] == [(20, "train800")] * 2
    assert len({m["inspect_id"] for m in made}) == 2
    labels = load_split("digits", "train800").labels
    for one in made:
        kept = labels[few(labels, Shots(2, one["shot_seed"]))]
        stored = load_file(store.inspect_dir / one["inspect_id"] / "inspect.safetensors")
        assert np.array_equal(stored["labels"], kept)


def test_shots_are_of_train800_and_change_no_id_without(store: Store) -> None:
    def request(**more: Any) -> Any:
        asked = {"task": "digits", "backbone": "ict_tiny", "site": "attn", "weights": "none"}
        return request_inspection(store, **asked, **more)[0]

    plain = request()
    assert plain.split == "train800val200"
    assert request(shot_seed=5).inspect_id == plain.inspect_id
    assert request(split="train800").inspect_id != request(shots=1).inspect_id
    with pytest.raises(InputError, match="shots=1 are drawn from train800, not from val200"):
        request(shots=1, split="val200")
