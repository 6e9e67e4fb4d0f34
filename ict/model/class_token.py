"""The last block of a ViT for the class token alone, where nothing else of it is read.

With `global_pool='token'` the head reads one token, so of the last block's T queries, projections
and MLP rows only one matters; keys and values still come from all tokens. The answers are those of
the whole block up to rounding, for 7 % fewer FLOPs of a training step on ViT-B/16. That they are is
tried once in a process for every architecture (`class_token_check`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeGuard

import torch.nn.functional as F
from timm.layers.attention import Attention
from timm.models.vision_transformer import Block, VisionTransformer
from torch import Tensor, nn

from ict.model.class_token_check import said, why_whole
from ict.model.split_qkv import SplitQKV
from ict.model.timm_types import TimmBlock, TimmViT, linear_layer


class ClassTokenAttention(nn.Module):
    """timm's `Attention` with one query: the class token (B, 1, D), against all tokens (B, T, D)."""

    def __init__(self, block: TimmBlock) -> None:
        super().__init__()
        self.attn = block.attn
        self.norm1 = block.norm1
        self.stream: Tensor | None = None

    def narrow(self, _block: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """Pre-hook of the block: keeps all tokens for keys and values, and lets the first one through."""
        self.stream = inputs[0]
        return (inputs[0][:, :1], *inputs[1:])

    def forward(self, token: Tensor, **_no_mask: Any) -> Tensor:
        attn, stream, self.stream = self.attn, self.stream, None
        qkv: nn.Module = attn.qkv
        projected = _project(qkv, token, self.norm1(stream))
        q, k, v = (part.unflatten(-1, (attn.num_heads, -1)).transpose(1, 2) for part in projected)
        q, k = attn.q_norm(q), attn.k_norm(k)
        if attn.fused_attn:
            dropout = attn.attn_drop.p if self.training else 0.0
            mixed = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout)
        else:
            weights = (q * attn.scale @ k.transpose(-2, -1)).softmax(dim=-1)
            mixed = attn.attn_drop(weights) @ v
        mixed = attn.norm(mixed.transpose(1, 2).flatten(2))  # (B, 1, H·d)
        return attn.proj_drop(attn.proj(mixed))


_KNOWN = ("torch", "timm", "ict", "peft")
"""Packages whose modules around the attention treat each token alone; those of others may mix tokens."""


def reads_class_token_alone(model: nn.Module) -> TypeGuard[TimmViT]:
    """True where `last_block_for_class_token` changes nothing but the work: see its conditions."""
    return _is_known(model) and why_whole(model, _narrowed) is None


def class_token_notes(model: nn.Module) -> list[str]:
    """Why a model whose head reads its class token alone computes the last block whole, if it does."""
    why = why_whole(model, _narrowed) if _is_known(model) else None
    return [] if why is None else [said(why)]


def _is_known(model: nn.Module) -> TypeGuard[TimmViT]:
    if not isinstance(model, VisionTransformer) or not isinstance(model.blocks, nn.Sequential):
        return False
    last = model.blocks[-1]
    if type(last) is not Block or type(last.attn) is not Attention:
        return False
    return (
        getattr(last.attn, "gate", None) is None
        and model.global_pool == "token"
        and model.attn_pool is None
        and model.num_prefix_tokens > 0
        and type(last.attn.qkv) in (nn.Linear, SplitQKV)
        and not any(m._forward_hooks or m._forward_pre_hooks for m in last.attn.modules())
        and all(type(m).__module__.partition(".")[0] in _KNOWN for m in last.modules())
    )


@contextmanager
def last_block_for_class_token(model: nn.Module) -> Iterator[None]:
    """Within it, the model's last block computes its class token alone, where that is exact.

    Exact means: timm's plain `Block` and `Attention`, pooling by the class token, no site or hook
    inside the attention, and the same answers as the plain pass in a trial. Sites around it (`attn`,
    `attn_branch`, `mlp_branch`, `block`) see one token, on which they do what they did. Elsewhere the
    model is left alone. The model's modules are put back at the end: what is saved within has other
    names.
    """
    if not reads_class_token_alone(model):
        yield
        return
    with _narrowed(model):
        yield


@contextmanager
def _narrowed(model: TimmViT) -> Iterator[None]:
    block = model.blocks[-1]
    whole, one = block.attn, ClassTokenAttention(block)
    one.train(block.training)
    block.add_module("attn", one)
    hook = block.register_forward_pre_hook(one.narrow, prepend=True)
    try:
        yield
    finally:
        hook.remove()
        block.attn = whole


def _project(qkv: nn.Module, token: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Query of the class token (B, 1, H·d), keys and values of all tokens (B, T, H·d)."""
    if isinstance(qkv, SplitQKV):
        return qkv.q(token), qkv.k(tokens), qkv.v(tokens)
    qkv = linear_layer(qkv, "attn.qkv")
    width = len(qkv.weight) // 3
    bias_q, bias_kv = (None, None) if qkv.bias is None else qkv.bias.tensor_split([width])
    keys, values = F.linear(tokens, qkv.weight[width:], bias_kv).chunk(2, dim=-1)
    return F.linear(token, qkv.weight[:width], bias_q), keys, values
