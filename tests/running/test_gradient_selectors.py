"""Runs whose channels are chosen by the gradient of a dense adapter, and adapters on whitened channels."""

import numpy as np
import pytest
import torch

import ict
from ict.adapter_gradients import AdapterGradients
from ict.running.execute import run as execute
from ict.scores import load_scores
from ict.selection import Selection, select
from ict.selection.by_gradient import select_by_gradient
from ict.store import Store
from ict.store.names import gradient_file
from tests.running.small_runs import small_run

SMALL = {"task": "digits", "limit": 40, "epochs": 1, "image_size": 32, "k": 6}


def scores_of(store, criterion):
    (found,) = [one for one in store.scores() if one["criterion"] == criterion]
    return store.scores_dir / found["score_id"]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return Store(tmp_path_factory.mktemp("store"))


@pytest.mark.parametrize("selector", ["gradient", "gradient_rw", "energy_read_gradient_write"])
def test_a_run_tunes_what_the_gradient_chooses(store, selector):
    run = small_run(store, selector=selector, **SMALL)
    result = execute(run.id, store)
    gradients = AdapterGradients.load(gradient_file(scores_of(store, "adapter_gradient")))
    energy = None
    if selector == "energy_read_gradient_write":
        energy = load_scores(scores_of(store, "class_l2"))
    expected = select_by_gradient(gradients, selector=selector, k=6, energy=energy)
    chosen = Selection.from_dict(run.selection())
    assert [b.indices for b in chosen.blocks] == [b.indices for b in expected.blocks]
    assert [b.written for b in chosen.blocks] == [b.written for b in expected.blocks]
    if selector == "energy_read_gradient_write":
        top = select(energy, k=6)
        assert [b.indices for b in chosen.blocks] == [b.indices for b in top.blocks]
        assert any(b.writes is not None for b in chosen.blocks)
    assert result.adapter_parameters == 12 * (36 + 6)
    model = ict.load(run.path)
    assert sum(p.numel() for n, p in model.named_parameters() if ".adapter." in n) == 12 * 42


def test_whitened_channels_have_the_rms_of_the_scored_images(store):
    run = small_run(store, whiten=True, init="zero", **SMALL)
    execute(run.id, store)
    chosen = Selection.from_dict(run.selection())
    norms = load_scores(scores_of(store, "l2")).site("attn")[0]
    values = 40 * (1 + 4 * 4)  # images × tokens of 32 pixels in patches of 8
    for block in chosen.blocks:
        sizes = norms[block.block].astype(np.float64) / np.sqrt(values)
        floor = 1e-3 * np.median(sizes)
        expected = np.maximum(sizes[list(block.indices)], floor)
        np.testing.assert_allclose(block.rms, expected, rtol=1e-6)
    model = ict.load(run.path)
    (adapter,) = [m for n, m in model.named_modules() if n == "blocks.0.drop_path1.adapter"]
    assert torch.allclose(adapter.rms, torch.tensor(chosen.blocks[0].rms))
