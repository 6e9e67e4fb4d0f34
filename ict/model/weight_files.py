"""Tensors out of a weights file, without running anything that the file says.

What a file is, its first bytes tell, not its name: safetensors, a NumPy archive (`allow_pickle`
off), or PyTorch's own format (`weights_only`, where of all classes beside tensors only
`argparse.Namespace` is allowed: official DINO, MoCo and MAE files keep their options in one).
"""

import argparse
import json
import pickle
import re
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from ict.errors import InputError, shortened
from ict.model.weight_names import State, flatten

_UNPACKED = 2 << 30  # bytes that a compressed archive may unpack to, however small it is
_READABLE = "safetensors, .npz, or a state dict as torch.save writes it"


def read_tensors(path: Path) -> State:
    """All tensors of the file by their full dotted names, on the CPU and as they are stored.

    Raises InputError if it is none of the readable kinds, is damaged, or holds objects of classes
    that only running the file's code could build; then with three lines that convert it.
    """
    try:
        return _READERS[_kind(path)](path)
    except InputError:
        raise
    except MemoryError as error:
        raise InputError(
            f"{path}: its tensors take more memory than is free; a damaged file may ask for too much"
        ) from error
    except Exception as error:  # a damaged file fails in more ways than can be listed
        raise InputError(f"{path}: cannot be read ({_short(error)}); give {_READABLE}") from error


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
        unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > max(_UNPACKED, 20 * path.stat().st_size):
        raise InputError(f"{path}: would unpack to {unpacked:,} bytes, which no weights do")
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
            raise
        what = f"holds objects of {shortened(named[1], 50)}, which run code"
        raise _conversion(path, what, "torch.load") from error
    if isinstance(content, Tensor) or not isinstance(content, dict):
        raise InputError(
            f"{path}: holds one {type(content).__name__} and no dictionary of tensors; give {_READABLE}"
        )
    return flatten(content)


def _refuse_torchscript(path: Path) -> State:
    raise _conversion(path, "is a TorchScript archive, which holds code", "torch.jit.load")


def _conversion(path: Path, what: str, load: str) -> InputError:
    """A refusal with the three lines that turn the file into a readable one."""
    options = 'map_location="cpu"' + (", weights_only=False" if load == "torch.load" else "")
    code = (
        f"import torch; it = {load}({json.dumps(path.name)}, {options})\n"
        'it = it.state_dict() if hasattr(it, "state_dict") else '
        '{k: getattr(v, "state_dict", lambda: v)() for k, v in it.items()}\n'
        "torch.save({k: v for k, v in it.items() if torch.is_tensor(v) or isinstance(v, dict) and "
        'all(map(torch.is_tensor, v.values()))}, "converted.pth")'
    )
    return InputError(f"{path} {what}; if you trust its source, convert it once:", code=code)


def _short(error: Exception) -> str:
    return shortened(" ".join(str(error).split()) or type(error).__name__, 160)


_READERS: dict[str, Callable[[Path], State]] = {
    "safetensors": load_file,
    "npz": _read_npz,
    "torch": _read_torch,
    "torchscript": _refuse_torchscript,
}
