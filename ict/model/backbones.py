"""Backbones: timm's vision transformers by name and the bundled one, with their weights.

No backbone's code is copied: a model is timm's own, found blocks and stages included.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor, nn

from ict.catalogue import BUNDLED, QKV_SITES, STREAM_SITES, Backbone, as_backbone
from ict.errors import InputError
from ict.model.architecture import TINY, build_architecture
from ict.model.timm_types import TimmBlock, TimmModel, split_attention, timm_block, timm_model
from ict.model.weight_fit import load_weights, resize_weights

_NOTES = "ict_weights_notes"  # attribute of a loaded model: what its weights file left over

# Blocks that compute x + drop_path1(branch) and then x + drop_path2(branch). Value: whether
# `attn.qkv` is called as a module, without which q, k and v cannot be hooked.
_BLOCKS = {
    ("vision_transformer", "Block"): True,
    ("vision_transformer", "ResPostBlock"): True,
    ("swin_transformer", "SwinTransformerBlock"): True,
    ("swin_transformer_v2", "SwinTransformerV2Block"): False,
    ("beit", "Block"): False,
    ("eva", "EvaBlock"): False,
    ("eva", "EvaBlockPostNorm"): False,
}


def load_backbone(
    backbone: str | Backbone,
    *,
    weights: str,
    weights_file: Path | None,
    classes: int,
    seed: int = 0,
    drop_path: float = 0.0,
    image_size: int | None = None,
) -> nn.Module:
    """The backbone with its weights and a fresh head of `classes` outputs, in float32 on the CPU.

    `weights` = "none" gives random weights, always those of seed 0; anything else is read from
    `weights_file`, in any layout of `ict.model.weight_layouts`, and all of it or nothing. The head is drawn
    from `seed` alone: trunc-normal std 0.02, bias 0. `weights_notes` says what the file left over,
    and timm's `resolve_model_data_config` which pixels the model takes. For images of another
    `image_size` than its own, tables of positions are resized as timm does. Raises InputError if the file
    does not fit the architecture, or the size its patches.
    """
    sized = as_backbone(backbone).at(image_size)
    name = sized.name
    torch.manual_seed(0)
    model = build_architecture(name, classes=0, drop_path=drop_path, image_size=image_size)
    if weights == "none":
        if image_size is not None:
            torch.manual_seed(0)
            resize_weights(model, name, build_architecture(name, classes=0))
    else:
        if weights_file is None:
            raise InputError(
                f"weights of {name} are not on this machine; give them with --weights FILE"
            )
        setattr(model, _NOTES, load_weights(model, name, weights_file))
    if classes:
        add_head(model, classes, seed=seed)
    describe_pixels(model, size=sized.image_size, mean=sized.mean, std=sized.std)
    return model.eval()


def weights_notes(model: nn.Module) -> tuple[str, ...]:
    """What `load_backbone` found worth a note in the model's weights file."""
    return getattr(model, _NOTES, ())


def describe_pixels(
    model: nn.Module, *, size: int, mean: Sequence[float], std: Sequence[float]
) -> None:
    """Writes the input that the model was made for where timm looks for it: `model.pretrained_cfg`.

    Images are squashed to `size` pixels with no crop, as `ict.data` decodes them.
    """
    timm_model(model).pretrained_cfg = {
        **(getattr(model, "pretrained_cfg", None) or {}),
        "input_size": (3, size, size),
        "test_input_size": None,
        "mean": tuple(mean),
        "std": tuple(std),
        "interpolation": "bicubic",
        "crop_pct": 1.0,
        "test_crop_pct": None,
        "crop_mode": "squash",
    }


def add_head(model: nn.Module, classes: int, *, seed: int) -> None:
    """Gives `model` a linear head of `classes` outputs that depends on `seed` alone."""
    timm_model(model).reset_classifier(classes)
    head = classification_head(model)
    generator = torch.Generator().manual_seed(seed)
    nn.init.trunc_normal_(head.weight, std=0.02, generator=generator)
    nn.init.zeros_(head.bias)


def redraw_head(model: nn.Module, *, seed: int) -> None:
    """The start of PyTorch's `nn.Linear`, as the authors' code has it, from `seed` alone.

    Weights and biases are uniform within ±1/√F for F features.
    """
    head = classification_head(model)
    generator = torch.Generator().manual_seed(seed)
    for parameter in (head.weight, head.bias):
        nn.init.uniform_(
            parameter, -(head.in_features**-0.5), head.in_features**-0.5, generator=generator
        )


def classification_head(model: nn.Module) -> nn.Linear:
    """The last linear layer, which reads the pooled features."""
    return timm_model(model).get_classifier()


def head_modules(model: nn.Module) -> tuple[nn.Module, ...]:
    """The classification heads: one, two in a distilled DeiT, none where features are given out."""
    classifier: object = timm_model(model).get_classifier()
    heads = classifier if isinstance(classifier, (tuple, list)) else (classifier,)
    return tuple(head for head in heads if isinstance(head, nn.Module))


def pooled_features(model: Any, images: Tensor) -> Tensor:
    """(B, F): what the model's own classification head reads, whether or not it has one."""
    return model.forward_head(model.forward_features(images), pre_logits=True).flatten(1)


def head_name(model: nn.Module) -> str:
    """The state-dict prefix of the head, `head` or `head.fc`."""
    head = classification_head(model)
    return next(name for name, module in model.named_modules() if module is head)


def block_stages(model: nn.Module) -> list[list[TimmBlock]]:
    """The blocks of each stage: one stage for a ViT, four for a Swin. InputError if not supported."""
    blocks, layers = getattr(model, "blocks", None), getattr(model, "layers", None)
    if isinstance(blocks, nn.Module):
        stages = [list(blocks.children())]
    elif isinstance(layers, nn.Module):
        stages = [list(getattr(stage, "blocks", [])) for stage in layers.children()]
    else:
        stages = []
    kinds = {block_kind(block) for stage in stages for block in stage}
    if not kinds or not kinds <= set(_BLOCKS):
        met = ", ".join(sorted(".".join(kind) for kind in kinds)) or "none"
        raise InputError(
            f"{type(model).__name__} is not supported (blocks: {met}); supported are timm's ViT, DeiT, "
            "DINOv2, DINOv3, CLIP, SigLIP, BEiT, EVA02, Swin and Swin v2"
        )
    return [[timm_block(block) for block in stage] for stage in stages]


def block_kind(block: nn.Module) -> tuple[str, str]:
    return type(block).__module__.rsplit(".", 1)[-1], type(block).__name__


def calls_qkv(block: nn.Module) -> bool:
    """True if the block calls `attn.qkv` as one module, so that q, k and v can be read and tuned."""
    qkv = getattr(getattr(block, "attn", None), "qkv", None)
    return _BLOCKS[block_kind(block)] and isinstance(qkv, nn.Linear)


def prefix_tokens(model: nn.Module) -> int:
    """Class, distillation and register tokens that stand before the patch tokens."""
    return int(getattr(model, "num_prefix_tokens", 0) or 0)


def use_fastest_attention(model: nn.Module, device: str, precision: str) -> None:
    """On a CPU in bfloat16 timm's fused attention is slower than the plain one (1.3 to 2 times)."""
    if device == "cpu" and precision == "bf16":
        for module in model.modules():
            if (attention := split_attention(module)) is not None:
                attention.fused_attn = False


def describe(name: str) -> Backbone:
    """Everything the catalogue holds of a backbone, from the architecture alone (no memory used)."""
    with torch.device("meta"):
        model = timm_model(build_architecture(name))
    stages = block_stages(model)
    blocks = [block for stage in stages for block in stage]
    configuration = getattr(model, "pretrained_cfg", {}) or {}
    bundled = name == BUNDLED
    size = TINY["img_size"] if bundled else _image_size(model, configuration)
    half = (0.5, 0.5, 0.5)
    return Backbone(
        name=name,
        family=BUNDLED if bundled else _family(name, block_kind(blocks[0])[0]),
        image_size=size,
        patch_size=_patch_size(model, size),
        stages=tuple((len(stage), _width(stage[0])) for stage in stages),
        heads=tuple(stage[0].attn.num_heads for stage in stages),
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        biases=sum(p.numel() for name, p in model.named_parameters() if name.endswith("bias")),
        features=int(
            model.head_hidden_size if hasattr(model, "head_hidden_size") else model.num_features
        ),
        prefix_tokens=prefix_tokens(model),
        sites=STREAM_SITES + (QKV_SITES if all(map(calls_qkv, blocks)) else ()),
        mean=half if bundled else tuple(configuration.get("mean", half)),
        std=half if bundled else tuple(configuration.get("std", half)),
        hub=None if bundled else configuration.get("hf_hub_id"),
    )


def _image_size(model: nn.Module, configuration: dict[str, Any]) -> int:
    size = getattr(getattr(model, "patch_embed", None), "img_size", None)
    return int(size[0]) if size else int(configuration["input_size"][-1])


def _patch_size(model: TimmModel, size: int) -> int:
    """Pixels between two patches, which in a hybrid are more than its patch embedding says."""
    grid = getattr(model.patch_embed, "grid_size", None)
    return size // int(grid[0]) if grid else int(model.patch_embed.patch_size[0])


def _width(block: TimmBlock) -> int:
    return int(block.norm1.weight.shape[0])


def _family(name: str, module: str) -> str:
    for word in ("dinov3", "dinov2", "siglip", "clip", "deit3", "deit", "eva02"):
        if word in name:
            return word
    return {
        "vision_transformer": "vit",
        "swin_transformer": "swin",
        "swin_transformer_v2": "swinv2",
    }.get(module, module)


def write_catalogue(path: Path) -> int:
    """Writes what timm's pretrained backbones of the supported families look like; gives how many."""
    architectures: dict[str, dict[str, Any]] = {}
    backbones: dict[str, dict[str, Any]] = {}
    patterns = ["vit_*", "deit*", "beit*", "eva02*", "swin_*", "swinv2_*"]
    names = sorted({n for pattern in patterns for n in timm.list_models(pattern, pretrained=True)})
    for name in [BUNDLED, *names, *sorted({n.split(".")[0] for n in names})]:
        try:
            record = _record(describe(name))
        except (InputError, RuntimeError, TypeError, AttributeError):
            continue  # a variant with other blocks, which block_stages refuses by name when asked
        own = {key: record.pop(key) for key in ("mean", "std", "hub")}
        record.pop("name")
        key = json.dumps(record, sort_keys=True)
        architectures.setdefault(key, record)
        backbones[name] = {"architecture": list(architectures).index(key), **own}
    lines = ",\n".join(
        f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in backbones.items()
    )
    table = ",\n".join(json.dumps(record) for record in architectures.values())
    path.write_text(f'{{"architectures": [\n{table}\n],\n"backbones": {{\n{lines}\n}}}}\n')
    return len(backbones)


def _record(backbone: Backbone) -> dict[str, Any]:
    return json.loads(json.dumps(backbone.__dict__))


def _answer(described: str | None, fits: Sequence[str] | None) -> dict[str, Any]:
    if fits is None:
        return _record(describe(str(described)))
    name, path = fits
    notes = load_weights(build_architecture(name, classes=0), name, Path(path))
    return {"notes": notes}


def main(arguments: Sequence[str] | None = None) -> None:
    """Describes one backbone as JSON, or tries a weights file on one, or rewrites the catalogue."""
    parser = argparse.ArgumentParser(prog="python -m ict.model.backbones", description=main.__doc__)
    parser.add_argument("--describe", metavar="NAME", help="print what NAME looks like")
    parser.add_argument(
        "--fits", nargs=2, metavar=("NAME", "FILE"), help="whether FILE is weights of NAME"
    )
    options = parser.parse_args(arguments)
    if options.describe or options.fits:
        try:
            print(json.dumps(_answer(options.describe, options.fits)))
        except InputError as error:
            print(json.dumps({"error": error.sentence, "code": error.code}))
        return
    path = Path(__file__).parents[1] / "catalogue.json"
    print(f"{write_catalogue(path)} backbones written to {path}")


if __name__ == "__main__":
    main()
