"""A file of another library gives the other library's features: through its own state dict, to 1e-4.

Each model is tiny, with random weights drawn by the library itself, and saved as its users save it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from timm.models.swin_transformer import SwinTransformer
from timm.models.swin_transformer_v2 import SwinTransformerV2
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from ict.model.weight_fit import load_weights

transformers = pytest.importorskip("transformers")

SMALL = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 128,
    "image_size": 32,
    "patch_size": 8,
}
VIT = {
    "img_size": 32,
    "patch_size": 8,
    "embed_dim": 64,
    "depth": 2,
    "num_heads": 2,
    "mlp_ratio": 2.0,
}


def vit(**changes: object) -> nn.Module:
    return VisionTransformer(**{**VIT, "num_classes": 0, **changes}).eval()


def lively(model: nn.Module) -> nn.Module:
    """Draws all parameters anew, so that no bias, norm or scale can hide behind 0 or 1."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(0.15 * noise + (1.0 if "norm" in name and "weight" in name else 0.0))
    return model.eval()


def images(size: int = 32) -> Tensor:
    return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))


def hf(config: str, model: str, **settings: object) -> tuple[nn.Module, Callable[[Tensor], Tensor]]:
    made = lively(
        getattr(transformers, model)(getattr(transformers, config)(**{**SMALL, **settings}))
    )
    return made, lambda x: made(pixel_values=x).last_hidden_state


def save_as(model: nn.Module, path: Path, how: str) -> Path:
    """As `save_pretrained` names tensors, or as `torch.save(model.state_dict())` does."""
    if how == "state_dict":
        torch.save(model.state_dict(), path / "weights.pth")
        return path / "weights.pth"
    model.save_pretrained(path)
    return path / "model.safetensors"


VIT_EPS = {"norm_layer": partial(nn.LayerNorm, eps=1e-12)}
CASES = {
    "ViT": (lambda: hf("ViTConfig", "ViTModel"), lambda: vit(**VIT_EPS)),
    "DINOv2": (
        lambda: hf("Dinov2Config", "Dinov2Model", mlp_ratio=2),
        lambda: vit(init_values=1.0, norm_layer=partial(nn.LayerNorm, eps=1e-6)),
    ),
    "DINOv2 with registers": (
        lambda: hf("Dinov2WithRegistersConfig", "Dinov2WithRegistersModel", mlp_ratio=2),
        lambda: vit(init_values=1.0, reg_tokens=4, no_embed_class=True),
    ),
    "I-JEPA": (
        lambda: hf("IJepaConfig", "IJepaModel"),
        lambda: vit(class_token=False, global_pool="avg", fc_norm=False, **VIT_EPS),
    ),
    "SigLIP": (
        lambda: hf("SiglipVisionConfig", "SiglipVisionModel", hidden_act="gelu"),
        lambda: vit(class_token=False, global_pool="map"),
    ),
}


@pytest.mark.parametrize("how", ["saved", "state_dict"])
@pytest.mark.parametrize("case", list(CASES))
def test_a_transformers_file_gives_the_features_of_transformers(
    case: str, how: str, tmp_path: Path
):
    theirs, features = CASES[case][0]()
    ours = CASES[case][1]()
    load_weights(ours, case, save_as(theirs, tmp_path, how))
    with torch.inference_mode():
        torch.testing.assert_close(
            ours.forward_features(images()), features(images()), atol=1e-4, rtol=1e-4
        )


@pytest.mark.parametrize("how", ["saved", "state_dict"])
def test_a_transformers_clip_file_gives_its_pooled_features(how: str, tmp_path: Path):
    theirs, _ = hf("CLIPVisionConfig", "CLIPVisionModel", hidden_act="gelu")
    ours = vit(pre_norm=True, norm_layer=nn.LayerNorm)
    load_weights(ours, "clip", save_as(theirs, tmp_path, how))
    with torch.inference_mode():
        pooled = theirs(pixel_values=images()).pooler_output
        torch.testing.assert_close(ours(images()), pooled, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("how", ["saved", "state_dict"])
def test_a_transformers_siglip_file_gives_its_attention_pool(how: str, tmp_path: Path):
    theirs, _ = hf("SiglipVisionConfig", "SiglipVisionModel", hidden_act="gelu")
    ours = vit(class_token=False, global_pool="map")
    load_weights(ours, "siglip", save_as(theirs, tmp_path, how))
    with torch.inference_mode():
        pooled = theirs(pixel_values=images()).pooler_output
        torch.testing.assert_close(ours(images()), pooled, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("how", ["saved", "state_dict"])
def test_a_transformers_beit_file_gives_its_pooled_features(how: str, tmp_path: Path):
    settings = {
        "use_relative_position_bias": True,
        "use_mean_pooling": True,
        "layer_scale_init_value": 0.1,
    }
    theirs, _ = hf("BeitConfig", "BeitModel", **settings)
    ours = timm.models.beit.Beit(
        **VIT, num_classes=0, use_abs_pos_emb=False, use_rel_pos_bias=True, init_values=0.1,
        norm_layer=partial(nn.LayerNorm, eps=1e-12),
    ).eval()  # fmt: skip
    load_weights(ours, "beit", save_as(theirs, tmp_path, how))
    with torch.inference_mode():
        pooled = theirs(pixel_values=images()).pooler_output
        torch.testing.assert_close(ours(images()), pooled, atol=1e-4, rtol=1e-4)


SWIN = {
    "img_size": 64,
    "patch_size": 4,
    "embed_dim": 16,
    "depths": (2, 1),
    "num_heads": (1, 2),
    "window_size": 4,
}
SWIN_HF = {
    "image_size": 64,
    "patch_size": 4,
    "embed_dim": 16,
    "depths": [2, 1],
    "num_heads": [1, 2],
    "window_size": 4,
}


@pytest.mark.parametrize("how", ["saved", "state_dict"])
@pytest.mark.parametrize("version", ["Swin", "Swinv2"])
def test_a_transformers_swin_file_gives_the_features_of_transformers(
    version: str, how: str, tmp_path: Path
):
    config = getattr(transformers, f"{version}Config")(**SWIN_HF, layer_norm_eps=1e-5)
    theirs = lively(getattr(transformers, f"{version}Model")(config))
    ours = (SwinTransformer if version == "Swin" else SwinTransformerV2)(
        **SWIN, num_classes=0
    ).eval()
    load_weights(ours, version, save_as(theirs, tmp_path, how))
    with torch.inference_mode():
        pooled = theirs(pixel_values=images(64)).pooler_output
        torch.testing.assert_close(ours(images(64)), pooled, atol=1e-4, rtol=1e-4)


def test_a_transformers_dinov3_file_gives_the_features_of_transformers(tmp_path: Path):
    theirs, features = hf("DINOv3ViTConfig", "DINOv3ViTModel", num_register_tokens=4)
    ours = timm.create_model(
        "vit_small_patch16_dinov3_qkvb", img_size=32, patch_size=8, embed_dim=64, depth=2, num_heads=2,
        mlp_ratio=2.0, num_classes=0,
    ).eval()  # fmt: skip
    for how in ("saved", "state_dict"):
        load_weights(ours, "dinov3", save_as(theirs, tmp_path, how))
        with torch.inference_mode():
            torch.testing.assert_close(
                ours.forward_features(images()), features(images()), atol=2e-4, rtol=1e-3
            )


def test_torchvision_files_give_the_features_of_torchvision(tmp_path: Path):
    torchvision = pytest.importorskip("torchvision")
    theirs = lively(
        torchvision.models.VisionTransformer(
            image_size=32, patch_size=8, num_layers=2, num_heads=2, hidden_dim=64, mlp_dim=128
        )
    )
    ours = vit()
    torch.save({"model": theirs.state_dict()}, tmp_path / "vit.pth")
    notes = load_weights(ours, "vit", tmp_path / "vit.pth")
    assert "torchvision ViT" in notes[0]
    assert "heads (2 tensors)" in notes[0]
    theirs.heads = nn.Identity()
    with torch.inference_mode():
        torch.testing.assert_close(ours(images()), theirs(images()), atol=1e-4, rtol=1e-4)


def test_torchvision_swin_files_give_the_features_of_torchvision(tmp_path: Path):
    torchvision = pytest.importorskip("torchvision")
    theirs = lively(
        torchvision.models.SwinTransformer(
            patch_size=[4, 4], embed_dim=16, depths=[2, 1], num_heads=[1, 2], window_size=[4, 4]
        )
    )
    ours = SwinTransformer(**SWIN, num_classes=0).eval()
    save_file(theirs.state_dict(), tmp_path / "swin.safetensors")
    load_weights(ours, "swin", tmp_path / "swin.safetensors")
    theirs.head = nn.Identity()
    with torch.inference_mode():
        torch.testing.assert_close(ours(images(64)), theirs(images(64)), atol=1e-4, rtol=1e-4)


def test_open_clip_files_give_the_features_of_open_clip(tmp_path: Path):
    open_clip = pytest.importorskip("open_clip")
    vision = {
        "layers": 2,
        "width": 64,
        "head_width": 32,
        "mlp_ratio": 2.0,
        "patch_size": 8,
        "image_size": 32,
    }
    text = {"context_length": 8, "vocab_size": 32, "width": 32, "heads": 2, "layers": 1}
    theirs = lively(open_clip.model.CLIP(embed_dim=64, vision_cfg=vision, text_cfg=text))
    wrapped = {f"module.{name}": tensor for name, tensor in theirs.state_dict().items()}
    torch.save({"epoch": 1, "state_dict": wrapped}, tmp_path / "epoch_1.pt")
    ours = vit(pre_norm=True, norm_layer=nn.LayerNorm)
    notes = load_weights(ours, "clip", tmp_path / "epoch_1.pt")
    assert "CLIP under 'state_dict.module.visual.'" in notes[0]
    theirs.visual.proj = None
    with torch.inference_mode():
        torch.testing.assert_close(ours(images()), theirs.visual(images()), atol=1e-4, rtol=1e-4)
