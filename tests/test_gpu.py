"""What holds on a GPU: the numbers of the CPU, and a run that repeats itself.

pytest tests/test_gpu.py        on a machine with an NVIDIA GPU
"""

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import ict
from ict.cli import main
from ict.machine import devices
from ict.training import Trainer, evaluate
from ict.training.step import make_repeatable
from tests.tiny_models import images_of, tiny_vit
from tests.tiny_training import adapted, images, settings

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU")
GPU = "cuda:0"


@pytest.fixture(autouse=True)
def as_in_a_run(own_world, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")  # hidden from all other tests
    devices.cache_clear()
    make_repeatable(GPU)
    yield
    torch.use_deterministic_algorithms(False)
    devices.cache_clear()


@pytest.mark.parametrize("site", ["attn", "attn_branch", "mlp_branch", "block", "q", "k", "v"])
@pytest.mark.parametrize("scale_on_x", [False, True])
def test_an_adapted_step_is_that_of_the_cpu(site, scale_on_x):
    results = {}
    pixels = torch.randn(6, 3, 16, 16, generator=torch.Generator().manual_seed(2))
    for device in ("cpu", GPU):
        model = adapted(seed=5, site=site, scale=0.4, scale_on_x=scale_on_x).to(device)
        logits = model(pixels.to(device))
        logits.square().sum().backward()
        gradients = {n: p.grad.cpu() for n, p in model.named_parameters() if p.requires_grad}
        results[device] = logits.detach().cpu(), gradients
    torch.testing.assert_close(results["cpu"][0], results[GPU][0], rtol=1e-4, atol=1e-5)
    assert len(results["cpu"][1]) == 8
    for name, gradient in results["cpu"][1].items():
        torch.testing.assert_close(gradient, results[GPU][1][name], rtol=1e-3, atol=1e-4, msg=name)


def test_gradients_of_adapters_are_those_of_the_cpu():
    pixels, labels = images_of()
    found = {
        device: ict.score(tiny_vit().to(device), [(pixels, labels)], criterion="adapter_gradient")
        for device in ("cpu", GPU)
    }
    for name, array in found["cpu"].gradients.arrays.items():
        other = found[GPU].gradients.arrays[name]
        assert np.abs(other - array).max() <= 1e-3 * np.abs(array).max(), name


def test_loaded_adapters_write_to_the_channels_of_the_file():
    model, other = adapted(seed=5).to(GPU), adapted(seed=6).to(GPU)
    state = {n: v.flip(0) if n.endswith(".indices") else v for n, v in model.state_dict().items()}
    other.load_state_dict(state)
    pixels = torch.randn(6, 3, 16, 16, device=GPU)
    here = other(pixels)
    torch.testing.assert_close(here, other.cpu()(pixels.cpu()).to(GPU), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_training_repeats_and_resumes_bit_for_bit(precision):
    data, s = images(n=40).to(GPU), settings(precision=precision)

    def trainer():
        return Trainer(adapted(seed=5, drop_path=0.2).to(GPU), data, s)

    unbroken, again = trainer(), trainer()
    for epoch in range(1, 4):
        unbroken.epoch(epoch)
    for epoch in (1, 2):
        again.epoch(epoch)
    resumed = trainer()
    resumed.load_state(again.state())
    resumed.epoch(3)
    for name, value in unbroken.state().items():
        assert torch.equal(value, resumed.state()[name]), name


def trained(hook=None):
    model = adapted(seed=5).to(GPU)
    if hook is not None:
        model.blocks[0].register_forward_hook(hook)
    trainer = Trainer(model, images(n=40).to(GPU), settings())
    trainer.epoch(1)
    trainer.epoch(2)
    return trainer


def test_a_network_that_waits_for_the_gpu_trains_without_a_graph_and_says_so():
    def waiting(_block, _inputs, output):
        return output * (1 + 0 * output.sum().item())

    plain, waits = trained(), trained(waiting)
    assert plain.step.notes == []
    (note,) = waits.step.notes
    assert note.startswith("steps without a CUDA graph: called a synchronizing")
    for name, value in plain.state().items():
        torch.testing.assert_close(waits.state()[name], value, rtol=1e-3, atol=1e-5, msg=name)


def test_a_network_that_cannot_repeat_itself_trains_and_says_so():
    def pooling(_block, _inputs, output):
        return torch.nn.functional.adaptive_avg_pool2d(output, output.shape[1:])

    (note,) = trained(pooling).step.notes
    assert note.startswith(
        "not the same to the last digit in every run on a GPU: adaptive_avg_pool2d"
    )


def test_scores_and_answers_are_those_of_the_cpu():
    model, data = adapted(seed=5), images(n=40)
    pixels, labels = data.images.float() / 255, data.labels
    here = ict.score(model, [(pixels, labels)])
    predictions = evaluate(model, data, settings()).predictions
    model = model.to(GPU)
    there = ict.score(model, [(pixels.to(GPU), labels.to(GPU))])
    np.testing.assert_allclose(here.stacked("attn"), there.stacked("attn"), rtol=1e-4)
    assert (evaluate(model, data.to(GPU), settings()).predictions == predictions).all()


def test_a_run_trains_on_the_gpu_and_loads_without_one(tmp_path, monkeypatch):
    monkeypatch.setenv("ICT_STORE", str(tmp_path))
    words = ["train", "digits", "--set", "epochs=2", "--limit", "128", "--wait", "--json"]
    told = CliRunner().invoke(main, words, catch_exceptions=False)
    assert told.exit_code == 0, told.output
    result = json.loads(told.stdout)
    assert result["device"] == GPU
    assert result["device_name"] == torch.cuda.get_device_name(0)
    assert result["precision"] == "bf16"
    assert 0 < result["peak_memory_bytes"] < 4 << 30
    assert next(ict.load(result["run_id"]).parameters()).device.type == "cpu"
