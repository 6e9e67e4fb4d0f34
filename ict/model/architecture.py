"""Architectures by name, without weights: timm's, and that of the bundled backbone."""

from typing import TypedDict

import timm
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from ict.catalogue import BUNDLED
from ict.errors import InputError, did_you_mean, quoted


class Shape(TypedDict):
    """Of a `VisionTransformer`."""

    img_size: int
    patch_size: int
    embed_dim: int
    depth: int
    num_heads: int


TINY: Shape = {"img_size": 64, "patch_size": 8, "embed_dim": 192, "depth": 12, "num_heads": 3}


def build_architecture(
    name: str, *, classes: int = 0, drop_path: float = 0.0, image_size: int | None = None
) -> nn.Module:
    """The named architecture with random weights. Raises InputError for an unknown name.

    `classes` = 0 leaves the classification head out; the model then gives pooled features (B, F).
    `image_size` is the side of its images, its own for None.
    """
    if name == BUNDLED:
        shape: Shape = TINY if image_size is None else {**TINY, "img_size": image_size}
        return VisionTransformer(**shape, num_classes=classes, drop_path_rate=drop_path)
    try:
        model = timm.create_model(  # leaves out what is None
            name, num_classes=classes, drop_path_rate=drop_path, img_size=image_size
        )
    except (RuntimeError, ValueError) as error:
        names = [BUNDLED, *timm.list_models(), *timm.list_models(pretrained=True)]
        hint = did_you_mean(name, names) if name not in names else f" ({error})"
        raise InputError(f"no backbone {quoted(name)} in timm {timm.__version__}{hint}") from error
    if hasattr(model, "head_dist"):
        raise InputError(
            f"{name} has two heads, one for distillation; use {name.replace('_distilled', '')}"
        )
    return model
