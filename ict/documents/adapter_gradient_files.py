"""Gradients of dense adapters as safetensors: names, types and shapes, checked before anything is read."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ict.documents.shapes import fields, list_of, shown, table, whole
from ict.documents.tensor_files import check_floats, check_shape, header, open_tensors, shapes
from ict.errors import InputError

_NAME = re.compile(r"([a-z_]+)\.(\d{1,2})\.([Gg])\.(\d{1,2})")
_HEADER = fields(
    {"images_of_parts": list_of(whole())}, {"heads_of_parts": list_of(whole()), "options": table}
)

Read = tuple[dict[str, np.ndarray], tuple[int, ...], dict[str, Any], tuple[int, ...]]


def gradient_bytes(
    arrays: Mapping[str, np.ndarray],
    images: Sequence[int],
    heads: Sequence[int],
    meta: Mapping[str, Any],
) -> bytes:
    """The file of arrays as `ict.adapter_gradients.AdapterGradients` names them, float32 or float16."""
    from safetensors.numpy import save

    tensors = {
        name: np.ascontiguousarray(a, dtype=np.float16 if a.dtype == np.float16 else np.float32)
        for name, a in arrays.items()
    }
    said = {**meta, "images_of_parts": list(images), "heads_of_parts": list(heads)}
    return save(tensors, metadata={"meta": json.dumps(said, sort_keys=True)})


def read_gradients(path: Path) -> Read:
    """Arrays, images of each part, the rest of the header, and the head of each part.

    Raises InputError, naming the file.
    """
    try:
        with open_tensors(path) as file:
            meta = _check(file)
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except InputError as error:
        raise InputError(f"{shown(path)}: not a file of adapter gradients ({error})") from error
    images, heads = tuple(meta.pop("images_of_parts")), tuple(meta.pop("heads_of_parts", ()))
    return arrays, images, meta, heads


def is_gradient_file(path: Path) -> bool:
    """Whether a whole file of gradients is there; reads its header alone."""
    try:
        with open_tensors(path) as file:
            _check(file)
    except InputError:
        return False
    return True


def _check(file: Any) -> dict[str, Any]:
    """The header of an open file; reads no tensor."""
    by_name = shapes(file)
    if odd := [name for name in by_name if not _NAME.fullmatch(name)] or ([] if by_name else [""]):
        raise InputError(f"it holds {shown(odd[0]) or 'nothing'}")
    meta = header(file)
    _HEADER(meta, "")
    parts = len(meta["images_of_parts"])
    if len(meta.get("heads_of_parts") or ()) not in (0, parts):
        raise InputError(f"heads_of_parts does not say a head for each of {parts} parts")
    places = {_NAME.fullmatch(name).group(1, 2) for name in by_name}  # type: ignore[union-attr]
    for site, stage in places:
        blocks, width = check_shape(by_name, f"{site}.{stage}.g.0", (None, None))
        for part in range(parts):
            check_shape(by_name, f"{site}.{stage}.G.{part}", (blocks, width, width))
            check_shape(by_name, f"{site}.{stage}.g.{part}", (blocks, width))
    if len(by_name) != 2 * parts * len(places):
        raise InputError(f"{len(by_name)} tensors for {parts} parts of the images")
    for name in by_name:
        check_floats(file, name)
    return meta
