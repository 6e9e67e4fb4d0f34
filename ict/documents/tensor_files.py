"""Opening safetensors files that others may have written: whole and of the right shapes, or a reason."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from ict.documents.shapes import shown
from ict.errors import InputError
from ict.files import open_regular
from ict.plain_json import parse_json

_FLOATS = ("F16", "F32", "F64")


@contextmanager
def open_tensors(path: Path | str, *, framework: str = "numpy") -> Iterator[Any]:
    """A safetensors file, opened; only what is asked for is read.

    Raises InputError, then and while it is open, for what is no regular file, torn, or lacks what is
    asked for. Never waits.
    """
    try:
        os.close(open_regular(path))
        with safe_open(path, framework=framework) as file:
            yield file
    except SafetensorError as error:
        raise InputError(f"is not a whole safetensors file ({shown(error)[:200]})") from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}") from error
    except AttributeError as error:
        if error.obj is not np:
            raise
        raise InputError(f"holds numbers of a type that is not read here ({error.name})") from error
    except MemoryError as error:
        raise InputError("is larger than the memory that is free") from error


def header(file: Any, name: str = "meta") -> dict[str, Any]:
    """The JSON table `name` in a file's header; empty if there is none. Raises InputError."""
    document = parse_json(
        ((file.metadata() or {}).get(name) or "{}").encode(errors="surrogatepass")
    )
    if not isinstance(document, dict):
        raise InputError(f"has no table {name!r} in its header")
    return document


def shapes(file: Any) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor by name, from the header alone."""
    return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118


def check_floats(file: Any, name: str) -> None:
    kind = file.get_slice(name).get_dtype()
    if kind not in _FLOATS:
        raise InputError(f"{name} is of type {kind}, not float")


def check_shape(
    found: Mapping[str, tuple[int, ...]], name: str, wanted: tuple[int | None, ...]
) -> tuple[int, ...]:
    """The shape of tensor `name`; InputError unless it is `wanted`, in which None is any size."""
    shape = found.get(name)
    if shape is None:
        raise InputError(f"has no tensor {name}")
    alike = len(shape) == len(wanted) and all(
        w in (None, s) for s, w in zip(shape, wanted, strict=True)
    )
    if not alike:
        words = ", ".join("any" if w is None else str(w) for w in wanted)
        raise InputError(f"{name} has the shape {shape}, not ({words})")
    return shape
