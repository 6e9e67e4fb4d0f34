"""What to say of a weights file that does not fit: what it looks like, and what would take it."""

import re

import torch
from torch import nn

from ict.errors import InputError
from ict.model.weight_names import State, listed
from ict.model.weight_reading import ON_THE_PATH, Reading, read_as
from ict.model.weight_tensors import GEOMETRY


def misfit(best: Reading | None, tensors: State, model: nn.Module, name: str) -> str:
    """How many of how many, what the keys look like, and what would fit."""
    model_keys = [key for key in model.state_dict() if not GEOMETRY.search(key)]
    matched = len(best.state) if best else 0
    parts = [f"{matched} of {len(model_keys)} tensors come from it", _looks(best, tensors)]
    if best is not None and matched:
        if best.missing:
            parts.append(f"it lacks {listed(list(best.missing), 2)}")
        if best.misshapen:
            parts.append(f"other shapes: {listed(list(best.misshapen), 1)}")
        if best.strangers:
            parts.append(f"the model has no place for {listed(list(best.strangers), 2)}")
    parts.append(_advice(best, tensors, model, name))
    return "; ".join(part for part in parts if part)


def _looks(best: Reading | None, tensors: State) -> str:
    if not tensors:
        return "the file holds no tensor"
    keys = listed(sorted(tensors), 2)
    layout = next(
        (words for pattern, words in _STRANGERS if any(re.search(pattern, k) for k in tensors)),
        None,
    )
    if layout:
        return f"its {len(tensors)} keys look like {layout} ({keys})"
    if best is None:
        return f"its {len(tensors)} keys are of no layout that is known ({keys})"
    under = f" under {best.prefix!r}" if best.prefix else ""
    return f"its {len(tensors)} keys look like {best.layout.name}{under} ({keys})"


_STRANGERS = (
    (
        r"\.adapter\.(weight|indices)$",
        "what a run of ict trained, which ict.load(RUN) puts on its backbone",
    ),
    (
        r"\blora_[AB]\b|\bbase_layer\b",
        "LoRA, which has to be merged first (merge_and_unload in peft)",
    ),
    (r"(^|\.)layer[1-4]\.0\.(conv1|conv2)\.", "a ResNet"),
    (r"\.(qweight|absmax|SCB|quant_map)$", "quantised weights"),
)


def _advice(best: Reading | None, tensors: State, model: nn.Module, name: str) -> str:
    """Which pooling or which backbone would fit."""
    if best is None:
        return ""
    own = model.state_dict()
    if (
        "norm.weight" in own
        and "norm.weight" in best.missing
        and "fc_norm.weight" in best.strangers
    ):
        return (
            f"fc_norm is trained on the mean of the patch tokens (timm's global_pool='avg'), and {name} reads "
            "the class token through norm; give the file from before fine-tuning, which has norm"
        )
    if (
        "fc_norm.weight" in own
        and "fc_norm.weight" in best.missing
        and "norm.weight" in best.strangers
    ):
        return (
            f"{name} reads the mean of the patch tokens through fc_norm (timm's global_pool='avg'), and the file's "
            "norm belongs to single tokens; give a fine-tuned file, which has fc_norm"
        )
    fitting = what_fits(tensors, best)
    stages = ", ".join(
        f"{blocks} blocks of {width}" for blocks, width in _stages(_converted(tensors, best))
    )
    size = f"it has {stages} channels" if stages and not best.state else ""
    fits = f"it fits {listed(fitting, 3)}" if fitting else ""
    return "; ".join(part for part in (size, fits) if part)


def what_fits(tensors: State, reading: Reading, *, tries: int = 6) -> list[str]:
    """Backbones of the same blocks and widths that the file's tensors fit, tried without memory."""
    from ict.catalogue import known
    from ict.model.architecture import build_architecture

    shapes = {key: tensor.to("meta") for key, tensor in tensors.items()}
    converted = _converted(shapes, reading)
    size = sum(t.numel() for k, t in converted.items() if k.split(".")[0] in ON_THE_PATH)
    names = {b.name.split(".")[0]: b for b in known() if b.stages == _stages(converted)}
    nearest = sorted(names, key=lambda other: (abs(names[other].parameters - size), len(other)))
    fitting: dict[str, int] = {}
    for other in nearest[:tries]:
        try:
            with torch.device("meta"):
                model = build_architecture(other)
        except InputError:  # known, and not in the timm that is installed
            continue
        tried = read_as(shapes, reading.layout, reading.prefix, model, other)
        if tried.fits:
            fitting[other] = len(tried.resized)
    return sorted(fitting, key=lambda other: fitting[other])


def _converted(tensors: State, reading: Reading) -> State:
    """The file's tensors under timm's names, for no model in particular; empty where that fails."""
    own = {k[len(reading.prefix) :]: t for k, t in tensors.items() if k.startswith(reading.prefix)}
    try:
        return reading.layout.convert(own, nn.Module())
    except (RuntimeError, KeyError, AttributeError, ValueError, IndexError):
        return {}


def _stages(converted: State) -> tuple[tuple[int, int], ...]:
    """(blocks, width) of each stage of the file's model."""
    blocks: dict[int, dict[int, int]] = {}
    for key, tensor in converted.items():
        match = re.search(r"^(?:layers\.(\d+)\.)?blocks\.(\d+)\.(?:\d+\.)?norm1\.weight$", key)
        if match and tensor.ndim == 1:
            blocks.setdefault(int(match[1] or 0), {})[int(match[2])] = len(tensor)
    return tuple((len(stage), next(iter(stage.values()))) for _, stage in sorted(blocks.items()))
