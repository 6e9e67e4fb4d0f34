"""What we use of timm's modules, with types; and the one place where a module is taken for one.

To mypy an attribute of an `nn.Module` is a tensor or a module. These classes say which, are never
made, and name nothing that we don't use. They are no protocols, because what takes a block also
hooks it, copies it and lists its parts: it has to be a module.
"""

from collections.abc import Sequence
from typing import Any, cast

from torch import Tensor, nn

from ict.errors import InputError


class TimmAttention(nn.Module):
    """Attention of a block. `q_norm` to `scale` are those of `timm.layers.attention.Attention`."""

    qkv: nn.Linear
    proj: nn.Module
    num_heads: int
    fused_attn: bool
    q_norm: nn.Module
    k_norm: nn.Module
    norm: nn.Module
    attn_drop: nn.Dropout
    proj_drop: nn.Module
    scale: float


class TimmBlock(nn.Module):
    """x + drop_path1(ls1(attn(norm1(x)))), and then the same with an MLP."""

    attn: TimmAttention
    norm1: nn.LayerNorm
    drop_path1: nn.Module


class TimmPatches(nn.Module):
    """How an image becomes patch tokens; (height, width) each. A hybrid has no patch size."""

    img_size: tuple[int, int]
    grid_size: tuple[int, int]
    patch_size: tuple[int, int]


class TimmModel(nn.Module):
    """A transformer for images."""

    patch_embed: TimmPatches
    num_prefix_tokens: int
    num_features: int
    head_hidden_size: int
    pretrained_cfg: dict[str, Any]

    def get_classifier(self) -> nn.Linear:
        raise NotImplementedError

    def reset_classifier(self, classes: int) -> None:
        raise NotImplementedError

    def forward_features(self, images: Tensor) -> Tensor:
        raise NotImplementedError

    def forward_head(self, tokens: Tensor, *, pre_logits: bool = False) -> Tensor:
        raise NotImplementedError


class TimmViT(TimmModel):
    """timm's `VisionTransformer`."""

    blocks: Sequence[TimmBlock]
    norm: nn.Module
    fc_norm: nn.Module
    embed_dim: int


def timm_model(model: nn.Module) -> TimmModel:
    """`model` as one of timm's. Raises InputError for any other."""
    if not callable(getattr(model, "get_classifier", None)):
        raise InputError(
            f"{type(model).__name__} is not a model of timm: it has no get_classifier; make it with timm.create_model"
        )
    return cast(TimmModel, model)


def timm_block(block: nn.Module) -> TimmBlock:
    """`block` as one of a supported model, which `block_stages` has checked by its class."""
    return cast(TimmBlock, block)


def linear_layer(module: nn.Module, what: str) -> nn.Linear:
    """`module`, which has to be a linear layer. Raises TypeError that calls it `what`."""
    if not isinstance(module, nn.Linear):
        raise TypeError(f"{what} is a {type(module).__name__}, not a linear layer")
    return module


def window_size(attention: nn.Module) -> tuple[int, int]:
    """Of Swin's attention: (height, width) in tokens."""
    height, width = cast(Sequence[int], attention.window_size)
    return height, width


def split_attention(module: nn.Module) -> TimmAttention | None:
    """`module` if it can choose between fused attention and the plain one."""
    return cast(TimmAttention, module) if hasattr(module, "fused_attn") else None
