"""Folded LoRA: the layers of plain timm, W + s B A by hand, and logits as before."""

from typing import Any

import pytest
import torch
from peft import LoraConfig, inject_adapter_in_model
from torch import Tensor, nn

from ict.config import resolve
from ict.errors import InputError
from ict.methods.lora.tuning import prepare
from ict.model.backbones import block_stages
from ict.model.folding import fold
from ict.model.split_qkv import SplitQKV
from tests.tiny_models import tiny_swin, tiny_vit

RANK = 4


def vit(*, bias: bool = True) -> nn.Module:
    return tiny_vit(num_classes=5, qkv_bias=bias)


def swin() -> nn.Module:
    model = tiny_swin()
    model.reset_classifier(5)
    return model.eval()


def without_bias() -> nn.Module:
    return vit(bias=False)


def trained(model: nn.Module) -> nn.Module:
    """The model of a run with LoRA, its updates drawn as large as the weights."""
    asked = {"task": "digits", "method": "lora", "lora_rank": RANK}
    prepare(model, resolve(asked, weights="none").config, None)
    return grown(model)


def grown(model: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".lora_" in name:
                parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def wrapped(**settings: Any) -> nn.Module:
    """A ViT with PEFT's layers of other settings than ours."""
    model = vit()
    for stage in block_stages(model):
        for block in stage:
            block.attn.add_module("qkv", SplitQKV(block.attn.qkv))
    lora = LoraConfig(r=RANK, target_modules=r".*\.attn\.qkv\.[qv]", **settings)
    inject_adapter_in_model(lora, model)
    return grown(model)


@torch.inference_mode()
def logits(model: nn.Module) -> Tensor:
    images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    return model(images)


@pytest.mark.parametrize("build", [vit, without_bias, swin])
def test_folded_lora_is_plain_timm_with_the_same_logits(build: Any) -> None:
    model = trained(build())
    tuned = logits(model)
    assert (tuned - logits(build())).abs().max() > 0.05
    plain = build()
    plain.load_state_dict(fold(model).state_dict())  # the same keys and shapes
    torch.testing.assert_close(logits(plain), tuned, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(logits(model), tuned, rtol=1e-5, atol=1e-5)
    assert not any("lora" in name or ".q." in name for name, _ in model.named_modules())


def test_q_and_v_get_the_scaled_product_and_k_nothing() -> None:
    model = wrapped(lora_alpha=3 * RANK)
    layer = model.get_submodule("blocks.1.attn.qkv.v")
    update = layer.lora_B["default"].weight @ layer.lora_A["default"].weight
    before = vit().state_dict()["blocks.1.attn.qkv.weight"].chunk(3)
    q, k, v = fold(model).state_dict()["blocks.1.attn.qkv.weight"].chunk(3)
    torch.testing.assert_close(v, before[2] + 3 * update)
    assert torch.equal(k, before[1])
    assert not torch.equal(q, before[0])


def test_dropout_is_of_training_alone() -> None:
    model = wrapped(lora_dropout=0.5)
    tuned = logits(model)
    torch.testing.assert_close(logits(fold(model)), tuned, rtol=1e-5, atol=1e-5)


def test_what_peft_has_merged_is_not_added_twice() -> None:
    model = wrapped()
    tuned = logits(model)
    for module in model.modules():
        if hasattr(module, "lora_A"):
            module.merge()
    torch.testing.assert_close(logits(fold(model)), tuned, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [({"use_dora": True}, "a variant of LoRA"), ({"lora_bias": True}, "a bias of its own")],
)
def test_what_is_no_sum_is_refused_with_its_place(settings: dict[str, bool], reason: str) -> None:
    with pytest.raises(InputError, match=rf"^blocks\.0\.attn\.qkv\.q cannot be folded.*{reason}"):
        fold(wrapped(**settings))


def test_a_refused_model_is_left_as_it_was() -> None:
    model = wrapped()
    last = model.get_submodule("blocks.2.attn.qkv.v")
    last.enable_adapters(False)
    with pytest.raises(InputError, match=r"^blocks\.2\.attn\.qkv\.v .* is switched off"):
        fold(model)
    assert isinstance(model.get_submodule("blocks.0.attn.qkv"), SplitQKV)
