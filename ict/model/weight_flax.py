"""Google's arrays (Flax, big_vision): their names and axes to timm's."""

import re

import torch
from torch import Tensor, nn

from ict.model.weight_names import Rule, State, rename

_FLAX: tuple[Rule, ...] = (
    (r"^embedding/", "patch_embed.proj/"),
    (r"^cls$", "cls_token"),
    (r"^(Transformer/posembed_input/)?pos_embedding$", "pos_embed"),
    (r"^Transformer/encoder_norm/", "norm/"),
    (r"^Transformer/encoderblock_(\d+)/", r"blocks.\1."),
    (r"\bMlpBlock_\d/Dense_0/", "mlp.fc1/"),
    (r"\bMlpBlock_\d/Dense_1/", "mlp.fc2/"),
    (r"^MAPHead_0/LayerNorm_0/", "attn_pool.norm/"),
    (r"^MAPHead_0/probe$", "attn_pool.latent"),
    (r"^MAPHead_0/", "attn_pool."),
    (r"\bLayerNorm_0/", "norm1/"),
    (r"\bLayerNorm_[12]/", "norm2/"),
    (
        r"^attn_pool\.MultiHeadDotProductAttention_\d/(query|key|value)/",
        lambda m: f"attn_pool.{m[1][0]}/",
    ),
    (r"^attn_pool\.MultiHeadDotProductAttention_\d/out/", "attn_pool.proj/"),
    (r"MultiHeadDotProductAttention_\d/(query|key|value)/", lambda m: f"attn.{m[1][0]}_proj/"),
    (r"MultiHeadDotProductAttention_\d/out/", "attn.proj/"),
    (r"^(conv_root)/kernel$", "patch_embed.backbone.stem.conv/kernel"),
    (r"^gn_root/", "patch_embed.backbone.stem.norm/"),
    (
        r"^block(\d+)/unit(\d+)/",
        lambda m: f"patch_embed.backbone.stages.{int(m[1]) - 1}.blocks.{int(m[2]) - 1}.",
    ),
    (r"\bconv_proj/", "downsample.conv/"),
    (r"\bgn_proj/", "downsample.norm/"),
    (r"\bgn(\d)/", r"norm\1/"),
    (r"/(kernel|scale)$", ".weight"),
    (r"/bias$", ".bias"),
)


def from_flax(state: State, model: nn.Module) -> State:
    """Google's and big_vision's arrays: kernels are (in, out), attention (in, heads, dim)."""
    model_keys = model.state_dict().keys()
    converted: State = {}
    for key, array in rename(_unstack(state), _FLAX).items():
        stem_alone = "patch_embed.backbone.stem." in key and key not in model_keys  # without stages
        name = key.replace("backbone.stem.", "backbone.") if stem_alone else key
        converted[name] = _from_flax(name, array)
    for kind in ("weight", "bias"):
        parts = [converted.pop(f"attn_pool.{name}.{kind}", None) for name in ("k", "v")]
        if None not in parts:
            converted[f"attn_pool.kv.{kind}"] = torch.cat(
                [part for part in parts if part is not None]
            )
    return converted


def _unstack(state: State) -> State:
    """big_vision scans over blocks: one array of all of them under `encoderblock/`."""
    stacked = "Transformer/encoderblock/"
    plain = {name: array for name, array in state.items() if not name.startswith(stacked)}
    for name, array in state.items():
        if name.startswith(stacked):
            for block, own in enumerate(array):
                plain[f"Transformer/encoderblock_{block}/{name[len(stacked) :]}"] = own
    return plain


def _from_flax(name: str, array: Tensor) -> Tensor:
    if name.endswith(".weight"):
        if array.ndim == 4:
            return array.permute(3, 2, 0, 1)  # HWIO to OIHW
        if array.ndim == 3 and name.endswith("proj.weight") and not re.search(r"[qkv]_proj", name):
            return array.flatten(0, 1).T  # (heads, dim, out)
        if array.ndim == 3:
            return array.flatten(1).T  # (in, heads, dim)
        if array.ndim == 2:
            return array.T
    if name.endswith(("bias", ".norm1.weight", ".norm2.weight")):
        return array.flatten()
    return array
