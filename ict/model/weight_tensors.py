"""Tensors of other libraries in the shapes that timm gives them."""

import re
from math import isqrt
from typing import Any

import torch
from torch import Tensor, nn

from ict.model.weight_names import Rule, State, rename

# Computed from sizes alone (or, for the last two, of no effect): never needed from a file.
GEOMETRY = re.compile(
    r"(^|\.)(relative_position_index|relative_coords_table|attn_mask|"
    r"rope\w*\.(freqs_cos|freqs_sin|periods|bands|pos_embed\w*)|"
    r"attn\.rope\.(freqs_cos|freqs_sin)|qkv\.bias_mask|num_batches_tracked)$"
)


def to_model(state: State, model: nn.Module) -> State:
    """timm's names in the variant that `model` has: attention, LayerScale, tokens, gates, tables."""
    model_keys = model.state_dict().keys()
    state = {name: tensor for name, tensor in state.items() if not GEOMETRY.search(name)}
    for step in (_unchunk, _layer_scale, _gates, _attention, _shared_bias, _tokens):
        state = step(state, model)
    return {
        k: _reshaped(t, model.get_parameter(k)) if k in model_keys and _is_token(k) else t
        for k, t in state.items()
    }


def _unchunk(state: State, model: nn.Module) -> State:
    """DINOv2 trains its blocks in chunks: `blocks.CHUNK.BLOCK.` with BLOCK counted over all."""
    return rename(state, ((r"^blocks\.\d+\.(\d+)\.", r"blocks.\1."),))


def _layer_scale(state: State, model: nn.Module) -> State:
    names = model.state_dict().keys()
    if any(name.endswith(".ls1.gamma") for name in names):
        return rename(state, ((r"\bgamma_(\d)$", r"ls\1.gamma"),))
    if any(name.endswith(".gamma_1") for name in names):
        return rename(state, ((r"\bls(\d)\.gamma$", r"gamma_\1"),))
    return state


def _gates(state: State, model: nn.Module) -> State:
    """SwiGLU: DINOv2's fused w12 and w3, EVA's w1, w2, w3; norms inside attention and MLP."""
    rules: tuple[Rule, ...] = (
        (r"\bmlp\.w12\.", "mlp.fc1."),
        (r"\bmlp\.w1\.", "mlp.fc1_g."),
        (r"\bmlp\.w2\.", "mlp.fc1_x."),
        (r"\bmlp\.w3\.", "mlp.fc2."),
        (r"\bmlp\.ffn_ln\.", "mlp.norm."),
        (r"\battn\.inner_attn_ln\.", "attn.norm."),
    )
    return rename(state, rules)


def _attention(state: State, model: nn.Module) -> State:
    """q, k, v in one matrix or in three, with a bias of one piece, of q and v, or of none.

    A key's bias adds the same to all logits of a query, so that the softmax does not see it: where
    the model has no place for it, it is dropped, and where it is missing, it is 0. Attention that
    normalises its keys is not touched.
    """
    model_keys = model.state_dict().keys()
    state = rename(state, ((r"\battn\.([qkv])_bias$", r"attn.\1_proj.bias"),))
    places = {
        name.rpartition("attn.")[0] + "attn."
        for name in state
        if re.search(r"blocks\.\d+\.attn\.", name)
    }
    for place in places:
        _one_attention(state, model_keys, place)
    return state


def _one_attention(state: State, wanted: Any, place: str) -> None:
    parts = [f"{place}{letter}_proj" for letter in "qkv"]
    normed = f"{place}k_norm.weight" in wanted or f"{place}logit_scale" in wanted
    fused = state.pop(f"{place}qkv.bias", None)
    if fused is not None:
        state |= {f"{part}.bias": own for part, own in zip(parts, fused.chunk(3), strict=True)}
    weight = state.get(f"{place}qkv.weight")
    if weight is not None and f"{place}q_proj.weight" in wanted:
        del state[f"{place}qkv.weight"]
        state |= {f"{part}.weight": own for part, own in zip(parts, weight.chunk(3), strict=True)}
    elif f"{place}qkv.weight" in wanted and all(f"{part}.weight" in state for part in parts):
        state[f"{place}qkv.weight"] = torch.cat([state.pop(f"{part}.weight") for part in parts])
    q, k, v = (state.pop(f"{part}.bias", None) for part in parts)
    if q is not None and v is not None and f"{place}qkv.bias" in wanted:
        k = torch.zeros_like(q) if k is None else k
        state[f"{place}qkv.bias"] = torch.cat([q, k, v])
        return
    style = "{}_bias" if f"{place}q_bias" in wanted else "{}_proj.bias"
    own = {"q": q, "k": k, "v": v}
    for letter, bias in own.items():
        name = place + style.format(letter)
        if bias is not None and (name in wanted or letter != "k" or normed):
            state[name] = bias


def _shared_bias(state: State, model: nn.Module) -> State:
    """BEiT pre-trains with one table of relative positions, fine-tunes with one a block."""
    shared = state.get("rel_pos_bias.relative_position_bias_table")
    own = [n for n in model.state_dict() if n.endswith("attn.relative_position_bias_table")]
    if shared is None or not own or any(name in state for name in own):
        return state
    kept = {name: tensor for name, tensor in state.items() if not name.startswith("rel_pos_bias.")}
    return {**kept, **{name: shared.clone() for name in own}}


def _tokens(state: State, model: nn.Module) -> State:
    """A class token's own position is added to it where the model embeds patches alone (registers)."""
    position, token = state.get("pos_embed"), state.get("cls_token")
    if position is None:
        return state
    if position.ndim == 2:
        position = position[None]
    if getattr(model, "no_embed_class", False) and token is not None and position.ndim == 3:
        length = position.shape[1]
        if isqrt(length) ** 2 != length and isqrt(length - 1) ** 2 == length - 1:
            state = {**state, "cls_token": token.reshape(1, 1, -1) + position[:, :1]}
            position = position[:, 1:]
    return {**state, "pos_embed": position}


def _is_token(name: str) -> bool:
    return name in ("cls_token", "reg_token", "attn_pool.latent")


def _reshaped(tensor: Tensor, like: Tensor) -> Tensor:
    return tensor.reshape(like.shape) if tensor.numel() == like.numel() else tensor
