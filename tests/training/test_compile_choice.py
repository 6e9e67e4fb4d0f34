"""When compiling earns its time: by device, length of the run and size of the model."""

import pytest
import torch

from ict.errors import InputError
from ict.model.architecture import build_architecture
from ict.training import compile_choice
from ict.training.compile_choice import choose, forms, stream_values
from tests.tiny_models import tiny_swin
from tests.tiny_training import adapted, tiny


@pytest.fixture(autouse=True)
def a_compiler_is_here(monkeypatch):
    monkeypatch.setattr(compile_choice, "lacking_compiler", lambda _device: None)


def vit_base():
    with torch.device("meta"):
        return build_architecture("vit_base_patch16_224.orig_in21k")


def decided(asked="auto", *, model=None, device="cuda:0", steps=4000, batch_size=64):
    model = vit_base() if model is None else model
    return choose(asked, model, device=device, steps=steps, batch_size=batch_size)


def test_a_gpu_run_is_compiled_once_its_steps_save_more_than_compiling_takes():
    """Measured on an H200: 17 s of compiling, 5.5 ms a step saved; 17 / 0.0055 = 3091."""
    long, short = decided(steps=3092), decided(steps=3090)
    assert (long.on, short.on) == (True, False)
    assert short.why == "3090 steps save some 17 s, and compiling takes some 17 s"
    assert decided(steps=1500).why == "1500 steps save some 8 s, and compiling takes some 17 s"


def test_half_the_batch_needs_twice_the_steps():
    assert not decided(steps=6000, batch_size=32).on
    assert decided(steps=6200, batch_size=32).on


def test_on_a_cpu_only_who_asks_gets_it():
    assert not decided(device="cpu", steps=10**6).on
    assert decided("on", device="cpu", steps=1).on
    assert not decided("off", steps=10**6).on


def test_without_a_compiler_auto_says_so_and_on_refuses(monkeypatch):
    monkeypatch.setattr(compile_choice, "lacking_compiler", lambda _device: "no triton")
    assert (decided().on, decided().why) == (False, "no triton")
    assert decided(steps=10).why.startswith("10 steps"), (
        "what would not have earned it lacks nothing"
    )
    with pytest.raises(InputError, match=r"^--compile on: no triton; .*--compile off$"):
        decided("on")


def test_values_of_the_stream_are_tokens_by_widths_of_all_blocks():
    assert stream_values(vit_base()) == 12 * 197 * 768
    assert stream_values(tiny_swin()) == 2 * 64 * 24 + 2 * 16 * 48


def test_forms_of_blocks():
    """Equal blocks are one; the ends, another drop path rate and another K are each one more."""
    assert forms(vit_base()) == 3
    assert forms(tiny(depth=8)) == 3
    assert forms(tiny(depth=8, drop_path=0.1)) == 8
    assert forms(adapted(seed=5)) == 3
