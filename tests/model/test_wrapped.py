"""Models as notebooks hold them: half precision, compiled, wrapped, with two heads, under torch.func."""

import peft
import pytest
import timm
import torch
from torch import nn

import ict
from ict.errors import InputError
from ict.model.adapters import adapters, count_parameters
from ict.model.architecture import build_architecture
from ict.model.sites import SITES
from ict.scores import ChannelScores
from ict.selection import Selection
from tests.model.test_sites_adapters import some_channels
from tests.tiny_models import enliven, images_of, tiny_swin, tiny_vit

IMAGES, LABELS = images_of(per_class=2)
DATA = [(IMAGES, LABELS)]


def classifier(**changes: object) -> nn.Module:
    return tiny_vit(depth=2, num_classes=3, **changes)


def attached(site: str = "attn", **how: object) -> nn.Module:
    return ict.attach(classifier(), some_channels(classifier(), site), **how)


def trainable(model: nn.Module) -> list[nn.Parameter]:
    return [p for p in model.parameters() if p.requires_grad]


def loss_of(model: nn.Module, images: torch.Tensor = IMAGES) -> torch.Tensor:
    return nn.functional.cross_entropy(model(images).float(), LABELS)


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16, torch.float64])
def test_an_adapter_on_a_model_of_another_type_of_number(site, kind):
    """0.1.0: "mat1 and mat2 must have the same dtype" at the first image."""
    model = classifier().to(kind)
    before = model(IMAGES.to(kind)).detach()
    ict.attach(model, some_channels(model, site), init="zero")
    assert torch.equal(model(IMAGES.to(kind)), before)
    ict.detach(model)
    ict.attach(model, some_channels(model, site), seed=3)
    wide = torch.float64 if kind == torch.float64 else torch.float32
    assert {a.weight.dtype for a in adapters(model).values()} == {wide}
    found = model(IMAGES.to(kind))
    assert found.dtype == kind
    assert not torch.equal(found, before)
    expected = attached(site, seed=3)(IMAGES)
    rough = 1e-5 if kind == torch.float64 else 0.3
    assert torch.allclose(found.to(torch.float32), expected, atol=rough, rtol=0.1)
    gradients = torch.autograd.grad(loss_of(model, IMAGES.to(kind)), trainable(model))
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_a_model_made_half_after_attach_works_too():
    model = attached().half()
    assert model(IMAGES.half()).dtype == torch.float16


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_compiled_before_and_after(backend):
    """0.1.0 kept what was trainable under the compiled model's names: detach of the plain one froze it."""
    torch._dynamo.reset()
    plain = classifier()
    compiled = torch.compile(plain, backend=backend)
    with torch.no_grad():
        before = compiled(IMAGES)
        scores = ict.score(compiled, DATA)
        assert (scores.stacked("attn") == ict.score(classifier(), DATA).stacked("attn")).all()
        assert ict.attach(compiled, ict.select(scores, k=4), seed=1) is compiled
        after = compiled(IMAGES)
        assert torch.allclose(after, plain(IMAGES))
        assert not torch.allclose(after, before)
    gradients = torch.autograd.grad(loss_of(compiled), trainable(compiled))
    expected = torch.autograd.grad(loss_of(plain), trainable(plain))
    assert all(torch.allclose(a, b) for a, b in zip(gradients, expected, strict=True))
    ict.detach(plain)
    with torch.no_grad():
        assert torch.allclose(compiled(IMAGES), before)
    assert len(trainable(plain)) == len(list(plain.parameters()))


def test_data_parallel_on_one_device_works_and_on_two_is_one_sentence(tmp_path):
    """0.1.0: `DataParallel is not supported (blocks: none)`."""
    wrapped = nn.DataParallel(classifier())
    selection = ict.select(ict.score(wrapped, DATA), k=4)
    file = ict.save_adapter(ict.attach(wrapped, selection), tmp_path / "a")
    expected = wrapped(IMAGES)
    assert torch.equal(expected, ict.load_adapter(nn.DataParallel(classifier()), file)(IMAGES))
    ict.detach(wrapped)
    assert torch.equal(wrapped(IMAGES), classifier()(IMAGES))
    wrapped.device_ids = [0, 1]
    with pytest.raises(InputError, match=r"attach to its .module, and wrap that in Distributed"):
        ict.attach(wrapped, selection)


def test_distributed_data_parallel_is_one_sentence():
    """0.1.0: `DistributedDataParallel is not supported (blocks: none)`, and nothing to do about it."""
    wrapped = nn.parallel.DistributedDataParallel.__new__(nn.parallel.DistributedDataParallel)
    nn.Module.__init__(wrapped)
    wrapped.module = classifier()
    selection = ict.select(ict.score(wrapped, DATA), k=4)
    with pytest.raises(
        InputError, match="looks at what is trainable when it is made: attach to its"
    ):
        ict.attach(wrapped, selection)


def test_peft_is_scored_as_it_is_and_not_half_frozen():
    """0.1.0 froze LoRA's matrices and made both copies of PEFT's head trainable, without a word."""
    config = peft.LoraConfig(
        target_modules=["qkv"], modules_to_save=["head"], init_lora_weights=False
    )
    wrapped = peft.get_peft_model(classifier(), config)
    before = {name: p.requires_grad for name, p in wrapped.named_parameters()}
    scores = ict.score(wrapped, DATA)
    assert not (scores.stacked("attn") == ict.score(classifier(), DATA).stacked("attn")).all()
    selection = ict.select(scores, k=4)
    for model in (wrapped, wrapped.get_base_model()):
        with pytest.raises(
            InputError, match=r"layers of PEFT.*model.unload\(\), or keep what they"
        ):
            ict.attach(model, selection)
    assert {name: p.requires_grad for name, p in wrapped.named_parameters()} == before
    plain = wrapped.merge_and_unload()
    ict.attach(plain, selection)
    names = {name for name, p in plain.named_parameters() if p.requires_grad}
    assert all("adapter" in name or name.startswith("head.") for name in names)


def distilled() -> nn.Module:
    torch.manual_seed(0)
    return enliven(
        timm.create_model(
            "deit_tiny_distilled_patch16_224",
            num_classes=3, img_size=32, patch_size=8, embed_dim=24, depth=2, num_heads=3,
        )
    )  # fmt: skip


def test_a_distilled_deit_keeps_both_heads(tmp_path):
    """0.1.0 froze both heads without a word: get_classifier gives two."""
    model = distilled()
    before = model(IMAGES).detach()
    selection = ict.select(ict.score(model, DATA, criterion="taylor"), k=4)
    ict.attach(model, selection)
    names = {name for name, p in model.named_parameters() if p.requires_grad}
    heads = {"head.weight", "head.bias", "head_dist.weight", "head_dist.bias"}
    assert {name for name in names if ".adapter." not in name} == heads
    assert count_parameters(model)["head_parameters"] == 2 * (24 * 3 + 3)
    with torch.no_grad():
        for parameter in trainable(model):
            parameter.add_(0.1)
    file = ict.save_adapter(model, tmp_path / "a")
    assert torch.equal(ict.load_adapter(distilled(), file)(IMAGES), model(IMAGES))
    assert torch.equal(ict.detach(model)(IMAGES), before)


@pytest.mark.parametrize(
    "name", ["deit_tiny_distilled_patch16_224", "deit_small_distilled_patch16_224.fb_in1k"]
)
def test_the_hint_for_a_distilled_backbone_of_a_run_works(name):
    with pytest.raises(InputError) as refused, torch.device("meta"):
        build_architecture(name)
    hint = str(refused.value).rpartition("use ")[2]
    with torch.device("meta"):
        assert build_architecture(hint).num_prefix_tokens == 1


@pytest.mark.parametrize("site", SITES)
def test_torch_func_gives_the_same_gradients_and_those_of_each_image(site):
    """0.1.0: "must override the setup_context staticmethod" for grad, vmap and jacrev."""
    model = attached(site, seed=1)
    frozen = {n: p.detach() for n, p in model.named_parameters() if not p.requires_grad}
    tuned = {n: p.detach() for n, p in model.named_parameters() if p.requires_grad}

    def loss(
        own: dict[str, torch.Tensor], images: torch.Tensor, labels: torch.Tensor
    ) -> torch.Tensor:
        logits = torch.func.functional_call(model, {**frozen, **own}, (images,))
        return nn.functional.cross_entropy(logits, labels)

    expected = torch.autograd.grad(loss_of(model), trainable(model))
    found = torch.func.grad(loss)(tuned, IMAGES, LABELS)
    one = torch.func.grad(lambda own, image, label: loss(own, image[None], label[None]))
    each = torch.func.vmap(one, in_dims=(None, 0, 0))(tuned, IMAGES, LABELS)
    for name, gradient in zip(tuned, expected, strict=True):
        assert torch.allclose(found[name], gradient)
        assert torch.allclose(each[name].mean(dim=0), gradient, atol=1e-6)


def test_forward_mode_is_one_sentence():
    """0.1.0: "it must override the setup_context staticmethod"."""
    adapter = next(iter(adapters(attached()).values()))
    with pytest.raises(
        InputError, match=r"no forward-mode derivative; use torch.func.grad, vjp or"
    ):
        torch.func.jvp(adapter, (torch.randn(2, 24),), (torch.randn(2, 24),))


def test_a_selection_of_another_family_and_no_model_are_one_sentence():
    scores = ChannelScores({"attn.0": torch.rand(2, 24).numpy()})
    with pytest.raises(InputError, match="attach needs a timm model, not str"):
        ict.attach("vit", ict.select(scores, k=2))
    with pytest.raises(InputError, match="is not supported"):
        ict.attach(nn.Linear(2, 2), ict.select(scores, k=2))
    wide = Selection("attn", ict.select(ict.score(tiny_swin(), DATA), k=2).blocks)
    with pytest.raises(InputError, match=r"the model has blocks 0 to|the model has 24"):
        ict.attach(classifier(), wide)
