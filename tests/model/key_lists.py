"""Key lists, written down from public sources: what a tensor of timm's is called in another file.

A list says, key by key, which tensor of a tiny timm model stands under which name in the other
library's file; `{i}` counts blocks, `[q]`, `[k]`, `[v]` are thirds of a fused qkv, and a line that
begins with `+` is a key of the file that timm's model has no tensor for.
"""

from __future__ import annotations

import re

TIMM = """
cls_token
pos_embed
patch_embed.proj.weight
patch_embed.proj.bias
blocks.{i}.norm1.weight
blocks.{i}.norm1.bias
blocks.{i}.attn.qkv.weight
blocks.{i}.attn.qkv.bias
blocks.{i}.attn.proj.weight
blocks.{i}.attn.proj.bias
blocks.{i}.norm2.weight
blocks.{i}.norm2.bias
blocks.{i}.mlp.fc1.weight
blocks.{i}.mlp.fc1.bias
blocks.{i}.mlp.fc2.weight
blocks.{i}.mlp.fc2.bias
norm.weight
norm.bias
"""
HEAD = "+ head.weight\n+ head.bias\n"
SCALE = "blocks.{i}.ls1.gamma\nblocks.{i}.ls2.gamma\n"


def under(prefix: str, table: str) -> str:
    """The same list with `prefix` before the file's keys."""
    lines = []
    for line in table.split("\n"):
        if not line:
            continue
        mark, name = ("+ ", line[2:]) if line.startswith("+") else ("", line)
        theirs, _, ours = name.partition(" = ")
        lines.append(f"{mark}{prefix}{theirs}" + ("" if mark else f" = {ours or theirs}"))
    return "\n".join(lines) + "\n"


def replaced(table: str, *pairs: tuple[str, str]) -> str:
    """`theirs = ours` lines from timm's list, by replacements in order."""
    lines = []
    for name in table.strip().splitlines():
        theirs = name
        for ours, other in pairs:
            theirs = re.sub(ours, other, theirs)
        lines.append(f"{theirs} = {name}")
    return "\n".join(lines) + "\n"


def split_qkv(table: str, **names: str) -> str:
    """Lines of a fused qkv as three, named as given."""
    lines = []
    for line in table.strip().splitlines():
        theirs, _, ours = line.partition(" = ")
        if "qkv" not in theirs:
            lines.append(line)
            continue
        lines += [f"{theirs.replace('qkv', names[part])} = {ours}[{part}]" for part in "qkv"]
    return "\n".join(lines) + "\n"


TRANSFORMERS = split_qkv(
    replaced(
        TIMM,
        (r"^cls_token", "embeddings.cls_token"),
        (r"^pos_embed", "embeddings.position_embeddings"),
        (r"^patch_embed\.proj", "embeddings.patch_embeddings.projection"),
        (r"^norm\.", "layernorm."),
        (r"blocks", "encoder.layer"),
        (r"norm1", "layernorm_before"),
        (r"norm2", "layernorm_after"),
        (r"attn\.proj", "attention.output.dense"),
        (r"attn\.qkv", "attention.attention.qkv"),
        (r"mlp\.fc1", "intermediate.dense"),
        (r"mlp\.fc2", "output.dense"),
    ),
    q="query", k="key", v="value",
)  # fmt: skip
OPENAI = replaced(
    TIMM + "norm_pre.weight\nnorm_pre.bias\n",
    (r"^patch_embed\.proj", "conv1"),
    (r"^cls_token", "class_embedding"),
    (r"^pos_embed", "positional_embedding"),
    (r"^norm_pre", "ln_pre"),
    (r"^norm\.", "ln_post."),
    (r"blocks", "transformer.resblocks"),
    (r"norm([12])", r"ln_\1"),
    (r"qkv\.", "in_proj_"),
    (r"attn\.proj", "attn.out_proj"),
    (r"fc1", "c_fc"),
    (r"fc2", "c_proj"),
).replace("conv1.bias = patch_embed.proj.bias\n", "")
BEIT = replaced(
    """
cls_token
patch_embed.proj.weight
patch_embed.proj.bias
blocks.{i}.gamma_1
blocks.{i}.gamma_2
blocks.{i}.norm1.weight
blocks.{i}.norm1.bias
blocks.{i}.attn.q_bias
blocks.{i}.attn.v_bias
blocks.{i}.attn.relative_position_bias_table
blocks.{i}.attn.qkv.weight
blocks.{i}.attn.proj.weight
blocks.{i}.attn.proj.bias
blocks.{i}.norm2.weight
blocks.{i}.norm2.bias
blocks.{i}.mlp.fc1.weight
blocks.{i}.mlp.fc1.bias
blocks.{i}.mlp.fc2.weight
blocks.{i}.mlp.fc2.bias
fc_norm.weight
fc_norm.bias
"""
)
SWIN = """
patch_embed.proj.weight = patch_embed.proj.weight
patch_embed.proj.bias = patch_embed.proj.bias
patch_embed.norm.weight = patch_embed.norm.weight
patch_embed.norm.bias = patch_embed.norm.bias
layers.{s}.blocks.{j}.norm1.weight = layers.{s}.blocks.{j}.norm1.weight
layers.{s}.blocks.{j}.norm1.bias = layers.{s}.blocks.{j}.norm1.bias
layers.{s}.blocks.{j}.attn.qkv.weight = layers.{s}.blocks.{j}.attn.qkv.weight
layers.{s}.blocks.{j}.attn.proj.weight = layers.{s}.blocks.{j}.attn.proj.weight
layers.{s}.blocks.{j}.attn.proj.bias = layers.{s}.blocks.{j}.attn.proj.bias
+ layers.{s}.blocks.{j}.attn.relative_position_index
layers.{s}.blocks.{j}.norm2.weight = layers.{s}.blocks.{j}.norm2.weight
layers.{s}.blocks.{j}.norm2.bias = layers.{s}.blocks.{j}.norm2.bias
layers.{s}.blocks.{j}.mlp.fc1.weight = layers.{s}.blocks.{j}.mlp.fc1.weight
layers.{s}.blocks.{j}.mlp.fc1.bias = layers.{s}.blocks.{j}.mlp.fc1.bias
layers.{s}.blocks.{j}.mlp.fc2.weight = layers.{s}.blocks.{j}.mlp.fc2.weight
layers.{s}.blocks.{j}.mlp.fc2.bias = layers.{s}.blocks.{j}.mlp.fc2.bias
layers.0.downsample.reduction.weight = layers.1.downsample.reduction.weight
layers.0.downsample.norm.weight = layers.1.downsample.norm.weight
layers.0.downsample.norm.bias = layers.1.downsample.norm.bias
norm.weight = norm.weight
norm.bias = norm.bias
+ head.weight
+ head.bias
"""
POOL = """
attn_pool.latent
attn_pool.q.weight
attn_pool.q.bias
attn_pool.kv.weight
attn_pool.kv.bias
attn_pool.proj.weight
attn_pool.proj.bias
attn_pool.norm.weight
attn_pool.norm.bias
attn_pool.mlp.fc1.weight
attn_pool.mlp.fc1.bias
attn_pool.mlp.fc2.weight
attn_pool.mlp.fc2.bias
"""
DINO_HEAD = "+ head.mlp.0.weight\n+ head.mlp.0.bias\n+ head.last_layer.weight_g\n"
MAE = "+ mask_token\n+ decoder_pos_embed\n+ decoder_embed.weight\n+ decoder_blocks.0.norm1.weight\n+ decoder_norm.weight\n+ decoder_pred.weight\n"
