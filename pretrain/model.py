"""The network of the pre-training: the backbone, linear heads, their losses, what is hidden of a scene."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from ict.machine import prefers_bf16
from pretrain.generator import FACTORS, NO_CLASS, SceneGenerator, Scenes
from pretrain.targets import (
    dense_targets,
    global_targets,
    profile_targets,
    upright_targets,
)

CALIBRATION_STEP = -1  # scenes no training step draws; they fix the scale of the targets


def new_backbone() -> VisionTransformer:
    """The bundled architecture, without a head."""
    return VisionTransformer(
        img_size=64, patch_size=8, embed_dim=192, depth=12, num_heads=3, num_classes=0
    )


class Pretrainer(nn.Module):
    """The backbone and linear heads that are thrown away afterwards.

    Global heads read what a linear probe reads: the class token next to the mean of the patches.
    """

    def __init__(self, *, classes: int, dense: int, whole: int, upright: int, profile: int) -> None:
        super().__init__()
        self.backbone = new_backbone()
        dim = self.backbone.embed_dim
        self.mask_token = nn.Parameter(torch.randn(dim) * 0.02)
        self.dense_head = nn.Linear(dim, dense)
        self.middle_norm, self.middle_head = nn.LayerNorm(dim), nn.Linear(dim, dense)
        self.whole_head = nn.Linear(2 * dim, whole)
        self.class_token_head = nn.Linear(dim, whole)
        self.class_head = nn.Linear(2 * dim, classes)
        self.upright_head = nn.Linear(2 * dim, upright)
        self.factor_head = nn.Linear(2 * dim, FACTORS)
        self.profile_head = nn.Linear(2 * dim, profile)

    def forward(self, images: Tensor, masked: Tensor, kept: Tensor | None) -> dict[str, Tensor]:
        """`masked` (B, T) bool: patches replaced by the mask token. `kept` (B, K): the patches seen, all if None."""
        x = self.backbone.patch_embed(images)
        x = torch.where(masked[..., None], self.mask_token.to(x.dtype), x)
        x = self.backbone._pos_embed(x)
        if kept is not None:
            tokens = kept[..., None].expand(-1, -1, x.shape[-1])
            x = torch.cat([x[:, :1], x[:, 1:].gather(1, tokens)], 1)
        half = len(self.backbone.blocks) // 2
        x = middle = self.backbone.blocks[:half](x)
        x = self.backbone.norm(self.backbone.blocks[half:](x))
        both = torch.cat([x[:, 0], x[:, 1:].mean(1)], 1)
        return {
            "dense": self.dense_head(x[:, 1:]),
            "middle": self.middle_head(self.middle_norm(middle[:, 1:])),
            "whole": self.whole_head(both),
            "class_token": self.class_token_head(x[:, 0]),
            "profile": self.profile_head(both),
            "upright": self.upright_head(both),
            "class": self.class_head(both),
            "factors": self.factor_head(both),
        }


@dataclass(frozen=True)
class TargetScale:
    """Mean and standard deviation of each target, from one batch of scenes."""

    dense: tuple[Tensor, Tensor]
    whole: tuple[Tensor, Tensor]
    upright: tuple[Tensor, Tensor]
    profile: tuple[Tensor, Tensor]

    @classmethod
    def measured(cls, generator: SceneGenerator) -> TargetScale:
        scenes = generator.scenes(512, step=CALIBRATION_STEP)
        named = scenes.labels != NO_CLASS
        return cls(
            dense=_moments(dense_targets(scenes.clean).flatten(0, 1)),
            whole=_moments(global_targets(scenes.clean)),
            upright=_moments(upright_targets(scenes.upright[named])),
            profile=_moments(profile_targets(scenes.clean)),
        )


def _moments(values: Tensor) -> tuple[Tensor, Tensor]:
    return values.mean(0), values.std(0).clamp_min(0.02)  # corner cells are nearly always empty


def losses(
    model: Pretrainer, scenes: Scenes, scale: TargetScale, hidden: tuple[Tensor, Tensor | None]
) -> dict[str, Tensor]:
    """Each loss by name, a mean over what it applies to."""
    masked, kept = hidden
    device = scenes.images.device.type
    with torch.autocast(device, torch.bfloat16, enabled=prefers_bf16(device)):
        out = {name: value.float() for name, value in model(scenes.images, masked, kept).items()}
    dense = (dense_targets(scenes.clean) - scale.dense[0]) / scale.dense[1]
    whole = (global_targets(scenes.clean) - scale.whole[0]) / scale.whole[1]
    if kept is not None:
        dense = dense.gather(1, kept[..., None].expand(-1, -1, dense.shape[-1]))
    profile = (profile_targets(scenes.clean) - scale.profile[0]) / scale.profile[1]
    named = scenes.labels != NO_CLASS
    upright = (upright_targets(scenes.upright[named]) - scale.upright[0]) / scale.upright[1]
    return {
        "dense": F.mse_loss(out["dense"], dense),
        "middle": F.mse_loss(out["middle"], dense),
        "whole": F.mse_loss(out["whole"], whole),
        "class_token": F.mse_loss(out["class_token"], whole),
        "profile": F.mse_loss(out["profile"], profile),
        "upright": F.mse_loss(out["upright"][named], upright),
        "class": F.cross_entropy(out["class"][named], scenes.labels[named]),
        "factors": F.mse_loss(out["factors"][named], scenes.factors[named]),
    }


def hidden_patches(
    count: int, patches: int, *, seed: int, step: int
) -> tuple[Tensor, Tensor | None]:
    """Which patches are masked (count, patches) and which are kept, None for all, at a step.

    Odd steps keep half of the patches. Even ones mask up to half of them in every second image.
    """
    dice = torch.Generator().manual_seed((seed * 1_000_003 + step) ^ 0x5EED)
    rank = torch.rand(count, patches, generator=dice).argsort(1)
    if step % 2:
        return torch.zeros(count, patches, dtype=torch.bool), rank[:, : patches // 2].sort(1).values
    ratio = (torch.rand(count, 1, generator=dice) - 0.5).clamp_min(0)
    return rank < ratio * patches, None
