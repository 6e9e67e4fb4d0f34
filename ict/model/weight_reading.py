"""A file's tensors under timm's names and in a model's shapes, and how the two compare."""

from dataclasses import dataclass
from math import isqrt, prod

import torch
from timm.layers import resample_abs_pos_embed, resample_patch_embed, resize_rel_pos_bias_table
from torch import Tensor, nn

from ict.model.timm_types import timm_model, window_size
from ict.model.weight_layouts import Layout
from ict.model.weight_names import State
from ict.model.weight_tensors import GEOMETRY, to_model

# The parts of a vision transformer that its features pass through, by their first word in timm.
ON_THE_PATH = frozenset(
    "blocks layers patch_embed pos_embed cls_token reg_token dist_token norm_pre norm fc_norm rel_pos_bias".split()
)


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


def read_as(tensors: State, layout: Layout, prefix: str, model: nn.Module, name: str) -> Reading:
    own = {key[len(prefix) :]: tensor for key, tensor in tensors.items() if key.startswith(prefix)}
    needed = {k: v for k, v in model.state_dict().items() if not GEOMETRY.search(k)}
    try:
        converted = to_model(layout.convert(own, model), model)
    except (RuntimeError, KeyError, AttributeError, ValueError, IndexError):
        converted = {}  # a tensor of another shape than this layout has
    linear = layout.interpolation == "bilinear" or any(
        word in name for word in ("flexivit", "radio")
    )
    state, misshapen, resized = {}, [], []
    for key in needed.keys() & converted.keys():
        tensor, shape = converted[key], needed[key].shape
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
    outside = [key for key in converted if key not in needed]
    strangers = [key for key in outside if _matters(key, converted[key])]
    return Reading(
        layout=layout,
        prefix=prefix,
        state=state,
        wanted=len(needed),
        missing=tuple(key for key in needed if key not in converted),
        misshapen=tuple(sorted(misshapen)),
        strangers=tuple(strangers),
        left_over=tuple(key for key in outside if key not in strangers),
        resized=tuple(sorted(resized)),
    )


def _matters(name: str, tensor: Tensor) -> bool:
    """True if the file's model computes its features with it; a bias of zeros changes nothing."""
    if name.split(".", maxsplit=1)[0] not in ON_THE_PATH:
        return False
    zero_bias = name.endswith("bias") and not tensor.is_meta and not bool(tensor.any())
    return not zero_bias


def _in_shape(
    name: str, tensor: Tensor, wanted: torch.Size, model: nn.Module, *, smooth: bool
) -> Tensor:
    """Grids of positions and patches in the model's size, as timm resizes them; all else untouched."""
    kind = "bicubic" if smooth else "bilinear"
    if tensor.shape == wanted:
        return tensor
    if name == "patch_embed.proj.weight":
        if tensor.ndim == 2 and tensor.numel() == prod(wanted):  # a linear layer over flat patches
            return tensor.reshape(wanted)
        if tensor.ndim == 4 and tensor.shape[:2] == wanted[:2]:
            return resample_patch_embed(
                tensor.float(), list(wanted[2:]), interpolation=kind, antialias=smooth
            )
    if name == "pos_embed" and tensor.ndim == 3 and tensor.shape[-1] == wanted[-1]:
        prefix = (
            0 if getattr(model, "no_embed_class", False) else timm_model(model).num_prefix_tokens
        )
        if isqrt(tensor.shape[1] - prefix) ** 2 == tensor.shape[1] - prefix:
            grid = list(timm_model(model).patch_embed.grid_size)
            return resample_abs_pos_embed(
                tensor.float(),
                grid,
                num_prefix_tokens=prefix,
                interpolation=kind,
                antialias=smooth,
            )
    if name.endswith("relative_position_bias_table") and tensor.shape[-1] == wanted[-1]:
        attention = model.get_submodule(name.rpartition(".")[0])
        return resize_rel_pos_bias_table(tensor.float(), window_size(attention), tuple(wanted))
    return tensor
