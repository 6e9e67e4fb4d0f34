"""Google's arrays (vit_jax, big_vision): read as timm reads them, bfloat16 too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from ict.model.weight_fit import load_weights
from tests.model.tiny_backbones import State, random_model, siglip, vit


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
