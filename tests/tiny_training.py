"""A training that takes no time: a tiny backbone, images that it learns, and the settings."""

import torch
from timm.models.vision_transformer import VisionTransformer

import ict
from ict.data import ImageSet
from ict.model.backbones import add_head
from ict.training import Settings


def settings(**changed):
    return Settings(
        **{
            "epochs": 4,
            "batch_size": 8,
            "lr": 0.01,
            "weight_decay": 0.0,
            "warmup_epochs": 1,
            "label_smoothing": 0.0,
            "seed": 3,
            "precision": "fp32",
            "mean": (0.5,) * 3,
            "std": (0.5,) * 3,
            **changed,
        }
    )


def tiny(classes=4, drop_path=0.0, depth=3):
    torch.manual_seed(0)
    model = VisionTransformer(
        img_size=16,
        patch_size=8,
        embed_dim=24,
        depth=depth,
        num_heads=2,
        num_classes=0,
        drop_path_rate=drop_path,
    )
    add_head(model, classes, seed=1)
    return model


def images(n=40, classes=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % classes
    pixels = torch.randint(0, 60, (n, 3, 16, 16), generator=generator)
    pixels[torch.arange(n), labels % 3, :, :8] += 60 * (1 + labels[:, None, None])
    return ImageSet(pixels.clamp(0, 255).to(torch.uint8), labels, classes)


def adapted(**options):
    model = tiny(drop_path=options.pop("drop_path", 0.0))
    site = options.pop("site", "attn")
    scores = ict.score(model, [(torch.randn(8, 3, 16, 16), torch.arange(8) % 4)], site=site)
    return ict.attach(model, ict.select(scores, k=6), **options)
