"""First steps from a store: which score files are held against each other, and what is kept."""

from dataclasses import replace

import numpy as np
import pytest

from ict.adapter_gradients import AdapterGradients
from ict.analysis import first_step_files
from ict.analysis.families import gradients_of, of_criteria, rankings_beside
from ict.analysis.first_step import first_steps
from ict.analysis.first_step_files import Asked, first_steps_of_files, kept_first_steps
from ict.documents.score_record import ScoreRecord
from ict.errors import InputError
from ict.scores import load_scores
from ict.selection import select
from ict.store import Store
from tests.selection.gradients import add_to_store


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def asked(store, **fields):
    records = [ScoreRecord.of(meta) for meta in store.scores()]
    (gradients,) = gradients_of(records)
    others = rankings_beside(gradients, records, site="attn")
    given = {"gradients": gradients, "others": others, "site": "attn", "ratio": 0.25, **fields}
    return Asked(**given)


def test_rows_are_those_of_the_files_top_channels(store):
    gradient_id, l2_id, taylor_id = add_to_store(store)
    rows = first_steps_of_files(asked(store), "sign")
    scores = {
        name: load_scores(store.score_file(one))
        for name, one in (("class_l2", l2_id), ("taylor", taylor_id))
    }
    expected = first_steps(
        AdapterGradients.load(store.score_dir(gradient_id) / "adapter_gradient.safetensors"),
        {name: select(one, k=4) for name, one in scores.items()},
        ["gradient", "gradient_rw", "energy_read_gradient_write", "random"],
        k=4, energy=scores["class_l2"], norm="sign",
    )  # fmt: skip
    assert [row.name for row in rows] == [row.name for row in expected]
    assert [row.held_out for row in rows] == pytest.approx([row.held_out for row in expected])


def test_rows_are_kept_and_read_again_without_the_gradients(store, monkeypatch):
    add_to_store(store)
    of = asked(store)
    assert kept_first_steps(of, "unit", store) is None
    rows = first_steps_of_files(of, "unit", store=store)
    monkeypatch.setattr(first_step_files, "first_steps", None)  # would fail if it was called
    assert kept_first_steps(of, "unit", store) == rows
    assert first_steps_of_files(of, "unit", store=store) == rows
    assert kept_first_steps(of, "sign", store) is None
    assert kept_first_steps(replace(of, ratio=0.5), "unit", store) is None
    assert kept_first_steps(replace(of, others=of.others[:1]), "unit", store) is None


def test_only_rankings_of_the_same_images_at_the_site_are_held_against_gradients():
    meta = {"task": "a", "backbone": "ict_tiny", "weights": "sha256:00", "data": "bundled:a@1"}
    meta |= {"split": "train800", "images": 60, "site": "attn", "criterion": "taylor"}
    same, *others = (
        ScoreRecord.of({**meta, **other}, score_id=str(place))
        for place, other in enumerate(
            [
                {"tokens": "all"}, {"task": "b"}, {"backbone": "vit"}, {"weights": "none"},
                {"data": "bundled:a@2"}, {"split": "val200"}, {"images": 7}, {"image_size": 48},
                {"pixel_normalisation": "imagenet"}, {"site": "mlp_branch"}, {"limit": 60},
                {"criterion": "lowest:taylor"}, {"criterion": "random"}, {"shots": 1},
                {"criterion": "adapter_gradient"},
            ]
        )
    )  # fmt: skip
    gradients = others[-1]
    assert rankings_beside(gradients, [*others, same], site="attn") == [same]
    assert gradients_of([*others, same]) == [gradients]


def test_gradients_are_no_ranking_that_could_agree_with_another():
    gradients = ScoreRecord(task="a", criterion="adapter_gradient")
    assert of_criteria([gradients, replace(gradients, criterion="l2")]) == {}


def test_a_ranking_that_leaves_no_choice_has_no_row(store):
    _, l2_id, _ = add_to_store(store)
    of = asked(store)
    path = store.score_file(l2_id)
    flat = replace(load_scores(path), arrays={"attn.0": np.ones((2, 16), np.float32)})
    flat.save(path, overwrite=True)
    names = [row.name for row in first_steps_of_files(of, "unit")]
    assert names == ["taylor", "gradient", "gradient_rw", "random"]


def test_the_criterion_gradient_and_the_selector_are_two_rows(store):
    add_to_store(store, criteria=("gradient",))
    rows = first_steps_of_files(asked(store), "unit")
    assert [row.name for row in rows] == ["top gradient", "gradient", "gradient_rw", "random"]
    assert rows[0].held_out < rows[1].held_out


def test_gradients_that_are_gone_are_named(store):
    gradient_id, *_ = add_to_store(store)
    (store.score_dir(gradient_id) / "adapter_gradient.safetensors").unlink()
    with pytest.raises(InputError, match="adapter_gradient"):
        first_steps_of_files(asked(store), "unit", store=store)
