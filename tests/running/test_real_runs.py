"""The launcher on real runs: killed three times during a study, the numbers stay the same."""

import random
import time
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from ict.running import local
from ict.running.batch import wait_all
from ict.store import Store, studies
from tests.toys import kill, processes, until

DOCUMENT = {
    "name": "small",
    "base": {"task": "digits", "weights": "none", "limit": 20, "epochs": 5, "batch_size": 10},
    "grid": {"ratio": [0.0625, 0.25]},
}
_NUMBERS = ("test_accuracy", "val_accuracy", "train_accuracy", "selected_epoch", "threads")


def run_study(store: Store, kills: int, dice: random.Random) -> dict[str, dict]:
    """Runs the study with `kills` kills of a worker or run at random moments; the results by id."""
    ids = studies.create(store, DOCUMENT).run_ids
    submit = lambda wanted: local.submit(store, wanted, slots=2)  # noqa: E731
    submit(ids)
    for _ in range(kills):
        until(lambda: any(store.run(i).progress() for i in ids), 120)
        time.sleep(dice.uniform(0, 1.5))
        if victims := processes(store):
            kill(dice.choice(victims))
    assert set(wait_all(store, ids, submit, quiet=True).values()) == {"done"}
    return {i: store.run(i).result().to_dict() for i in ids}


@pytest.mark.slow
def test_three_kills_during_real_runs_change_no_number(tmp_path: Path):
    quiet, loud = Store(tmp_path / "quiet"), Store(tmp_path / "loud")
    undisturbed = run_study(quiet, 0, random.Random(0))
    disturbed = run_study(loud, 3, random.Random(3))
    for run_id, result in undisturbed.items():
        assert {n: result[n] for n in _NUMBERS} == {n: disturbed[run_id][n] for n in _NUMBERS}
        name = "adapter.safetensors"
        first = load_file(quiet.run(run_id).path / name)
        second = load_file(loud.run(run_id).path / name)
        assert first.keys() == second.keys()
        assert all((first[key] == second[key]).all() for key in first)
        losses = [[row["train_loss"] for row in s.run(run_id).progress()] for s in (quiet, loud)]
        assert losses[0] == losses[1]
        assert len(losses[0]) == 5
