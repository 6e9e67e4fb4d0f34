"""timm's fused query, key and value projection, taken apart."""

import torch
from torch import Tensor, nn


class SplitQKV(nn.Module):
    """timm's fused `qkv` layer as three, so that PEFT can reach q and v alone. Same numbers."""

    q: nn.Linear
    k: nn.Linear
    v: nn.Linear

    def __init__(self, fused: nn.Linear) -> None:
        super().__init__()
        bias = fused.bias is not None
        for place, weight in zip("qkv", fused.weight.chunk(3), strict=True):
            layer = nn.Linear(fused.in_features, len(weight), bias=bias)
            layer.weight = nn.Parameter(weight.detach().clone())
            setattr(self, place, layer)
        if bias:
            for place, part in zip("qkv", fused.bias.chunk(3), strict=True):
                getattr(self, place).bias = nn.Parameter(part.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([getattr(self, place)(x) for place in "qkv"], dim=-1)
