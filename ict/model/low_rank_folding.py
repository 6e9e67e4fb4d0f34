"""Folding updates of low rank (LoRA) into the layer that they stand beside: W' = W + s B A, in float64.

In evaluation PEFT's layer computes W x + b + s B A x: dropout stands before A in training alone, so the
sum is exact for every layer of the plain kind, with s = alpha / r (arXiv 2106.09685, section 4.1).
"""

import torch
from torch import Tensor, nn

from ict.errors import InputError
from ict.model.split_qkv import SplitQKV
from ict.model.timm_types import TimmBlock, linear_layer


@torch.no_grad()
def joined_qkv(block: TimmBlock, name: str) -> nn.Linear | None:
    """timm's fused qkv layer with updates added, where `SplitQKV` stands in the block; else None.

    `name` is the block's in its model. Raises InputError, saying where, for an update that is no sum.
    """
    split: nn.Module = block.attn.qkv
    if not isinstance(split, SplitQKV):
        return None
    parts = [_plain(getattr(split, one), f"{name}.attn.qkv.{one}") for one in "qkv"]
    weight = torch.cat([weight for weight, _ in parts])
    biases = [bias for _, bias in parts if bias is not None]
    fused = nn.Linear(weight.shape[1], len(weight), bias=bool(biases), device="meta")
    fused.weight = nn.Parameter(weight)
    if biases:
        fused.bias = nn.Parameter(torch.cat(biases))
    return fused.train(split.training)


def _plain(layer: nn.Module, where: str) -> tuple[Tensor, Tensor | None]:
    """Weight (out, in) and bias (out,) of a layer with its update added."""
    if isinstance(layer, nn.Linear):
        return layer.weight, layer.bias
    from peft.tuners.lora import Linear

    if not isinstance(layer, Linear):
        raise InputError(f"{where} cannot be folded: {type(layer).__name__} is no layer with LoRA")
    _check_is_sum(layer, where)
    base = linear_layer(layer.get_base_layer(), where)
    if layer.merged:  # PEFT has added it
        return base.weight, base.bias
    (active,) = layer.active_adapters
    a, b = layer.lora_A[active].weight.double(), layer.lora_B[active].weight.double()
    weight = base.weight.double() + layer.scaling[active] * b @ a
    return weight.to(base.weight.dtype), base.bias


def _check_is_sum(layer: nn.Module, where: str) -> None:
    """Raises InputError unless the layer computes W x + b + s B A x with one update."""
    active = list(layer.active_adapters)  # type: ignore[arg-type]  # PEFT's property
    wrong = None
    if len(active) != 1:
        wrong = f"{len(active)} updates are active there, and one is expected"
    elif active[0] in getattr(layer, "lora_variant", {}):
        wrong = "its update is a variant of LoRA (such as DoRA) that is no sum of matrices"
    elif getattr(layer, "lora_bias", {}).get(active[0]):  # type: ignore[union-attr]  # PEFT's dict
        wrong = "its update has a bias of its own"
    elif getattr(layer, "disable_adapters", False):
        wrong = "its update is switched off"
    if wrong:
        raise InputError(
            f"{where} cannot be folded: {wrong}; keep the update, or let PEFT merge it"
        )
