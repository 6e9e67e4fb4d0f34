"""Layouts by their key lists, written down from the public source that is named with each.

A list says, key by key, which tensor of a tiny timm model stands under which name in the other
library's file; `{i}` counts blocks, `[q]`, `[k]`, `[v]` are thirds of a fused qkv, and a line that
begins with `+` is a key of the file that timm's model has no tensor for. The file is written by the
list and read by `load_weights`: every tensor must arrive where the list took it from, bit for bit.
Features of whole libraries are compared in test_weight_features.py.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from timm.models.beit import Beit
from timm.models.eva import Eva
from timm.models.swin_transformer import SwinTransformer
from timm.models.swin_transformer_v2 import SwinTransformerV2
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from ict.errors import InputError
from ict.model.weight_fit import load_weights
from ict.model.weight_tensors import GEOMETRY

State = dict[str, Tensor]
SIZE = {
    "img_size": 32,
    "patch_size": 8,
    "embed_dim": 24,
    "depth": 2,
    "num_heads": 3,
    "mlp_ratio": 2.0,
}
SWIN = {
    "img_size": 32,
    "patch_size": 4,
    "embed_dim": 12,
    "depths": (1, 2),
    "num_heads": (1, 2),
    "window_size": 4,
}

vit = partial(VisionTransformer, **SIZE, num_classes=0)
dinov2 = partial(vit, init_values=1.0)
registers = partial(dinov2, reg_tokens=4, no_embed_class=True)
swiglu = partial(dinov2, mlp_layer=timm.layers.SwiGLUPacked, mlp_ratio=2.0)
clip = partial(vit, pre_norm=True)
siglip = partial(vit, class_token=False, global_pool="map")
beit = partial(
    Beit, **SIZE, num_classes=0, use_abs_pos_emb=False, use_rel_pos_bias=True, init_values=0.1
)
eva02 = partial(
    Eva,
    **SIZE,
    num_classes=0,
    swiglu_mlp=True,
    scale_mlp=True,
    qkv_fused=False,
    use_rot_pos_emb=True,
)
dinov3 = partial(
    Eva, **SIZE, num_classes=0, init_values=1.0, use_abs_pos_emb=False, use_rot_pos_emb=True,
    num_reg_tokens=4, global_pool="token",
)  # fmt: skip
swin = partial(SwinTransformer, **SWIN, num_classes=0)
swinv2 = partial(SwinTransformerV2, **SWIN, num_classes=0)

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


_TRANSFORMERS = split_qkv(
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
_OPENAI = replaced(
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
_BEIT = replaced(
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
_SWIN = """
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
_POOL = """
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
_DINO_HEAD = "+ head.mlp.0.weight\n+ head.mlp.0.bias\n+ head.last_layer.weight_g\n"
_MAE = "+ mask_token\n+ decoder_pos_embed\n+ decoder_embed.weight\n+ decoder_blocks.0.norm1.weight\n+ decoder_norm.weight\n+ decoder_pred.weight\n"

Nest = Callable[[State], Any]
# name: model, key list, how the file nests it, and where the list was read
LAYOUTS: dict[str, tuple[Callable[[], nn.Module], str, Nest, str]] = {
    "timm": (vit, TIMM + HEAD, lambda s: s, "huggingface/pytorch-image-models timm/models/vision_transformer.py"),
    "timm training with EMA": (
        vit, TIMM + HEAD, lambda s: {"state_dict": spoilt(s), "state_dict_ema": s, "arch": "vit", "args": argparse.Namespace(lr=1)},
        "huggingface/pytorch-image-models timm/utils/checkpoint_saver.py",
    ),
    "timm and DeiT with EMA": (
        vit, TIMM + HEAD, lambda s: {"model": spoilt(s), "model_ema": s, "epoch": 1}, "facebookresearch/deit main.py@100e3cd",
    ),
    "DeiT III": (
        dinov2, TIMM + HEAD + replaced(SCALE, (r"ls(\d)\.gamma", r"gamma_\1")), lambda s: {"model": s},
        "facebookresearch/deit models_v2.py@dbfa364",
    ),
    "DINO, backbone only": (vit, TIMM, lambda s: s, "facebookresearch/dino vision_transformer.py@58aabc0"),
    "DINO, full checkpoint": (
        vit, under("backbone.", TIMM) + _DINO_HEAD,
        lambda s: {"student": {f"module.{k}": v for k, v in spoilt(s).items()}, "teacher": s, "args": argparse.Namespace(), "dino_loss": {"center": torch.zeros(1, 4)}},
        "facebookresearch/dino main_dino.py@cc72fe9",
    ),
    "DINOv2": (dinov2, TIMM + SCALE + "+ mask_token\n", lambda s: s, "facebookresearch/dinov2 dinov2/models/vision_transformer.py"),
    "DINOv2, teacher of a training": (
        dinov2, under("backbone.", replaced(TIMM + SCALE, (r"blocks\.\{i\}", "blocks.0.{i}"))) + "+ dino_head.last_layer.weight_v\n",
        lambda s: {"teacher": s}, "facebookresearch/dinov2 dinov2/train/ssl_meta_arch.py@fc49f49",
    ),
    "DINOv2, SwiGLU": (
        swiglu, replaced(TIMM + SCALE, (r"mlp\.fc1", "mlp.w12"), (r"mlp\.fc2", "mlp.w3")) + "+ mask_token\n",
        lambda s: s, "facebookresearch/dinov2 dinov2/layers/swiglu_ffn.py",
    ),
    "MAE": (vit, TIMM + _MAE, lambda s: {"model": s, "args": argparse.Namespace(mask_ratio=0.75)}, "facebookresearch/mae models_mae.py@02bd876"),
    "MoCo v3": (
        vit, under("module.base_encoder.", TIMM) + "+ module.base_encoder.head.0.weight\n+ module.predictor.0.weight\n",
        lambda s: {"state_dict": s | {k.replace("base", "momentum"): v for k, v in spoilt(s).items()}, "optimizer": {"state": {0: {"mu": torch.zeros(2)}}}},
        "facebookresearch/moco-v3 moco/builder.py@0c5d00a, main_lincls.py@2877a78",
    ),
    "iBOT": (
        vit, under("backbone.", TIMM) + "+ backbone.masked_embed\n+ head.mlp.0.weight\n",
        lambda s: {"student": {f"module.{k}": v for k, v in spoilt(s).items()}, "teacher": s, "args": argparse.Namespace()},
        "bytedance/ibot main_ibot.py@da316d8",
    ),
    "iBOT, extracted": (vit, TIMM + "+ masked_embed\n", lambda s: {"state_dict": s}, "bytedance/ibot extract_backbone_weights.py@c24f870"),
    "I-JEPA": (
        partial(vit, class_token=False, global_pool="avg", fc_norm=False), under("module.", TIMM.replace("cls_token\n", "")),
        lambda s: {"encoder": s, "target_encoder": spoilt(s), "predictor": {"module.predictor_blocks.0.norm1.weight": torch.ones(3)}},
        "facebookresearch/ijepa src/train.py@52c1ae9",
    ),
    "BEiT": (
        beit, _BEIT + "+ blocks.{i}.attn.relative_position_index\n" + HEAD, lambda s: {"model": s},
        "microsoft/unilm beit/modeling_finetune.py@2320882",
    ),
    "BEiT v2 under module": (beit, _BEIT + HEAD, lambda s: {"module": s}, "huggingface/pytorch-image-models timm/models/beit.py"),
    "EVA-02": (
        eva02,
        split_qkv(replaced(
            TIMM + "blocks.{i}.mlp.norm.weight\nblocks.{i}.mlp.norm.bias\n",
            (r"mlp\.fc1", "mlp.w1"), (r"mlp\.fc2", "mlp.w3"), (r"mlp\.norm", "mlp.ffn_ln"), (r"^norm\.", "fc_norm."),
        ), q="q_proj", k="k_proj", v="v_proj")
        .replace("mlp.w1.weight = blocks.{i}.mlp.fc1.weight", "mlp.w1.weight = blocks.{i}.mlp.fc1_g.weight\nblocks.{i}.mlp.w2.weight = blocks.{i}.mlp.fc1_x.weight")
        .replace("mlp.w1.bias = blocks.{i}.mlp.fc1.bias", "mlp.w1.bias = blocks.{i}.mlp.fc1_g.bias\nblocks.{i}.mlp.w2.bias = blocks.{i}.mlp.fc1_x.bias")
        .replace("blocks.{i}.attn.q_proj.bias = blocks.{i}.attn.qkv.bias[q]", "blocks.{i}.attn.q_bias = blocks.{i}.attn.q_proj.bias")
        .replace("blocks.{i}.attn.v_proj.bias = blocks.{i}.attn.qkv.bias[v]", "blocks.{i}.attn.v_bias = blocks.{i}.attn.v_proj.bias")
        .replace("blocks.{i}.attn.k_proj.bias = blocks.{i}.attn.qkv.bias[k]\n", "")
        .replace("attn.qkv.weight[q]", "attn.q_proj.weight").replace("attn.qkv.weight[k]", "attn.k_proj.weight").replace("attn.qkv.weight[v]", "attn.v_proj.weight")
        .replace("= norm.", "= fc_norm.")
        + "+ rope.freqs_cos\n+ rope.freqs_sin\n+ blocks.{i}.attn.rope.freqs_cos\n+ head.weight\n",
        lambda s: {"module": s}, "baaivision/EVA EVA-02/asuka/modeling_finetune.py",
    ),
    "CLIP": (
        partial(clip, embed_layer=partial(timm.layers.PatchEmbed, bias=False)),
        under("visual.", _OPENAI) + "+ visual.proj\n+ transformer.resblocks.0.ln_1.weight\n+ token_embedding.weight\n+ logit_scale\n",
        lambda s: s, "openai/CLIP clip/model.py",
    ),
    "open_clip, trained by several": (
        partial(clip, embed_layer=partial(timm.layers.PatchEmbed, bias=False)),
        under("module.visual.", _OPENAI) + "+ module.visual.proj\n+ module.positional_embedding\n",
        lambda s: {"epoch": 3, "state_dict": s}, "mlfoundations/open_clip src/open_clip/transformer.py@c8be231",
    ),
    "open_clip over timm": (
        vit, under("visual.trunk.", TIMM) + "+ visual.head.proj.weight\n+ text.token_embedding.weight\n",
        lambda s: s, "mlfoundations/open_clip src/open_clip/timm_model.py@11e765d",
    ),
    "SigLIP in open_clip": (
        siglip, under("visual.trunk.", TIMM.replace("cls_token\n", "") + _POOL) + "+ logit_bias\n+ text.transformer.resblocks.0.ln_1.bias\n",
        lambda s: s, "mlfoundations/open_clip src/open_clip/convert.py@008046c",
    ),
    "transformers ViT": (
        vit, under("vit.", _TRANSFORMERS) + "+ vit.pooler.dense.weight\n+ classifier.weight\n", lambda s: s,
        "huggingface/transformers src/transformers/models/vit/modeling_vit.py",
    ),
    "transformers DINOv2": (
        dinov2,
        under("dinov2.", _TRANSFORMERS.replace("layernorm_before", "norm1").replace("layernorm_after", "norm2")
              .replace("intermediate.dense", "mlp.fc1").replace("}.output.dense", "}.mlp.fc2")
              + replaced(SCALE, ("blocks", "encoder.layer"), (r"ls(\d)\.gamma", r"layer_scale\1.lambda1"))) + "+ dinov2.embeddings.mask_token\n",
        lambda s: s, "huggingface/transformers src/transformers/models/dinov2/convert_dinov2_to_hf.py",
    ),
    "transformers MAE": (
        vit, under("vit.", _TRANSFORMERS) + "+ decoder.mask_token\n+ decoder.decoder_layers.0.layernorm_before.weight\n",
        lambda s: s, "huggingface/transformers src/transformers/models/vit_mae/convert_vit_mae_to_pytorch.py",
    ),
    "Swin": (
        swin,
        _SWIN + "layers.{s}.blocks.{j}.attn.qkv.bias = layers.{s}.blocks.{j}.attn.qkv.bias\n"
        "layers.{s}.blocks.{j}.attn.relative_position_bias_table = layers.{s}.blocks.{j}.attn.relative_position_bias_table\n"
        "+ layers.0.blocks.0.attn_mask\n",
        lambda s: {"model": s}, "microsoft/Swin-Transformer models/swin_transformer.py@9cd3dbd",
    ),
    "Swin v2": (
        swinv2,
        _SWIN + "".join(f"layers.{{s}}.blocks.{{j}}.attn.{n} = layers.{{s}}.blocks.{{j}}.attn.{n}\n"
                        for n in ("q_bias", "v_bias", "logit_scale", "cpb_mlp.0.weight", "cpb_mlp.0.bias", "cpb_mlp.2.weight"))
        + "+ layers.{s}.blocks.{j}.attn.relative_coords_table\n",
        lambda s: {"model": s}, "microsoft/Swin-Transformer models/swin_transformer_v2.py@0ae00c9",
    ),
    "Lightning": (vit, under("model.", TIMM + HEAD), lambda s: {"state_dict": s, "pytorch-lightning_version": "2.4", "epoch": 3}, "Lightning-AI/pytorch-lightning src/lightning/pytorch/trainer/connectors/checkpoint_connector.py"),
    "torch.compile over DDP": (vit, under("_orig_mod.module.", TIMM), lambda s: s, "huggingface/pytorch-image-models timm/models/_helpers.py, clean_state_dict"),
    "FSDP": (vit, under("_fsdp_wrapped_module.", replaced(TIMM, (r"blocks\.\{i\}\.", "blocks.{i}._fsdp_wrapped_module."))), lambda s: {"model": s}, "facebookresearch/dinov2 dinov2/fsdp/__init__.py"),
    "MMPretrain": (
        vit,
        under("backbone.", replaced(TIMM, (r"patch_embed\.proj", "patch_embed.projection"), (r"^norm\.", "ln1."), ("blocks", "layers"),
                                    (r"norm([12])", r"ln\1"), (r"mlp\.fc1", "ffn.layers.0.0"), (r"mlp\.fc2", "ffn.layers.1"))) + "+ head.layers.head.weight\n",
        lambda s: {"state_dict": s, "meta": {"epoch": 1}}, "open-mmlab/mmpretrain mmpretrain/models/backbones/vision_transformer.py",
    ),
    "DINOv3": (
        dinov3,
        replaced(TIMM.replace("pos_embed\n", "") + SCALE.replace("ls1.gamma", "gamma_1").replace("ls2.gamma", "gamma_2") + "reg_token\n",
                 (r"gamma_(\d)", r"ls\1.gamma"), ("reg_token", "storage_tokens"))
        .replace("blocks.{i}.attn.qkv.bias = blocks.{i}.attn.qkv.bias\n",
                 "blocks.{i}.attn.qkv.bias = cat blocks.{i}.attn.q_bias blocks.{i}.attn.v_bias\n")
        + "+ mask_token\n+ rope_embed.periods\n+ blocks.{i}.attn.qkv.bias_mask\n",
        lambda s: s, "facebookresearch/dinov3 dinov3/models/vision_transformer.py",
    ),
}  # fmt: skip


def spoilt(state: State) -> State:
    return {name: tensor.float() * 3 + 1 for name, tensor in state.items()}


def random_model(make: Callable[[], nn.Module]) -> nn.Module:
    model = make().eval()
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return model


def written(table: str, state: State) -> State:
    """The file's tensors by the key list."""
    file: State = {}
    for line in table.strip().splitlines():
        places = [{"i": 0}, {"i": 1}] if "{i}" in line else [{}]
        if "{s}" in line:
            places = [{"s": 0, "j": 0}, {"s": 1, "j": 0}, {"s": 1, "j": 1}]
        for place in places:
            entry = line.format(**place)
            if entry.startswith("+ "):
                file[entry[2:]] = torch.full((3, 2), 7.0)
                continue
            theirs, _, ours = entry.partition(" = ")
            file[theirs] = taken(ours or theirs, state, theirs).clone()
    return file


def taken(ours: str, state: State, theirs: str) -> Tensor:
    if ours.startswith("cat "):  # q and v, with anything for k: the softmax does not see it
        q, v = (state[name] for name in ours.split()[1:])
        return torch.cat([q, torch.full_like(q, 5.0), v])
    name, _, part = ours.partition("[")
    tensor = state[name]
    if part:
        return tensor.chunk(3)["qkv".index(part[0])]
    return (
        tensor.squeeze() if theirs.endswith(("class_embedding", "positional_embedding")) else tensor
    )


@pytest.mark.parametrize("name", list(LAYOUTS))
def test_every_tensor_arrives_where_the_key_list_took_it_from(name: str, tmp_path: Path) -> None:
    make, table, nest, source = LAYOUTS[name]
    model = random_model(make)
    expected = {k: v.clone() for k, v in model.state_dict().items()}
    file = written(table, expected)
    torch.save(nest(file), tmp_path / "file.pth")
    fresh = make()
    load_weights(fresh, name, tmp_path / "file.pth")
    for key, tensor in fresh.state_dict().items():
        assert torch.equal(tensor, expected[key]), f"{key} ({source})"


def test_there_are_at_least_24_layouts_each_with_its_source() -> None:
    assert len(LAYOUTS) >= 24
    assert all("/" in source for *_, source in LAYOUTS.values())


@pytest.mark.parametrize("name", list(LAYOUTS))
def test_a_file_that_lacks_any_one_tensor_is_refused(name: str, tmp_path: Path) -> None:
    make, table, nest, _ = LAYOUTS[name]
    state = random_model(make).state_dict()
    file = written(table, state)
    needed = [line for line in table.strip().splitlines() if not line.startswith("+")]
    step = max(1, len(needed) // 5)
    for line in needed[::step]:
        key = line.partition(" = ")[0].format(i=1, s=1, j=0)
        torch.save(nest({k: v for k, v in file.items() if k != key}), tmp_path / "file.pth")
        with pytest.raises(InputError, match="tensors come from it"):
            load_weights(make(), name, tmp_path / "file.pth")


def flax(state: State, *, style: str) -> dict[str, np.ndarray]:
    """Google's arrays of a timm ViT: `vit_jax` (google-research/vision_transformer models_vit.py),
    `big_vision` (google-research/big_vision models/vit.py@5f95305), or its scanned blocks."""
    heads, big = 3, style != "vit_jax"
    attention = f"MultiHeadDotProductAttention_{0 if big else 1}"
    mlp, second = ("MlpBlock_0", "LayerNorm_1") if big else ("MlpBlock_3", "LayerNorm_2")
    a = {name: tensor.numpy() for name, tensor in state.items()}
    arrays = {
        "embedding/kernel": a["patch_embed.proj.weight"].transpose(2, 3, 1, 0),
        "embedding/bias": a["patch_embed.proj.bias"],
        "Transformer/encoder_norm/scale": a["norm.weight"],
        "Transformer/encoder_norm/bias": a["norm.bias"],
        "pos_embedding" if big else "Transformer/posembed_input/pos_embedding": a["pos_embed"],
    }
    if "cls_token" in a:
        arrays["cls"] = a["cls_token"]
    blocks = []
    for i in range(2):
        b = f"blocks.{i}."
        block = {
            "LayerNorm_0/scale": a[b + "norm1.weight"],
            "LayerNorm_0/bias": a[b + "norm1.bias"],
            f"{second}/scale": a[b + "norm2.weight"],
            f"{second}/bias": a[b + "norm2.bias"],
            f"{attention}/out/kernel": a[b + "attn.proj.weight"].T.reshape(heads, -1, 24),
            f"{attention}/out/bias": a[b + "attn.proj.bias"],
        }
        for n, part in enumerate(("query", "key", "value")):
            rows = slice(24 * n, 24 * n + 24)
            block[f"{attention}/{part}/kernel"] = a[b + "attn.qkv.weight"][rows].T.reshape(
                24, heads, -1
            )
            block[f"{attention}/{part}/bias"] = a[b + "attn.qkv.bias"][rows].reshape(heads, -1)
        for n in (0, 1):
            block[f"{mlp}/Dense_{n}/kernel"] = a[b + f"mlp.fc{n + 1}.weight"].T
            block[f"{mlp}/Dense_{n}/bias"] = a[b + f"mlp.fc{n + 1}.bias"]
        blocks.append(block)
    if style == "scan":
        arrays |= {
            f"Transformer/encoderblock/{k}": np.stack([b[k] for b in blocks]) for k in blocks[0]
        }
    else:
        arrays |= {
            f"Transformer/encoderblock_{i}/{k}": v
            for i, b in enumerate(blocks)
            for k, v in b.items()
        }
    if "attn_pool.latent" in a:
        arrays |= map_head(a, heads)
    return arrays


def map_head(a: dict[str, np.ndarray], heads: int) -> dict[str, np.ndarray]:
    head, attention = "MAPHead_0/", "MAPHead_0/MultiHeadDotProductAttention_0/"
    kv, kv_bias = a["attn_pool.kv.weight"], a["attn_pool.kv.bias"]
    parts = {"query": a["attn_pool.q.weight"], "key": kv[:24], "value": kv[24:]}
    biases = {"query": a["attn_pool.q.bias"], "key": kv_bias[:24], "value": kv_bias[24:]}
    arrays = {
        f"{head}probe": a["attn_pool.latent"],
        f"{head}LayerNorm_0/scale": a["attn_pool.norm.weight"],
        f"{head}LayerNorm_0/bias": a["attn_pool.norm.bias"],
        f"{attention}out/kernel": a["attn_pool.proj.weight"].T.reshape(heads, -1, 24),
        f"{attention}out/bias": a["attn_pool.proj.bias"],
    }
    for part, weight in parts.items():
        arrays[f"{attention}{part}/kernel"] = weight.T.reshape(24, heads, -1)
        arrays[f"{attention}{part}/bias"] = biases[part].reshape(heads, -1)
    for n in (0, 1):
        arrays[f"{head}MlpBlock_0/Dense_{n}/kernel"] = a[f"attn_pool.mlp.fc{n + 1}.weight"].T
        arrays[f"{head}MlpBlock_0/Dense_{n}/bias"] = a[f"attn_pool.mlp.fc{n + 1}.bias"]
    return arrays


@pytest.mark.parametrize(
    ("make", "style", "prefix"),
    [
        (vit, "vit_jax", ""),
        (vit, "vit_jax", "opt/target/"),
        (vit, "big_vision", "params/"),
        (siglip, "big_vision", "params/img/"),
        (siglip, "scan", "params/img/"),
    ],
)
def test_google_arrays_arrive_and_timm_reads_the_same(
    make: Callable[[], nn.Module], style: str, prefix: str, tmp_path: Path
) -> None:
    model = random_model(make)
    arrays = {prefix + name: value for name, value in flax(model.state_dict(), style=style).items()}
    others = {
        "head/kernel": np.zeros((24, 5), np.float32),
        "pre_logits/bias": np.ones(3, np.float32),
    }
    np.savez(tmp_path / "w.npz", **arrays, **{prefix + k: v for k, v in others.items()})
    ours, theirs = make(), make()
    notes = load_weights(ours, "vit", tmp_path / "w.npz")
    assert "head (1 tensor), pre_logits (1 tensor)" in notes[0]
    theirs.load_pretrained(str(tmp_path / "w.npz"))
    for key, tensor in ours.state_dict().items():
        assert torch.equal(tensor, model.state_dict()[key]), key
        assert torch.equal(tensor, theirs.state_dict()[key]), key


def test_bfloat16_arrays_that_numpy_does_not_know_are_read(tmp_path: Path) -> None:
    model = random_model(siglip)
    rounded = {k: v.bfloat16().float() for k, v in model.state_dict().items()}
    arrays = {
        f"params/img/{k}": np.ascontiguousarray(v) for k, v in flax(rounded, style="scan").items()
    }
    bits = {
        k: (torch.from_numpy(v).bfloat16().view(torch.int16).numpy().view("V2"))
        for k, v in arrays.items()
    }
    np.savez(tmp_path / "w.npz", **bits)
    ours = siglip()
    load_weights(ours, "siglip", tmp_path / "w.npz")
    assert all(torch.equal(tensor, rounded[key]) for key, tensor in ours.state_dict().items())


@pytest.mark.parametrize("make", [vit, dinov2, siglip], ids=["ViT", "DINOv2", "SigLIP"])
def test_positions_are_resized_as_timm_resizes_them(make: Any, tmp_path: Path) -> None:
    source = random_model(partial(make, img_size=56))
    save_file(source.state_dict(), tmp_path / "large.safetensors")
    ours, theirs = make(), make()
    notes = load_weights(ours, "vit", tmp_path / "large.safetensors")
    filtered = timm.models.vision_transformer.checkpoint_filter_fn(source.state_dict(), theirs)
    theirs.load_state_dict(filtered, strict=True)
    assert torch.equal(ours.pos_embed, theirs.pos_embed)
    assert "resized pos_embed" in notes[0]


@pytest.mark.parametrize("make", [swin, beit], ids=["Swin", "BEiT"])
def test_tables_of_relative_positions_are_resized_as_timm_resizes_them(
    make: Any, tmp_path: Path
) -> None:
    larger = {"window_size": 8, "img_size": 64} if make is swin else {"img_size": 48}
    source = random_model(partial(make, **larger))
    save_file(source.state_dict(), tmp_path / "large.safetensors")
    ours, theirs = make(), make()
    load_weights(ours, "swin", tmp_path / "large.safetensors")
    module = __import__(type(theirs).__module__, fromlist=["checkpoint_filter_fn"])
    headed = {
        **source.state_dict(),
        "head.fc.weight": torch.ones(2),
    }  # by which old timm knows its own
    filtered = module.checkpoint_filter_fn(headed, theirs)
    del filtered["head.fc.weight"]
    theirs.load_state_dict(filtered, strict=True)
    for key, tensor in ours.state_dict().items():
        torch.testing.assert_close(tensor, theirs.state_dict()[key])


def test_a_class_tokens_position_is_folded_where_timm_embeds_patches_alone(tmp_path: Path) -> None:
    """DINOv2 with registers, as timm's `_convert_dinov2` does it."""
    state = random_model(registers).state_dict()
    row = torch.randn(1, 1, 24)
    file = dict(state)
    file["register_tokens"] = file.pop("reg_token")
    file["pos_embed"] = torch.cat([row, state["pos_embed"]], dim=1)
    torch.save({**file, "mask_token": torch.zeros(1, 24)}, tmp_path / "reg.pth")
    ours = registers()
    load_weights(ours, "dinov2", tmp_path / "reg.pth")
    assert torch.equal(ours.cls_token, state["cls_token"] + row)
    assert torch.equal(ours.pos_embed, state["pos_embed"])


def test_a_shared_table_is_given_to_each_block_as_beit_does(tmp_path: Path) -> None:
    state = random_model(beit).state_dict()
    table = "blocks.0.attn.relative_position_bias_table"
    file = {k: v for k, v in state.items() if not k.endswith("bias_table")}
    file["rel_pos_bias.relative_position_bias_table"] = state[table]
    torch.save({"model": file}, tmp_path / "shared.pth")
    ours = beit()
    load_weights(ours, "beit", tmp_path / "shared.pth")
    assert torch.equal(ours.state_dict()[table], state[table])
    assert torch.equal(ours.state_dict()[table.replace("0", "1")], state[table])


def test_only_what_follows_from_sizes_need_not_be_in_the_file() -> None:
    """The exemptions, by name; of 234 supported architectures only counters of batch norms are stored."""
    exempt = """relative_position_index relative_coords_table attn_mask rope.freqs_cos rope.freqs_sin
    rope_embed.periods rope.bands rope.pos_embed attn.rope.freqs_cos attn.qkv.bias_mask bn.num_batches_tracked"""
    assert all(
        GEOMETRY.search(f"blocks.0.{name}") or GEOMETRY.search(name) for name in exempt.split()
    )
    needed = (
        "pos_embed rope.freqs cls_token bn.running_mean attn.relative_position_bias_table norm.bias"
    )
    assert not any(GEOMETRY.search(f"blocks.0.{name}") for name in needed.split())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_are_cast(dtype: torch.dtype, tmp_path: Path) -> None:
    state = {k: v.to(dtype) for k, v in random_model(vit).state_dict().items()}
    torch.save(state, tmp_path / "half.pth")
    ours = vit()
    load_weights(ours, "vit", tmp_path / "half.pth")
    assert all(torch.equal(v, state[k].float()) for k, v in ours.state_dict().items())


def test_two_models_of_equal_standing_are_not_chosen_between(tmp_path: Path) -> None:
    state = random_model(vit).state_dict()
    torch.save({"generator": state, "other": spoilt(state)}, tmp_path / "two.pth")
    with pytest.raises(InputError, match="two models that fit"):
        load_weights(vit(), "vit", tmp_path / "two.pth")
    torch.save({"model": state, "copy": dict(state)}, tmp_path / "same.pth")
    load_weights(vit(), "vit", tmp_path / "same.pth")


def test_a_bias_of_zeros_that_the_model_lacks_changes_nothing_and_another_does(
    tmp_path: Path,
) -> None:
    bare = partial(vit, qkv_bias=False)
    state = random_model(bare).state_dict()
    zeros = {f"blocks.{i}.attn.qkv.bias": torch.zeros(72) for i in (0, 1)}
    torch.save(state | zeros, tmp_path / "zeros.pth")
    load_weights(bare(), "vit", tmp_path / "zeros.pth")
    torch.save(state | {k: v + 1 for k, v in zeros.items()}, tmp_path / "ones.pth")
    with pytest.raises(InputError, match="no place for"):
        load_weights(bare(), "vit", tmp_path / "ones.pth")
