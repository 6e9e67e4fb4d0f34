"""Weights of the layer that reads a channel, times how strongly it is read.

weight_norm    Σ_j |W_jc| · ‖h_c‖₂      after Wanda, arXiv 2306.11695

W is the linear layer that consumes the site, h its actual input (after LayerNorm at residual sites),
the norm over images and tokens:

    attn    the MLP's first layer(s) of the same block
    block   q, k and v of the next block; behind a Swin stage the layer that merges patches; behind
            the last block a cross-fitted linear probe on the pooled features
    v       attn.proj, which reads the values after attention has mixed them

q and k meet each other and branch outputs meet the stream, no linear layer: refused.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from ict.criteria import Computed, Request
from ict.errors import InputError, quoted
from ict.model.backbones import block_stages, pooled_features
from ict.scoring.heads import cross_fit
from ict.scoring.reading import Meter, choose_tokens

if TYPE_CHECKING:
    from ict.criteria import Batches

SITES = ("attn", "block", "v")
_FIRST = re.compile(r"fc1|w1|w12")


@dataclass
class Reader:
    """A module whose input is h, and Σ_j |W_jc| (D,), (G·D,) for G merged patches, or None: the head."""

    module: nn.Module
    weights: Tensor | None
    squares: Tensor | None = None  # like weights: Σ h²

    def add(self, h: Tensor) -> None:
        """Adds the scored tokens of a batch, (B, T, D)."""
        energy = h.double().square().sum(dim=(0, 1))
        self.squares = energy if self.squares is None else self.squares + energy

    def score(self, width: int) -> np.ndarray:
        """(D,) of a block of that width; merged patches add up."""
        assert self.weights is not None
        assert self.squares is not None
        product = self.weights.double() * self.squares.sqrt().to(self.weights.device)
        return product.view(-1, width).sum(dim=0).float().cpu().numpy()


@torch.inference_mode()
def compute(name: str, model: nn.Module, batches: "Batches", request: Request) -> Computed:
    """Scores all sites asked for. Raises InputError for a site that no linear layer reads."""
    readers = {site: _readers(model, site) for site in request.sites}
    flat = [r for stages in readers.values() for stage in stages for r in stage]
    needs_head = any(reader.weights is None for reader in flat)
    meter = Meter(request.progress, (2 if needs_head else 1) * request.images)
    meta: dict[str, Any] = {}
    if needs_head:
        with torch.inference_mode(mode=False):
            heads = cross_fit(model, batches, classes=request.classes, kind="probe", meter=meter)
        for reader in flat:
            if reader.weights is None:
                reader.weights = heads.weight.abs().sum(dim=1).mean(dim=0)
        meta = {"last_block_reader": "cross-fitted linear probe", **heads.meta}
    handles = [r.module.register_forward_pre_hook(_adder(r, model, request.tokens)) for r in flat]
    try:
        seen: list[Tensor] = []
        for images, labels in batches():
            pooled_features(model, images)
            seen.append(labels.cpu())
            meter.add(len(labels))
    finally:
        for handle in handles:
            handle.remove()
    if not seen:
        raise InputError("there are no images to score")
    stages: list[list[Any]] = block_stages(model)
    widths = [int(stage[0].norm1.weight.shape[0]) for stage in stages]
    return Computed(
        {
            f"{site}.{stage}": np.stack([reader.score(width) for reader in blocks])
            for site, rows in readers.items()
            for stage, (blocks, width) in enumerate(zip(rows, widths, strict=True))
        },
        meta,
        torch.cat(seen).numpy() if request.keep_images else None,
    )


def _adder(reader: Reader, model: nn.Module, tokens: str) -> Callable[..., None]:
    def add(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        h = inputs[0]
        reader.add(h[:, None] if h.ndim == 2 else choose_tokens(h, model, tokens))

    return add


def _readers(model: nn.Module, site: str) -> list[list[Reader]]:
    """Who reads the site, [stage][block]."""
    if site not in SITES:
        raise InputError(
            f"weight_norm: no linear layer reads site {quoted(site)} alone; choose {', '.join(SITES[:-1])} or v"
        )
    stages: list[list[Any]] = block_stages(model)
    if site == "attn":
        return [[_mlp(block) for block in stage] for stage in stages]
    if site == "v":
        return [
            [Reader(b.attn.proj, _magnitude([b.attn.proj.weight])) for b in stage]
            for stage in stages
        ]
    readers = [[_attention(block) for block in stage[1:]] for stage in stages]
    for stage_readers, following in zip(readers, [*model_stages(model)[1:], None], strict=True):
        if following is None:
            stage_readers.append(_head(model))
        else:
            reduction = following.downsample.reduction
            stage_readers.append(Reader(reduction, _magnitude([reduction.weight])))
    return readers


def model_stages(model: nn.Module) -> list[Any]:
    """Swin's stages, of which all but the first begin by merging patches; a ViT is one stage."""
    layers = getattr(model, "layers", None)
    return list(layers) if isinstance(layers, nn.ModuleList | nn.Sequential) else [model]


def _mlp(block: Any) -> Reader:
    first = [
        m.weight
        for n, m in block.mlp.named_children()
        if _FIRST.match(n) and isinstance(m, nn.Linear)
    ]
    if not first:
        raise InputError(
            f"weight_norm: the MLP {type(block.mlp).__name__} has no first linear layer"
        )
    return Reader(block.mlp, _magnitude(first))


def _attention(block: Any) -> Reader:
    attention = block.attn
    if isinstance(getattr(attention, "qkv", None), nn.Linear):
        return Reader(attention, _magnitude([attention.qkv.weight]))
    return Reader(
        attention,
        _magnitude([attention.q_proj.weight, attention.k_proj.weight, attention.v_proj.weight]),
    )


def _head(model: nn.Module) -> Reader:
    """Reads the pooled features; `head_drop` of a ViT and `head.drop` of a Swin are called with them."""
    drop = getattr(model, "head_drop", None) or getattr(getattr(model, "head", None), "drop", None)
    if not isinstance(drop, nn.Module):
        raise InputError(
            f"weight_norm at site 'block': the head of {type(model).__name__} is not known"
        )
    return Reader(drop, None)


def _magnitude(weights: list[Tensor]) -> Tensor:
    """Σ_j |W_jc| over the rows of all layers that read c."""
    return torch.stack([weight.detach().abs().sum(dim=0) for weight in weights]).sum(dim=0)
