"""Few-shot training: so many images of each class of train800, and nothing else with a label."""

import json

import numpy as np
import pytest

from ict.config import RunConfig, run_id
from ict.errors import InputError
from ict.resolve import resolve
from ict.running.execute import run as execute
from ict.tasks import load_split
from ict.tasks.limits import Shots, few, limited, said_of_shots
from tests.promises.refusals import ict, sentence

SHORT = {"task": "digits", "epochs": 1, "image_size": 16, "precision": "fp32"}


@pytest.mark.parametrize("seed", [0, 1])
def test_shots_are_so_many_of_each_class_and_those_of_fewer_among_those_of_more(seed):
    """0.1.0: `no field 'shots'`; `--limit 40` was the first 40 lines of the list."""
    labels = np.random.default_rng(3).integers(0, 7, 300)
    before = np.array([], dtype=np.int64)
    for each in (1, 2, 4, 8, 16):
        kept = few(labels, Shots(each, seed))
        assert (np.bincount(labels[kept], minlength=7) == each).all()
        assert (np.diff(kept) > 0).all()
        assert set(before) <= set(kept)
        before = kept
    assert set(before) != set(few(labels, Shots(16, 1 - seed)))
    assert len(few(labels, Shots(300, seed))) == 300


def test_val_and_test_stay_whole():
    for split in ("val200", "test", "train800val200"):
        whole = load_split("digits", split)
        assert limited(whole, None, "first", Shots(2)) is whole
    assert len(limited(load_split("digits", "train800"), None, "first", Shots(2))) == 20


def test_classes_with_fewer_images_are_named():
    split = load_split("digits", "train800")
    rare = np.flatnonzero(split.labels == 4)[:3]
    few_fours = split.taken(np.sort(np.concatenate([np.flatnonzero(split.labels != 4), rare])))
    assert said_of_shots(few_fours, Shots(8)) == [
        "train800: 75 of 723 images, 8 of each class (shots)",
        "train800: 1 of 10 classes have fewer than 8 images: 4 (3)",
    ]


def test_a_run_trains_and_scores_on_its_shots_alone(store):
    resolved = resolve({**SHORT, "shots": 2, "k": 8}, weights="none")
    here = store.create_run(resolved.record())
    execute(here.id, store, threads=1, device="cpu")
    result = here.result()
    assert (result.train_images, result.test_images) == (20, 797)
    assert "train800: 20 of 800 images, 2 of each class (shots)" in result.notes
    (meta,) = store.scores()
    assert (meta["images"], meta["split"], meta["shots"]) == (20, "train800", 2)
    assert here.config["shots"] == 2
    assert "shot_seed" not in here.config


def test_a_score_of_shots_is_another_score_of_train800(store):
    """0.1.0: `No such option '--shots'`."""
    words = ("score", "digits", "--weights", "none", "--image-size", "16", "--json")
    made = [
        json.loads(ict(*words, "--shots", "1", *more).stdout) for more in ((), ("--shot-seed", "1"))
    ]
    assert [(m["images"], m["split"], m["shots"]) for m in made] == [(10, "train800", 1)] * 2
    assert len({m["score_id"] for m in made}) == 2
    assert "drawn from train800, not from val200" in sentence(
        *words[:-1], "--shots", "1", "--split", "val200"
    )


def test_ids_without_shots_are_those_of_before():
    plain = resolve(SHORT, weights="none")
    assert "shots" not in plain.config.to_dict()
    assert "shot_seed" not in resolve({**SHORT, "shot_seed": 3}, weights="none").config.to_dict()
    asked = [
        resolve({**SHORT, "shots": n, "shot_seed": s}, weights="none") for n, s in [(1, 0), (1, 1)]
    ]
    assert len({plain.run_id, *(one.run_id for one in asked)}) == 3
    for one in asked:
        assert run_id(RunConfig.from_dict(one.config.to_dict())) == one.run_id


def test_no_other_labelled_image_is_used():
    paper = resolve({"task": "caltech101", "shots": 4}, recipe="paper", weights="none", fetch=False)
    assert (paper.config.train_split, paper.config.score_split) == ("train800", "train800")
    for field in ("train_split", "score_split"):
        with pytest.raises(InputError, match=f"shots=4 needs {field}=train800"):
            resolve({**SHORT, "shots": 4, field: "train800val200"}, weights="none")
    with pytest.raises(InputError, match="shots=0: choose 1 to"):
        resolve({**SHORT, "shots": 0}, weights="none")


def test_shots_are_an_axis_of_studies(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text(
        "[base]\ntask = 'digits'\n[grid]\nshots = [1, 2, 4, 8, 16]\nshot_seed = [0, 1]\n"
    )
    assert json.loads(ict("study", "plan", str(path), "--json").stdout)["runs"] == 10
