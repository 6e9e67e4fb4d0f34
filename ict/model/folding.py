"""Folding a trained adapter into the frozen weights: a plain timm checkpoint, nothing added at inference.

Exact where nothing non-linear stands between the layer and the adapter: with γ the
LayerScale, P_R the channels read of D and P_S those written (one set in the paper),

    y = M diag(γ) (W h + b) + s P_S b_a,    M = I + s P_S W_a P_Rᵀ
    (with `scale_on_x`: M = I + (s - 1) P_S P_Sᵀ + P_S W_a P_Rᵀ, bias P_S b_a)

where W_a is divided by the rms of what is read, if the adapter divides by it.

so W' = M diag(γ) W and b' = M diag(γ) b + s P_S b_a, and γ becomes 1.
"""

import torch
from torch import Tensor, nn

from ict.errors import InputError, quoted
from ict.model.adapters import detach
from ict.model.backbones import block_kind, block_stages
from ict.model.channel_adapter import ChannelAdapter
from ict.model.low_rank_folding import joined_qkv
from ict.model.sites import Site, find_site
from ict.model.timm_types import TimmBlock, linear_layer

_LAYERS = {
    "attn_branch": ("attn.proj", "ls1", "gamma_1"),
    "mlp_branch": ("mlp.fc2", "ls2", "gamma_2"),
}
_NORM_AFTER = {
    ("vision_transformer", "ResPostBlock"),
    ("swin_transformer_v2", "SwinTransformerV2Block"),
    ("eva", "EvaBlockPostNorm"),
}
FOLDABLE = ("attn_branch", "mlp_branch", "q", "k", "v")


@torch.no_grad()
def fold(model: nn.Module) -> nn.Module:
    """Folds all adapters of a model into its layers, in place and in float64; gives the plain model.

    Updates of low rank that a run with LoRA put on q and v go into the qkv layers. Raises InputError, saying why and what to use instead, where folding is not exact: the residual
    stream and the block's output, blocks with a norm behind the branch, a q, k, v layer without bias.
    """
    blocks = [block for stage in block_stages(model) for block in stage]
    names = {id(module): name for name, module in model.named_modules()}
    joined = [(block, joined_qkv(block, names[id(block)])) for block in blocks]
    for block, qkv in joined:
        if qkv is not None:
            block.attn.add_module("qkv", qkv)
    adapted = [(block, name, site) for block in blocks for name, site in _adapted(block)]
    for block, name, _ in adapted:
        _check(block, name)
    for block, name, site in adapted:
        _fold_site(block, name, site)
    return detach(model, head="trained")


def _adapted(block: TimmBlock) -> list[tuple[str, Site]]:
    sites = [(name, find_site(block, name)) for name in ("attn", "block", *FOLDABLE)]
    return [(name, site) for name, site in sites if site is not None and site.adapter is not None]


def _check(block: TimmBlock, name: str) -> None:
    if name not in FOLDABLE:
        raise InputError(refusal(name))
    if name in _LAYERS and block_kind(block) in _NORM_AFTER:
        raise InputError(
            f"site {quoted(name)} of {type(block).__name__} cannot be folded: a norm stands between the layer and "
            "the adapter; keep the adapter and load the run with ict.load"
        )
    if name in ("q", "k", "v") and block.attn.qkv.bias is None:
        raise InputError(
            f"site {quoted(name)} cannot be folded: this backbone's qkv layer has no bias to add to"
        )


def refusal(site: str) -> str:
    return (
        f"site {quoted(site)} cannot be folded: it tunes the residual stream, which the skip connection carries "
        "past every layer; train at attn_branch, mlp_branch, q, k or v to get a plain checkpoint"
    )


def _fold_site(block: TimmBlock, name: str, site: Site) -> None:
    adapter = site.adapter
    if not isinstance(adapter, ChannelAdapter):
        raise TypeError(f"{type(adapter).__name__} is not a channel adapter")
    if name in _LAYERS:
        path, scale_name, gamma_name = _LAYERS[name]
        layer = linear_layer(block.get_submodule(path), path)
        gamma = _take_layer_scale(block, scale_name, gamma_name)
        rows = slice(None)
    else:
        layer, gamma = block.attn.qkv, None
        start = "qkv".index(name) * adapter.width
        rows = slice(start, start + adapter.width)
    matrix, shift = _affine(adapter)
    weight, bias = layer.weight[rows].double(), layer.bias[rows].double()
    if gamma is not None:
        weight, bias = gamma[:, None] * weight, gamma * bias
    layer.weight[rows] = (matrix @ weight).to(layer.weight.dtype)
    layer.bias[rows] = (matrix @ bias + shift).to(layer.bias.dtype)


def _affine(adapter: ChannelAdapter) -> tuple[Tensor, Tensor]:
    """M (D, D) and the shift (D,) of y = M x + shift, in float64."""
    matrix = torch.eye(adapter.width, dtype=torch.float64)
    shift = torch.zeros(adapter.width, dtype=torch.float64)
    read, written = adapter.indices, adapter.written
    own = adapter.weight.double()
    if adapter.rms is not None:
        own = own / adapter.rms.double()
    s = adapter.scale
    if adapter.scale_on_x:
        matrix[written, written] = s
        matrix[written[:, None], read] += own
        shift[written] = adapter.bias.double()
    else:
        matrix[written[:, None], read] += s * own
        shift[written] = s * adapter.bias.double()
    return matrix, shift


def _take_layer_scale(block: TimmBlock, module_name: str, parameter_name: str) -> Tensor | None:
    """γ of the branch, left behind as ones; None where there is none."""
    module = getattr(block, module_name, None)
    parameter = getattr(module, "gamma", None)
    if parameter is None:
        parameter = getattr(block, parameter_name, None)
    if parameter is None:
        return None
    gamma = parameter.detach().double().clone()
    parameter.fill_(1.0)
    return gamma
