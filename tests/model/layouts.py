"""Layouts: for each library its model, its key list, how it nests a file, and where that was read."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

import timm
import torch
from torch import Tensor, nn

from tests.model.key_lists import (
    BEIT,
    DINO_HEAD,
    HEAD,
    MAE,
    OPENAI,
    POOL,
    SCALE,
    SWIN,
    TIMM,
    TRANSFORMERS,
    replaced,
    split_qkv,
    under,
)
from tests.model.tiny_backbones import (
    State,
    beit,
    clip,
    dinov2,
    dinov3,
    eva02,
    siglip,
    spoilt,
    swiglu,
    swin,
    swinv2,
    vit,
)

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
        vit, under("backbone.", TIMM) + DINO_HEAD,
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
    "MAE": (vit, TIMM + MAE, lambda s: {"model": s, "args": argparse.Namespace(mask_ratio=0.75)}, "facebookresearch/mae models_mae.py@02bd876"),
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
        beit, BEIT + "+ blocks.{i}.attn.relative_position_index\n" + HEAD, lambda s: {"model": s},
        "microsoft/unilm beit/modeling_finetune.py@2320882",
    ),
    "BEiT v2 under module": (beit, BEIT + HEAD, lambda s: {"module": s}, "huggingface/pytorch-image-models timm/models/beit.py"),
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
        under("visual.", OPENAI) + "+ visual.proj\n+ transformer.resblocks.0.ln_1.weight\n+ token_embedding.weight\n+ logit_scale\n",
        lambda s: s, "openai/CLIP clip/model.py",
    ),
    "open_clip, trained by several": (
        partial(clip, embed_layer=partial(timm.layers.PatchEmbed, bias=False)),
        under("module.visual.", OPENAI) + "+ module.visual.proj\n+ module.positional_embedding\n",
        lambda s: {"epoch": 3, "state_dict": s}, "mlfoundations/open_clip src/open_clip/transformer.py@c8be231",
    ),
    "open_clip over timm": (
        vit, under("visual.trunk.", TIMM) + "+ visual.head.proj.weight\n+ text.token_embedding.weight\n",
        lambda s: s, "mlfoundations/open_clip src/open_clip/timm_model.py@11e765d",
    ),
    "SigLIP in open_clip": (
        siglip, under("visual.trunk.", TIMM.replace("cls_token\n", "") + POOL) + "+ logit_bias\n+ text.transformer.resblocks.0.ln_1.bias\n",
        lambda s: s, "mlfoundations/open_clip src/open_clip/convert.py@008046c",
    ),
    "transformers ViT": (
        vit, under("vit.", TRANSFORMERS) + "+ vit.pooler.dense.weight\n+ classifier.weight\n", lambda s: s,
        "huggingface/transformers src/transformers/models/vit/modeling_vit.py",
    ),
    "transformers DINOv2": (
        dinov2,
        under("dinov2.", TRANSFORMERS.replace("layernorm_before", "norm1").replace("layernorm_after", "norm2")
              .replace("intermediate.dense", "mlp.fc1").replace("}.output.dense", "}.mlp.fc2")
              + replaced(SCALE, ("blocks", "encoder.layer"), (r"ls(\d)\.gamma", r"layer_scale\1.lambda1"))) + "+ dinov2.embeddings.mask_token\n",
        lambda s: s, "huggingface/transformers src/transformers/models/dinov2/convert_dinov2_to_hf.py",
    ),
    "transformers MAE": (
        vit, under("vit.", TRANSFORMERS) + "+ decoder.mask_token\n+ decoder.decoder_layers.0.layernorm_before.weight\n",
        lambda s: s, "huggingface/transformers src/transformers/models/vit_mae/convert_vit_mae_to_pytorch.py",
    ),
    "Swin": (
        swin,
        SWIN + "layers.{s}.blocks.{j}.attn.qkv.bias = layers.{s}.blocks.{j}.attn.qkv.bias\n"
        "layers.{s}.blocks.{j}.attn.relative_position_bias_table = layers.{s}.blocks.{j}.attn.relative_position_bias_table\n"
        "+ layers.0.blocks.0.attn_mask\n",
        lambda s: {"model": s}, "microsoft/Swin-Transformer models/swin_transformer.py@9cd3dbd",
    ),
    "Swin v2": (
        swinv2,
        SWIN + "".join(f"layers.{{s}}.blocks.{{j}}.attn.{n} = layers.{{s}}.blocks.{{j}}.attn.{n}\n"
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
