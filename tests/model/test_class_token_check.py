"""The pass for the class token alone is taken only where it was seen to answer as the plain one."""

import pytest
import timm
import torch
from timm.layers.attention import Attention
from timm.models.vision_transformer import Block, VisionTransformer
from torch import nn

import ict
from ict.model import class_token_check
from ict.model.class_token import (
    class_token_notes,
    last_block_for_class_token,
    reads_class_token_alone,
)
from tests.model.test_families import build, random_selection
from tests.tiny_models import tiny_vit


@pytest.fixture(autouse=True)
def a_fresh_process(monkeypatch):
    monkeypatch.setattr(class_token_check, "_found", {})


def pixels():
    return torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(4))


def answers_plainly(model):
    whole = model(pixels())
    with last_block_for_class_token(model):
        return torch.equal(model(pixels()), whole)


class OtherAttention(Attention):
    def forward(self, x, **_):
        return super().forward(x) + x.mean(dim=1, keepdim=True)


def test_a_variant_of_attention_is_left_alone():
    model = tiny_vit()
    model.blocks[-1].attn.__class__ = OtherAttention
    assert not reads_class_token_alone(model)
    assert answers_plainly(model)


def sharper(self, x, **_):
    queries, rest = self.qkv.weight.split([24, 48])
    self.qkv.weight.data = torch.cat([2 * queries, rest])
    try:
        return ATTENTION(self, x)
    finally:
        self.qkv.weight.data = torch.cat([queries, rest])


ATTENTION, BLOCK, HEAD = Attention.forward, Block.forward, VisionTransformer.forward_head


def mixing(self, x, **options):
    out = BLOCK(self, x, **options)
    return out + 0.01 * out.mean(dim=1, keepdim=True)


def reading_two(self, x, pre_logits=False):
    return HEAD(self, x, pre_logits) + x[:, 1]


@pytest.mark.parametrize(
    ("place", "formula", "why"),
    [
        ((Attention, "forward"), sharper, "differs by"),
        ((Block, "forward"), mixing, "differs by"),
        ((VisionTransformer, "forward_head"), reading_two, "cannot be tried (IndexError"),
    ],
)
def test_another_formula_of_timms_own_is_found(place, formula, why, monkeypatch, caplog):
    assert reads_class_token_alone(tiny_vit())
    monkeypatch.setattr(*place, formula)
    model = tiny_vit()
    assert not reads_class_token_alone(model)
    assert answers_plainly(model)
    (note,) = class_token_notes(model)
    assert note.startswith("the last block is computed for all tokens, which is slower: ")
    assert why in note
    assert [record.getMessage() for record in caplog.records] == [f"VisionTransformer: {note}"]


def test_an_attention_without_what_is_read_of_it_is_found(monkeypatch):
    """As where timm gives a thing another name."""
    model = tiny_vit()
    attn = model.blocks[-1].attn
    plain, attn._modules["norm_of_q"] = attn.q_norm, attn._modules.pop("q_norm")
    monkeypatch.setattr(Attention, "forward", lambda self, x, **_: plain(self.proj(x)))
    assert "AttributeError" in class_token_notes(model)[0]


class Subclass(VisionTransformer):
    def pool(self, x, pool_type=None):
        return x.mean(dim=1)


def test_a_class_with_a_method_of_its_own_is_left_alone():
    model = tiny_vit()
    model.__class__ = Subclass
    assert answers_plainly(model)
    assert class_token_notes(model)[0].endswith("Subclass has a pool of its own")
    distilled = timm.create_model(
        "deit_tiny_distilled_patch16_224", img_size=32, embed_dim=24, depth=1, num_heads=2
    ).eval()
    assert answers_plainly(distilled)


def test_a_method_of_the_model_or_the_block_itself_counts_too():
    model, other = tiny_vit(), tiny_vit()
    model.forward_head = lambda x, pre_logits=False: x.mean(dim=1)
    assert answers_plainly(model)
    attn = other.blocks[-1].attn
    attn.forward = lambda x, **_: 2 * x
    assert answers_plainly(other)


def test_a_hook_inside_the_attention_sees_all_tokens():
    model, seen = tiny_vit(), []
    model.blocks[-1].attn.proj.register_forward_hook(lambda _m, _i, out: seen.append(out.shape[1]))
    with last_block_for_class_token(model):
        model(pixels())
    assert seen == [17]


def test_one_trial_an_architecture_whatever_the_weights(monkeypatch):
    trials = []
    difference = class_token_check._difference

    def counted(model, narrowed):
        trials.append(model)
        return difference(model, narrowed)

    monkeypatch.setattr(class_token_check, "_difference", counted)
    first, second, diverged, deeper, other = (
        tiny_vit(), tiny_vit(), tiny_vit(), tiny_vit(depth=5), tiny_vit(qk_norm=True),
    )  # fmt: skip
    nn.init.constant_(diverged.blocks[-1].attn.qkv.weight, float("nan"))
    for model in (diverged, first, second, deeper, first, other):
        assert reads_class_token_alone(model)
    assert trials == [diverged, other]


@pytest.mark.parametrize("site", ["attn", "attn_branch", "mlp_branch", "block"])
def test_nothing_of_the_model_or_of_chance_is_changed_and_no_hook_called(site):
    model, _ = build("vit")
    ict.attach(model, random_selection(model, site), seed=1)
    model.train()
    called = []
    for module in (model, model.norm, model.blocks[-1], model.blocks[-1].mlp, model.head):
        module.register_forward_hook(lambda *_: called.append(1))
        module.register_forward_pre_hook(lambda *_: called.append(1))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(11)
    random_state = torch.get_rng_state()
    with torch.autocast("cpu", torch.bfloat16), torch.inference_mode():
        assert reads_class_token_alone(model)
    assert torch.equal(torch.get_rng_state(), random_state)
    assert called == []
    assert all(module.training for module in model.modules())
    assert all(torch.equal(model.state_dict()[name], value) for name, value in before.items())
