"""Whether a file's tensors are the weights of a model: every one of them, in its shape, or a refusal.

Everything on the path to the features comes from the file. What is computed from sizes alone
(`GEOMETRY`) need not; and what the file computes its features with, but the model has no place for
(more blocks, a norm before them, LayerScale, registers), is as wrong as what is missing.
"""

import re
from pathlib import Path

import torch
from torch import nn

from ict.errors import InputError
from ict.model.weight_advice import misfit
from ict.model.weight_files import read_tensors
from ict.model.weight_layouts import LAYOUTS
from ict.model.weight_names import State, grouped, listed, tables
from ict.model.weight_reading import Reading, read_as
from ict.model.weight_tensors import GEOMETRY

_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)

# Which of several models in one file is read, by the words of its prefix: averaged weights, the one
# without prefix, the teacher, any other, and last what their authors do not evaluate.
_RANKS = {
    **dict.fromkeys(("state_dict_ema", "model_ema", "ema", "ema_state_dict"), 0),
    "": 1,
    "teacher": 2,
    **dict.fromkeys(("student", "target_encoder", "momentum_encoder"), 4),
}
_OTHER = 3


def load_weights(model: nn.Module, name: str, path: Path) -> tuple[str, ...]:
    """Loads the file into `model` (a timm model without head) and gives notes for the run's record.

    Raises InputError unless every parameter and persistent buffer is in the file and fits.
    """
    tensors = read_tensors(path)
    readings = [
        read_as(tensors, layout, prefix, model, name)
        for layout in LAYOUTS
        for prefix in layout.prefixes(tensors)
    ]
    chosen = _choose([reading for reading in readings if reading.fits], path)
    if chosen is None:
        best = max(readings, key=lambda r: (len(r.state), -len(r.strangers)), default=None)
        raise InputError(f"{path}: not weights of {name}: {misfit(best, tensors, model, name)}")
    _check_values(chosen.state, path)
    model.load_state_dict({**_computed(model), **chosen.state}, strict=True)
    return _notes(chosen, tensors, readings)


def resize_weights(model: nn.Module, name: str, of: nn.Module) -> None:
    """Gives `model` the weights `of` the same architecture made for images of another size."""
    read = read_as(dict(of.state_dict()), LAYOUTS[0], "", model, name)
    if not read.fits:
        wrong = listed([*read.missing, *read.misshapen])
        raise InputError(f"{name} cannot take images of another size: {wrong} cannot be resized")
    model.load_state_dict({**_computed(model), **read.state}, strict=True)


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
    ranks = [_RANKS[word] for word in words if word in _RANKS]
    return (max if 4 in ranks else min)(ranks, default=_OTHER)


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
        parts.append(f"resized {listed(tables(chosen.resized))}")
    rest = [key for key in tensors if not key.startswith(chosen.prefix)]
    left = grouped(list(chosen.left_over)) + grouped(rest)
    if left:
        parts.append(f"left over {listed(left)}")
    others = sorted({r.prefix for r in readings if r.fits and r.prefix != chosen.prefix})
    if others:
        parts.append(f"other models in it: {listed([repr(prefix) for prefix in others])}")
    return (f"weights file: {'; '.join(parts)}",) if parts else ()
