"""Whether a file's tensors are the weights of a model: every one of them, in its shape, or a refusal.

Everything on the path to the features comes from the file. What is computed from sizes alone
(`GEOMETRY`) need not; and what the file computes its features with, but the model has no place for
(more blocks, a norm before them, LayerScale, registers), is as wrong as what is missing.
"""

import re
from collections import Counter
from dataclasses import dataclass
from math import isqrt, prod
from pathlib import Path

import torch
from timm.layers import resample_abs_pos_embed, resample_patch_embed, resize_rel_pos_bias_table
from torch import Tensor, nn

from ict.errors import InputError, shortened
from ict.model.weight_files import read_tensors
from ict.model.weight_layouts import GEOMETRY, LAYOUTS, Layout, State, to_model

_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)

# The parts of a vision transformer that its features pass through, by their first word in timm.
_ON_THE_PATH = frozenset(
    "blocks layers patch_embed pos_embed cls_token reg_token dist_token norm_pre norm fc_norm rel_pos_bias".split()
)
# Which of several models in one file is read, by the words of its prefix: averaged weights, the one
# without prefix, the teacher, any other, and last what their authors do not evaluate.
_RANKS = {
    **dict.fromkeys(("state_dict_ema", "model_ema", "ema", "ema_state_dict"), 0),
    "": 1,
    "teacher": 2,
    **dict.fromkeys(("student", "target_encoder", "momentum_encoder"), 4),
}
_OTHER = 3


@dataclass(frozen=True)
class Reading:
    """A file's tensors under timm's names, and how they compare with a model's."""

    layout: Layout
    prefix: str
    state: State
    """What fits, in float32 and in the model's shapes."""
    wanted: int
    missing: tuple[str, ...]
    misshapen: tuple[str, ...]
    strangers: tuple[str, ...]
    """On the file's path to the features, but nowhere in the model."""
    left_over: tuple[str, ...]
    resized: tuple[str, ...]

    @property
    def fits(self) -> bool:
        return not (self.missing or self.misshapen or self.strangers)


def load_weights(model: nn.Module, name: str, path: Path) -> tuple[str, ...]:
    """Loads the file into `model` (a timm model without head) and gives notes for the run's record.

    Raises InputError unless every parameter and persistent buffer is in the file and fits.
    """
    tensors = read_tensors(path)
    readings = [
        _read(tensors, layout, prefix, model, name)
        for layout in LAYOUTS
        for prefix in layout.prefixes(tensors)
    ]
    chosen = _choose([reading for reading in readings if reading.fits], path)
    if chosen is None:
        best = max(readings, key=lambda r: (len(r.state), -len(r.strangers)), default=None)
        raise InputError(f"{path}: not weights of {name}: {_misfit(best, tensors, model, name)}")
    _check_values(chosen.state, path)
    model.load_state_dict({**_computed(model), **chosen.state}, strict=True)
    return _notes(chosen, tensors, readings)


def _read(tensors: State, layout: Layout, prefix: str, model: nn.Module, name: str) -> Reading:
    own = {key[len(prefix) :]: tensor for key, tensor in tensors.items() if key.startswith(prefix)}
    wanted = {k: v for k, v in model.state_dict().items() if not GEOMETRY.search(k)}
    try:
        converted = to_model(layout.convert(own, model), model)
    except (RuntimeError, KeyError, AttributeError, ValueError, IndexError):
        converted = {}  # a tensor of another shape than this layout has
    linear = layout.interpolation == "bilinear" or any(
        word in name for word in ("flexivit", "radio")
    )
    state, misshapen, resized = {}, [], []
    for key in wanted.keys() & converted.keys():
        tensor, shape = converted[key], wanted[key].shape
        try:
            fitted = _in_shape(key, tensor, shape, model, smooth=not linear)
        except (RuntimeError, ValueError, AssertionError, IndexError, TypeError, ZeroDivisionError):
            fitted = tensor
        if fitted.shape != shape:
            misshapen.append(
                f"{key} {tuple(tensor.shape)} in the file, {tuple(shape)} in the model"
            )
            continue
        if fitted is not tensor and fitted.numel() != tensor.numel():
            resized.append(key)
        state[key] = fitted
    outside = [key for key in converted if key not in wanted]
    strangers = [key for key in outside if _matters(key, converted[key])]
    return Reading(
        layout=layout,
        prefix=prefix,
        state=state,
        wanted=len(wanted),
        missing=tuple(key for key in wanted if key not in converted),
        misshapen=tuple(sorted(misshapen)),
        strangers=tuple(strangers),
        left_over=tuple(key for key in outside if key not in strangers),
        resized=tuple(sorted(resized)),
    )


def _matters(name: str, tensor: Tensor) -> bool:
    """True if the file's model computes its features with it; a bias of zeros changes nothing."""
    if name.split(".", maxsplit=1)[0] not in _ON_THE_PATH:
        return False
    zero_bias = name.endswith("bias") and not tensor.is_meta and not bool(tensor.any())
    return not zero_bias


def _in_shape(
    name: str, tensor: Tensor, wanted: torch.Size, model: nn.Module, *, smooth: bool
) -> Tensor:
    """Grids of positions and patches in the model's size, as timm resizes them; all else untouched."""
    how = {"interpolation": "bicubic" if smooth else "bilinear", "antialias": smooth}
    if tensor.shape == wanted:
        return tensor
    if name == "patch_embed.proj.weight":
        if tensor.ndim == 2 and tensor.numel() == prod(wanted):  # a linear layer over flat patches
            return tensor.reshape(wanted)
        if tensor.ndim == 4 and tensor.shape[:2] == wanted[:2]:
            return resample_patch_embed(tensor.float(), list(wanted[2:]), **how)
    if name == "pos_embed" and tensor.ndim == 3 and tensor.shape[-1] == wanted[-1]:
        prefix = 0 if getattr(model, "no_embed_class", False) else int(model.num_prefix_tokens)
        if isqrt(tensor.shape[1] - prefix) ** 2 == tensor.shape[1] - prefix:
            grid = list(model.patch_embed.grid_size)
            return resample_abs_pos_embed(tensor.float(), grid, num_prefix_tokens=prefix, **how)
    if name.endswith("relative_position_bias_table") and tensor.shape[-1] == wanted[-1]:
        attention = model.get_submodule(name.rpartition(".")[0])
        return resize_rel_pos_bias_table(tensor.float(), attention.window_size, tuple(wanted))
    return tensor


def _choose(fitting: list[Reading], path: Path) -> Reading | None:
    """The preferred of several models in one file; InputError if two of equal standing differ."""
    ranked = sorted(fitting, key=lambda r: (_rank(r.prefix), len(r.prefix)))
    for other in ranked[1:]:
        if _rank(other.prefix) == _rank(ranked[0].prefix) and not _same(other, ranked[0]):
            raise InputError(
                f"{path}: holds two models that fit, under {ranked[0].prefix!r} and {other.prefix!r}; save the "
                'one that is meant: torch.save(torch.load(FILE)["…"], "one.pth")'
            )
    return ranked[0] if ranked else None


def _rank(prefix: str) -> int:
    words = re.split(r"[./]", prefix.rstrip("./"))
    found = [_RANKS[word] for word in words if word in _RANKS]
    return (max if 4 in found else min)(found, default=_OTHER)


def _same(one: Reading, other: Reading) -> bool:
    return all(torch.equal(one.state[key].float(), other.state[key].float()) for key in one.state)


def _check_values(state: State, path: Path) -> None:
    """Casts to float32 in place; InputError for what is no finite floating-point number."""
    for name, tensor in state.items():
        if tensor.dtype not in _FLOATS or tensor.layout != torch.strided or tensor.is_meta:
            raise InputError(
                f"{path}: {name} is {str(tensor.dtype).removeprefix('torch.')}"
                f"{' without values' if tensor.is_meta else ''}, not floating point (quantised weights have "
                "to be saved in float16, bfloat16 or float32)"
            )
        state[name] = tensor.float().contiguous()
        wrong = int((~state[name].isfinite()).sum())
        if wrong:
            raise InputError(
                f"{path}: {wrong} of the {tensor.numel()} numbers of {name} are NaN or infinite; the file is damaged"
            )


def _computed(model: nn.Module) -> State:
    return {key: value for key, value in model.state_dict().items() if GEOMETRY.search(key)}


def _notes(chosen: Reading, tensors: State, readings: list[Reading]) -> tuple[str, ...]:
    """One sentence on what was read, resized and left over; none if nothing was."""
    parts = []
    if chosen.layout.name != "timm" or chosen.prefix:
        where = f" under {chosen.prefix!r}" if chosen.prefix else ""
        parts.append(f"read as {chosen.layout.name}{where}")
    if chosen.resized:
        parts.append(f"resized {_listed(_tables(chosen.resized))}")
    rest = [key for key in tensors if not key.startswith(chosen.prefix)]
    left = _grouped(list(chosen.left_over)) + _grouped(rest)
    if left:
        parts.append(f"left over {_listed(left)}")
    others = sorted({r.prefix for r in readings if r.fits and r.prefix != chosen.prefix})
    if others:
        parts.append(f"other models in it: {_listed([repr(prefix) for prefix in others])}")
    return (f"weights file: {'; '.join(parts)}",) if parts else ()


def _tables(names: tuple[str, ...]) -> list[str]:
    tables = Counter(name.rpartition(".")[2] if "table" in name else name for name in names)
    return [name if count == 1 else f"{name} ({count})" for name, count in tables.items()]


def _grouped(names: list[str]) -> list[str]:
    groups = Counter(re.split(r"[./]", name)[0] for name in names)
    return [f"{name[:60]} ({count} tensor{'s' * (count > 1)})" for name, count in groups.items()]


def _listed(words: list[str], most: int = 6) -> str:
    shown = [shortened(word, 100) for word in words[:most]]
    return ", ".join(shown) + (f" and {len(words) - most} more" if len(words) > most else "")


def _misfit(best: Reading | None, tensors: State, model: nn.Module, name: str) -> str:
    """How many of how many, what the keys look like, and what would fit."""
    wanted = [key for key in model.state_dict() if not GEOMETRY.search(key)]
    matched = len(best.state) if best else 0
    parts = [f"{matched} of {len(wanted)} tensors come from it", _looks(best, tensors)]
    if best is not None and matched:
        if best.missing:
            parts.append(f"it lacks {_listed(list(best.missing), 2)}")
        if best.misshapen:
            parts.append(f"other shapes: {_listed(list(best.misshapen), 1)}")
        if best.strangers:
            parts.append(f"the model has no place for {_listed(list(best.strangers), 2)}")
    parts.append(_advice(best, tensors, model, name))
    return "; ".join(part for part in parts if part)


def _looks(best: Reading | None, tensors: State) -> str:
    if not tensors:
        return "the file holds no tensor"
    keys = _listed(sorted(tensors), 2)
    known = next(
        (words for pattern, words in _STRANGERS if any(re.search(pattern, k) for k in tensors)),
        None,
    )
    if known:
        return f"its {len(tensors)} keys look like {known} ({keys})"
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
    fits = f"it fits {_listed(fitting, 3)}" if fitting else ""
    return "; ".join(part for part in (size, fits) if part)


def what_fits(tensors: State, reading: Reading, *, tries: int = 6) -> list[str]:
    """Backbones of the same blocks and widths that the file's tensors fit, tried without memory."""
    from ict.catalogue import known
    from ict.model.architecture import build_architecture

    shapes = {key: tensor.to("meta") for key, tensor in tensors.items()}
    converted = _converted(shapes, reading)
    size = sum(t.numel() for k, t in converted.items() if k.split(".")[0] in _ON_THE_PATH)
    names = {b.name.split(".")[0]: b for b in known() if b.stages == _stages(converted)}
    nearest = sorted(names, key=lambda other: (abs(names[other].parameters - size), len(other)))
    fitting: dict[str, int] = {}
    for other in nearest[:tries]:
        with torch.device("meta"):
            model = build_architecture(other)
        tried = _read(shapes, reading.layout, reading.prefix, model, other)
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
        found = re.search(r"^(?:layers\.(\d+)\.)?blocks\.(\d+)\.(?:\d+\.)?norm1\.weight$", key)
        if found and tensor.ndim == 1:
            blocks.setdefault(int(found[1] or 0), {})[int(found[2])] = len(tensor)
    return tuple((len(stage), next(iter(stage.values()))) for _, stage in sorted(blocks.items()))
