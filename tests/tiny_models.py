"""Small transformers and data for tests of sites, criteria and what is built on them."""

from collections.abc import Callable

import timm
import torch
from timm.models.swin_transformer import SwinTransformer
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

Batches = Callable[[], list[tuple[Tensor, Tensor]]]


def tiny_vit(*, depth: int = 3, dim: int = 24, **changes: object) -> VisionTransformer:
    """A ViT of 16 patch tokens and a class token whose branches matter (weights of std 0.2)."""
    torch.manual_seed(0)
    settings = {"img_size": 32, "patch_size": 8, "num_heads": 3, "num_classes": 0, **changes}
    return enliven(VisionTransformer(embed_dim=dim, depth=depth, **settings))


def tiny_swin() -> SwinTransformer:
    """Two stages of two blocks, widths 24 and 48."""
    torch.manual_seed(0)
    return enliven(
        SwinTransformer(
            img_size=32,
            patch_size=4,
            window_size=4,
            embed_dim=24,
            depths=(2, 2),
            num_heads=(3, 3),
            num_classes=0,
        )
    )


def tiny_eva() -> nn.Module:
    """EVA02: gated MLP, qkv weight used directly."""
    torch.manual_seed(0)
    return enliven(
        timm.create_model(
            "eva02_tiny_patch14_224", img_size=28, embed_dim=24, depth=2, num_heads=2, num_classes=0
        )
    )


def enliven(model: nn.Module) -> nn.Module:
    """Draws the matrices anew with std 0.2, so that no branch is close to nothing."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator))
            elif parameter.ndim == 1:
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def images_of(classes: int = 3, per_class: int = 6, size: int = 32) -> tuple[Tensor, Tensor]:
    """Images with a faint mark of their class, and their labels by turns."""
    generator = torch.Generator().manual_seed(2)
    labels = torch.arange(classes * per_class) % classes
    images = torch.randn(len(labels), 3, size, size, generator=generator)
    marks = torch.randn(classes, 3, size, size, generator=generator)
    return images + 0.5 * marks[labels], labels


def split(images: Tensor, labels: Tensor, size: int) -> Batches:
    """Batches of `size`, as a function that starts the pass anew."""
    return lambda: list(zip(images.split(size), labels.split(size), strict=True))


def plain_sites(model: VisionTransformer, images: Tensor, site: str) -> list[Tensor]:
    """The values at a site of a plain ViT by the block's own lines, restated; (B, T, D) a block."""
    x = model.patch_embed(images)
    x = torch.cat([model.cls_token.expand(len(x), -1, -1), x], dim=1) + model.pos_embed
    values = []
    for block in model.blocks:
        normed = block.norm1(x)
        branch = block.ls1(block.attn(normed))
        stream = x + branch
        mlp = block.ls2(block.mlp(block.norm2(stream)))
        if site in ("q", "k", "v"):
            values.append(block.attn.qkv(normed).chunk(3, dim=-1)["qkv".index(site)])
        else:
            places = {
                "attn": stream,
                "attn_branch": branch,
                "mlp_branch": mlp,
                "block": stream + mlp,
            }
            values.append(places[site])
        x = stream + mlp
    return values
