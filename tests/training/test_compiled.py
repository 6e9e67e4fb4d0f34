"""Compiled steps are the plain steps, for every method, site and family; or a note says why not."""

import dataclasses
import functools
import os

import pytest
import torch
from torch import nn

import ict
from ict.errors import IctError
from ict.model.backbones import add_head
from ict.resolve import resolve
from ict.training import Trainer, make_step, prepare
from ict.training.compiled import CompiledBlocks, CompileError, lacking_compiler, set_up_compiler
from ict.training.settings import Compile
from tests.tiny_models import tiny_eva, tiny_swin
from tests.tiny_training import adapted, images, settings, tiny

SLOW = [
    pytest.param(site, marks=pytest.mark.slow) for site in ("attn_branch", "mlp_branch", "k", "v")
]
LABELS = torch.arange(6) % 4


@pytest.fixture(autouse=True)
def caches_of_this_test(tmp_path, monkeypatch):
    for name in ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()


@pytest.fixture
def traced(monkeypatch):
    """Blocks traced, forwards and backwards, as inductor would read them, and run kernel by kernel."""
    blocks = functools.partial(CompiledBlocks, backend="aot_eager")
    monkeypatch.setattr("ict.training.step.CompiledBlocks", blocks)


def graphs() -> int:
    return int(torch._dynamo.utils.counters["stats"]["unique_graphs"])


def step_of(model, how, precision="fp32"):
    cpu = torch.device("cpu")
    options = {"precision": precision, "label_smoothing": 0.1, "threads": 1}
    return make_step(model.train(), cpu, compile_blocks=how, **options)


def outcome(model, step, pixels):
    """Loss, right answers and gradients of a batch, with the same random numbers every time."""
    torch.manual_seed(11)
    loss, hits = step(pixels, LABELS)
    gradients = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    return [loss.clone(), hits.clone(), *gradients, torch.get_rng_state()]


def check_the_same(model, size, precision="fp32"):
    """Bit for bit, in three batches, of which only the first compiles."""
    pixels = torch.randn(6, 3, size, size, generator=torch.Generator().manual_seed(2))
    plain = outcome(model, step_of(model, Compile.NO, precision), pixels)
    names, step = list(model.state_dict()), step_of(model, Compile.MUST, precision)
    first = outcome(model, step, pixels)
    made = graphs()
    assert made > 0
    for found in (first, outcome(model, step, pixels), outcome(model, step, pixels)):
        assert all(torch.equal(a, b) for a, b in zip(plain, found, strict=True))
    assert graphs() == made
    assert list(model.state_dict()) == names
    assert all(module._compiled_call_impl is None for module in model.modules())


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("site", ["attn", "block", "q", *SLOW])
def test_adapters_at_every_site_of_a_vit(site):
    check_the_same(adapted(seed=5, site=site, scale=0.4, scale_on_x=site == "q"), 16)


@pytest.mark.usefixtures("traced")
def test_adapters_in_bf16_with_drop_path():
    check_the_same(adapted(seed=5, drop_path=0.3), 16, "bf16")


@pytest.mark.usefixtures("traced")
@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "site"),
    [
        (tiny_swin, "attn"),
        (tiny_swin, "mlp_branch"),
        (tiny_swin, "block"),
        (tiny_swin, "v"),
        (tiny_eva, "attn_branch"),
        (tiny_eva, "block"),
    ],
)
def test_adapters_of_other_families(family, site):
    model = family()
    add_head(model, 4, seed=1)
    size = model.patch_embed.img_size[0]
    scores = ict.score(model, [(torch.randn(8, 3, size, size), torch.arange(8) % 4)], site=site)
    check_the_same(ict.attach(model, ict.select(scores, ratio=0.25), seed=5), size)


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("method", ["lora", "full", "bitfit"])
def test_the_other_methods(method):
    fields = {"task": "digits", "method": method, **({"lora_rank": 4} if method == "lora" else {})}
    config = resolve(fields, weights="none", fetch=False).config
    check_the_same(prepare(tiny(), config, None), 16)


@pytest.mark.usefixtures("traced")
def test_two_sets_of_channels_divided_by_their_sizes():
    """Another K in each block as well, as budgets share it out."""
    model = tiny()
    selection = ict.select(
        ict.score(model, [(torch.randn(8, 3, 16, 16), torch.arange(8) % 4)]), k=6
    )
    blocks = tuple(
        dataclasses.replace(
            one, indices=one.indices[: 6 - b], writes=one.indices[2:], rms=(0.5,) * (6 - b)
        )
        for b, one in enumerate(selection.blocks)
    )
    check_the_same(ict.attach(model, dataclasses.replace(selection, blocks=blocks)), 16)


@pytest.mark.usefixtures("traced")
def test_equal_blocks_are_compiled_once():
    """The ends apart: the first reads no gradient, the last computes its class token alone."""
    counts = []
    for depth in (4, 6):
        torch._dynamo.reset()
        torch._dynamo.utils.counters.clear()
        model = tiny(depth=depth)
        scores = ict.score(model, [(torch.randn(8, 3, 16, 16), torch.arange(8) % 4)])
        step = step_of(ict.attach(model, ict.select(scores, k=6)), Compile.MUST)
        outcome(model, step, torch.randn(6, 3, 16, 16))
        counts.append(graphs())
    assert counts[0] == counts[1]


class Untraceable(nn.Module):
    """Draws and counts, and then breaks the graph."""

    def __init__(self, inner, error=None):
        super().__init__()
        self.inner, self.error = inner, error
        self.register_buffer("passes", torch.zeros(()))

    def forward(self, x):
        self.passes += 1
        if self.error is not None:
            raise self.error
        x = x + 0.1 * torch.rand_like(x)
        torch._dynamo.graph_break()
        return self.inner(x)


def broken(error=None):
    model = adapted(seed=5)
    model.blocks[1].mlp = Untraceable(model.blocks[1].mlp, error)
    return model


@pytest.mark.usefixtures("traced")
def test_what_cannot_be_compiled_is_trained_plainly_and_says_so():
    pixels = torch.randn(6, 3, 16, 16)
    model, other = broken(), broken()
    step = step_of(model, Compile.TRY)
    assert (step.notes, step.why_plain) == ([], None)
    plain = step_of(other, Compile.NO)
    for _ in range(2):
        for a, b in zip(outcome(model, step, pixels), outcome(other, plain, pixels), strict=True):
            assert torch.equal(a, b)
    assert model.blocks[1].mlp.passes == 2
    (note,) = step.notes
    assert note == f"steps are not compiled: {step.why_plain}"
    assert "\n" not in note
    assert step.why_plain.startswith("torch.compile: ")


@pytest.mark.usefixtures("traced")
def test_what_has_to_be_compiled_and_cannot_be_fails_with_one_sentence():
    model = broken()
    with pytest.raises(CompileError, match=r"^torch\.compile: ") as told:
        outcome(model, step_of(model, Compile.MUST), torch.randn(6, 3, 16, 16))
    assert isinstance(told.value, IctError)
    assert "\n" not in str(told.value)
    assert all(module._compiled_call_impl is None for module in model.modules())


@pytest.mark.usefixtures("traced")
def test_the_networks_own_error_is_the_networks_own():
    model = broken(error=ValueError("mine"))
    with pytest.raises(ValueError, match="mine"):
        outcome(model, step_of(model, Compile.TRY), torch.randn(6, 3, 16, 16))


def test_no_compiler_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    assert lacking_compiler("cpu") == "no C compiler was found (g++, clang++, c++)"
    (tmp_path / "mine").touch(mode=0o700)
    monkeypatch.setenv("CXX", "mine")
    assert lacking_compiler("cpu") is None


def test_compiled_code_is_kept_where_nobody_else_writes(monkeypatch, tmp_path):
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR")
    monkeypatch.setenv("TRITON_CACHE_DIR", "mine")
    set_up_compiler()

    assert os.environ["TRITON_CACHE_DIR"] == "mine"
    kept = tmp_path / "cache" / "ict" / "compiled" / "inductor"
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == str(kept)
    assert {place.stat().st_mode & 0o777 for place in (kept, kept.parent)} == {0o700}


@pytest.mark.slow
@pytest.mark.skipif(lacking_compiler("cpu") is not None, reason="there is no C++ compiler")
def test_inductors_code_repeats_itself_and_resumes(tmp_path, monkeypatch):
    """Two starts, each with a cache of its own, and one that goes on after its first epoch."""
    s = settings(compile=Compile.MUST, batch_size=20, epochs=2)

    def trainer(place):
        torch._dynamo.reset()
        monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / place))
        return Trainer(adapted(seed=5, drop_path=0.2), images(n=40), s)

    one = trainer("one")
    one.epoch(1)
    between = {name: value.clone() for name, value in one.state().items()}
    one.epoch(2)
    other = trainer("other")
    other.load_state(between)
    other.epoch(2)
    for name, value in one.state().items():
        assert torch.equal(value, other.state()[name]), name
    plain = Trainer(adapted(seed=5, drop_path=0.2), images(n=40), settings(batch_size=20, epochs=2))
    plain.epoch(1)
    for name, value in plain.state().items():
        torch.testing.assert_close(value, between[name], rtol=1e-3, atol=1e-4, msg=name)
