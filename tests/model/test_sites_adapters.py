"""Sites and adapters on a live block: exactness, copies, gradients, and what is left behind."""

import copy
import pickle

import pytest
import torch
from timm.models._manipulate import checkpoint_seq
from torch import nn

import ict
from ict.errors import InputError
from ict.model.adapters import adapters, detach
from ict.model.sites import SITES, open_sites
from ict.scoring.reading import read_taps
from ict.selection import BlockSelection, Selection
from tests.tiny_models import images_of, split, tiny_eva, tiny_swin, tiny_vit

IMAGES, LABELS = images_of(per_class=2)
FAMILIES = {"vit": tiny_vit, "swin": tiny_swin, "eva": tiny_eva}
PLACES = [(name, site) for name in FAMILIES for site in SITES if name != "eva" or site not in "qkv"]


def some_channels(model: nn.Module, site: str, k: int = 5) -> Selection:
    stages = [model.blocks] if hasattr(model, "blocks") else [s.blocks for s in model.layers]
    blocks = []
    for stage, members in enumerate(stages):
        for block in members:
            width = block.norm1.weight.shape[0]
            chosen = tuple(sorted((7 * i + len(blocks)) % width for i in range(k)))
            blocks.append(BlockSelection(stage, len(blocks), width, chosen))
    return Selection(site, tuple(blocks))


def pictures(name: str) -> torch.Tensor:
    return IMAGES[..., :28, :28] if name == "eva" else IMAGES


def hooks(model: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


@pytest.mark.parametrize(("name", "site"), PLACES)
def test_a_zero_adapter_changes_no_bit_and_detach_leaves_no_trace(name, site):
    model = FAMILIES[name]()
    x = pictures(name)
    keys, before = list(model.state_dict()), hooks(model)
    modules = [type(m) for m in model.modules()]
    with torch.no_grad():
        expected = model(x)
        ict.attach(model, some_channels(model, site), init="zero")
        assert torch.equal(model(x), expected)
        assert [key for key in model.state_dict() if "adapter" not in key] == keys
        for adapter in adapters(model).values():
            adapter.bias.fill_(1.0)
        assert not torch.allclose(model(x), expected)  # it is in the way of every image
        detach(model)
        assert torch.equal(model(x), expected)
    assert list(model.state_dict()) == keys
    assert hooks(model) == before
    assert [type(m) for m in model.modules()] == modules


@pytest.mark.parametrize("site", SITES)
def test_copies_and_pickles_carry_their_own_adapters(site):
    model = ict.attach(tiny_vit(), some_channels(tiny_vit(), site))
    with torch.no_grad():
        expected = model(IMAGES)
        for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            assert torch.equal(twin(IMAGES), expected)
            for adapter in adapters(twin).values():
                adapter.weight.add_(1.0)  # a bias on all keys alike would fall out of the softmax
            assert not torch.allclose(twin(IMAGES), expected)
            detach(twin)
            assert torch.equal(twin(IMAGES), tiny_vit()(IMAGES))
        assert torch.equal(model(IMAGES), expected)


@pytest.mark.parametrize("site", ["attn", "attn_branch", "mlp_branch", "block"])
@pytest.mark.parametrize("scale_on_x", [False, True])
def test_values_and_gradients_equal_the_restated_lines(site, scale_on_x):
    model = tiny_vit()
    chosen = some_channels(model, site)
    ict.attach(model, chosen, scale=0.5, scale_on_x=scale_on_x, seed=3)
    mine = list(adapters(model).values())
    found = model(IMAGES)
    gradients = torch.autograd.grad(found.square().sum(), [a.weight for a in mine])
    plain = tiny_vit()
    weights = [a.weight.detach().clone().requires_grad_() for a in mine]

    def tuned(x: torch.Tensor, b: int) -> torch.Tensor:
        S = torch.tensor(chosen.blocks[b].indices)
        linear = x[..., S] @ weights[b].T + mine[b].bias.detach()
        y = x.clone()
        y[..., S] = 0.5 * x[..., S] + linear if scale_on_x else x[..., S] + 0.5 * linear
        return y

    x = plain._pos_embed(plain.patch_embed(IMAGES))
    for b, block in enumerate(plain.blocks):
        branch = block.attn(block.norm1(x))
        x = x + (tuned(branch, b) if site == "attn_branch" else branch)
        x = tuned(x, b) if site == "attn" else x
        branch = block.mlp(block.norm2(x))
        x = x + (tuned(branch, b) if site == "mlp_branch" else branch)
        x = tuned(x, b) if site == "block" else x
    expected = plain.norm(x)[:, 0]
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-5)
    for g, e in zip(gradients, torch.autograd.grad(expected.square().sum(), weights), strict=True):
        assert (g - e).abs().max() <= 1e-4 * e.abs().max()


@pytest.mark.parametrize("site", SITES)
def test_gradient_checkpointing_gives_the_same_gradients(site):
    gradients = []
    for checkpointed in (False, True):
        model = ict.attach(tiny_vit(), some_channels(tiny_vit(), site))
        model.set_grad_checkpointing(checkpointed)
        model.train()
        model(IMAGES).square().sum().backward()
        gradients.append([a.weight.grad for a in adapters(model).values()])
    assert checkpoint_seq  # what timm uses
    for one, other in zip(*gradients, strict=True):
        assert torch.equal(one, other)


def test_reading_leaves_an_adapted_model_as_it_was():
    model = ict.attach(tiny_vit(), some_channels(tiny_vit(), "attn"))
    before = hooks(model)
    with torch.no_grad():
        expected = model(IMAGES)
        for _ in read_taps(model, split(IMAGES, LABELS, 3), ("attn", "mlp_branch", "q", "block")):
            pass
        assert torch.equal(model(IMAGES), expected)
    assert hooks(model) == before
    assert len(adapters(model)) == 3


def test_sites_close_when_the_reader_fails():
    model = tiny_vit()
    before = hooks(model)
    with pytest.raises(ZeroDivisionError), open_sites(model, SITES, whole_stream=True):
        1 / 0  # noqa: B018
    assert hooks(model) == before
    assert not any("ict" in name for name, _ in model.named_modules())


@pytest.mark.parametrize("site", ["q", "k", "v"])
def test_qkv_of_a_family_that_uses_the_weight_directly_is_refused(site):
    with (
        pytest.raises(InputError, match="uses its qkv weight directly"),
        open_sites(tiny_eva(), (site,)),
    ):
        pass


def test_detach_makes_trainable_what_was_trainable():
    model = tiny_vit()
    model.patch_embed.requires_grad_(False)
    before = {name: p.requires_grad for name, p in model.named_parameters()}
    ict.attach(model, some_channels(model, "attn"))
    assert sum(p.requires_grad for p in model.parameters()) < sum(before.values())
    detach(copy.deepcopy(model))
    detach(model)
    assert {name: p.requires_grad for name, p in model.named_parameters()} == before


def test_attach_and_score_say_what_they_need():
    images, labels = IMAGES, torch.zeros(len(IMAGES), dtype=torch.int64)
    with pytest.raises(InputError, match="needs a Selection"):
        ict.attach(tiny_vit(), [1, 2])
    for data, sentence in (
        ([], "holds no batch"),
        ([images], "must be a pair"),
        ([(images, labels - 1)], "labels from -1 to -1"),
    ):
        with pytest.raises(InputError, match=sentence):
            ict.score(tiny_vit(), data)
    with pytest.raises(InputError, match="not finite"):
        ict.score(tiny_vit(), [(images * float("nan"), labels)])
    with pytest.raises(InputError, match="needs a timm model, not str"):
        ict.score("vit", [(images, labels)])
    with pytest.raises(InputError, match="give a whole number"):
        ict.select(ict.score(tiny_vit(), [(images, labels)]), k=2.5)
