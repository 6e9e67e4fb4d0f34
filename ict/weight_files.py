"""Tensors out of a weights file, without running anything that the file says.

What a file is, its first bytes tell, not its name: safetensors, a NumPy archive (`allow_pickle`
off), or PyTorch's own format (`weights_only`, where of all classes beside tensors only
`argparse.Namespace` is allowed: official DINO, MoCo and MAE files keep their options in one).
"""

import argparse
import pickle
import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ict.errors import InputError, shortened
from ict.weight_layouts import State, flatten

_READABLE = "safetensors, .npz, or a state dict as torch.save writes it"


def read_tensors(path: Path) -> State:
    """All tensors of the file by their full dotted names, on the CPU and as they are stored.

    Raises InputError if it is none of the readable kinds, is damaged, or holds objects of classes
    that only running the file's code could build; then with three lines that convert it.
    """
    try:
        kind = _kind(path)
        if kind == "safetensors":
            return load_file(path)
        if kind == "npz":
            return _read_npz(path)
        if kind == "torchscript":
            raise InputError(
                _convert(path, "is a TorchScript archive, which holds code", "torch.jit.load")
            )
        return _read_torch(path)
    except SafetensorError as error:
        raise InputError(f"{path}: not a readable safetensors file ({_short(error)})") from error
    except (OSError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: cannot be read ({_short(error)})") from error


def _kind(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(9)
    if not start:
        raise InputError(f"{path}: the file is empty")
    if start[8:9] == b"{":
        return "safetensors"
    if not start.startswith(b"PK"):
        return "torch"
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if any(name.endswith(".npy") for name in names):
        return "npz"
    return "torchscript" if any(name.endswith("/constants.pkl") for name in names) else "torch"


def _read_npz(path: Path) -> State:
    tensors: State = {}
    with np.load(path, allow_pickle=False) as archive:
        for name in archive.files:
            try:
                array = archive[name]
            except ValueError as error:
                raise InputError(
                    f"{path}: {name} is an array of Python objects, which are not unpickled; save numbers only"
                ) from error
            if array.dtype.kind == "V" and array.dtype.itemsize == 2:  # bfloat16, unknown to NumPy
                tensors[name] = torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
            elif array.dtype.kind in "fiub":
                tensors[name] = torch.from_numpy(np.ascontiguousarray(array))
    return tensors


def _read_torch(path: Path) -> State:
    with path.open("rb") as file:
        legacy_tar = (
            len(file.read(512)) == 512 and file.seek(257) == 257 and file.read(5) == b"ustar"
        )
    if legacy_tar:
        raise InputError(
            f"{path}: a tar archive, not a file of torch.save; unpack it and give the file inside"
        )
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals([argparse.Namespace]):
            warnings.simplefilter("ignore")
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        if named is None:
            raise InputError(f"{path}: not a file that can be read; give {_READABLE}") from error
        what = f"holds objects of {named[1][:80]}, and reading those would run code"
        raise InputError(_convert(path, what, "torch.load")) from error
    except (
        RuntimeError,
        ValueError,
        TypeError,
        AttributeError,
        KeyError,
        IndexError,
        UnicodeDecodeError,
        RecursionError,
    ) as error:
        raise InputError(
            f"{path}: not a file that can be read ({_short(error)}); give {_READABLE}"
        ) from error
    if isinstance(content, Tensor) or not isinstance(content, dict):
        raise InputError(
            f"{path}: holds one {type(content).__name__} and no dictionary of tensors; give {_READABLE}"
        )
    return flatten(content)


def _convert(path: Path, what: str, load: str) -> str:
    """The sentence of a refusal, with the three lines that turn the file into a readable one."""
    options = 'map_location="cpu"' + (", weights_only=False" if load == "torch.load" else "")
    name = path.name if len(path.name) <= 50 else f"FILE{path.suffix}"
    return (
        f"{shortened(str(path), 120)}: {what}; if you trust where it comes from, convert it once:\n"
        f'import torch; it = {load}("{name}", {options})\n'
        'it = it.state_dict() if hasattr(it, "state_dict") else it.get("state_dict", it.get("model", it))\n'
        'torch.save({k: v for k, v in it.items() if torch.is_tensor(v)}, "converted.pth")'
    )


def _short(error: Exception) -> str:
    return shortened(" ".join(str(error).split()) or type(error).__name__, 160)
