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
from ict.training.settings import Compile
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


def compiled(tmp_path, monkeypatch, place, how=Compile.MUST, precision="bf16"):
    """Two epochs of compiled steps, with a cache of their own: nothing is left of another start."""
    torch._dynamo.reset()
    for name in ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR"):
        monkeypatch.setenv(name, str(tmp_path / place / name))
    s = settings(compile=how, precision=precision, batch_size=20)
    return Trainer(adapted(seed=5, drop_path=0.2).to(GPU), images(n=40).to(GPU), s)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_compiled_steps_repeat_and_resume_bit_for_bit(tmp_path, monkeypatch, precision):
    one = compiled(tmp_path, monkeypatch, "one", precision=precision)
    one.epoch(1)
    between = {name: value.clone() for name, value in one.state().items()}
    one.epoch(2)
    other = compiled(tmp_path, monkeypatch, "other", precision=precision)
    other.load_state(between)
    other.epoch(2)
    for name, value in one.state().items():
        assert torch.equal(value, other.state()[name]), name
    assert one.step.notes == [], "compiled blocks inside one deterministic CUDA graph"


def test_compiled_steps_are_close_to_plain_ones(tmp_path, monkeypatch):
    trainers = [
        compiled(tmp_path, monkeypatch, how.name, how, "fp32") for how in (Compile.NO, Compile.MUST)
    ]
    for trainer in trainers:
        trainer.epoch(1)
        trainer.epoch(2)
    for name, value in trainers[0].state().items():
        torch.testing.assert_close(trainers[1].state()[name], value, rtol=1e-3, atol=1e-4, msg=name)


@pytest.mark.parametrize("criterion", ["class_l2", "l2", "variance"])
def test_scores_of_many_batches_by_one_graph_are_those_of_the_cpu(criterion):
    pixels, labels = images_of(per_class=66)
    model, found = tiny_vit(), []
    for device in ("cpu", GPU):
        data = list(zip(pixels.to(device).split(5), labels.to(device).split(5), strict=True))
        found.append(ict.score(model.to(device), data, criterion=criterion).stacked("attn"))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4)


def test_scores_are_computed_without_tf32_whatever_is_allowed():
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = True
    try:
        pixels, labels = images_of()
        here = ict.score(tiny_vit(), [(pixels, labels)]).stacked("attn")
        there = ict.score(tiny_vit().to(GPU), [(pixels, labels)]).stacked("attn")
        np.testing.assert_allclose(here, there, rtol=2e-5)
        assert torch.backends.cudnn.allow_tf32
    finally:
        torch.backends.cudnn.allow_tf32 = before


def test_a_run_is_compiled_where_it_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("ICT_STORE", str(tmp_path))
    words = ["train", "digits", "--set", "epochs=2", "--limit", "128", "--wait", "--json"]
    told = CliRunner().invoke(main, [*words, "--compile", "on"], catch_exceptions=False)
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["compiled"] is True
    (note,) = [
        note
        for note in json.loads(
            CliRunner().invoke(main, [*words, "--seed", "1"], catch_exceptions=False).stdout
        )["notes"]
        if "compiled" in note
    ]
    assert note.startswith("steps are not compiled: 4 steps save some 0 s")
