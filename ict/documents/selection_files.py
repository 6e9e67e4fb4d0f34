"""Chosen channels as documents and as files: what they may hold, and safetensors of them."""

import json
from pathlib import Path
from typing import Any

from ict.documents.shapes import an_id, fields, list_of, number, shown, text, whole, wholes
from ict.documents.tensor_files import header, open_tensors
from ict.errors import InputError

_PLACE = {"stage": whole(0, 99), "block": whole(0, 9999), "width": whole(1, 10**6)}
_LATER = {"writes": wholes(10**6), "rms": list_of(number)}
_ORIGIN = {"criterion": text, "score_id": an_id, "backbone": text}
_SELECTION = fields(
    {"site": text, "blocks": list_of(fields({**_PLACE, "indices": wholes(10**6)}, _LATER))}, _ORIGIN
)
_HEADER = fields({"site": text, "blocks": list_of(fields(_PLACE))}, _ORIGIN)


def check_selection(value: Any, name: str) -> None:
    """What `Selection.from_dict` takes: channels below each block's width."""
    _SELECTION(value, name)
    for i, block in enumerate(value["blocks"]):
        where = f"{name}.blocks[{i}]".lstrip(".")
        for channels in (block["indices"], block.get("writes") or ()):
            if max(channels, default=0) >= block["width"]:
                width = block["width"]
                raise InputError(
                    f"{where} has the channel {max(channels)} of {width}, 0 to {width - 1}"
                )
        rms = block.get("rms")
        if rms is not None and (len(rms) != len(block["indices"]) or not all(r > 0 for r in rms)):
            raise InputError(f"{where}.rms is not a positive number for each channel that is read")


def selection_bytes(record: dict[str, Any]) -> bytes:
    """A safetensors file of a selection's record, the rest as JSON in its header.

    `block.N` (K,) int64 are the channels that are read, `block.N.writes` those that are written where
    these are others, `block.N.rms` (K,) float64.
    """
    import numpy as np
    from safetensors.numpy import save

    tensors = {}
    for block in record["blocks"]:
        for key, kind in _TENSORS.items():
            if block.get(key) is not None:
                tensors[_named(block, key)] = np.array(block[key], dtype=kind)
    places = [{name: block[name] for name in _PLACE} for block in record["blocks"]]
    meta = json.dumps({**record, "blocks": places}, sort_keys=True)
    return save(tensors, metadata={"meta": meta})


def read_selection(path: Path) -> dict[str, Any]:
    """The record in a file of `selection_bytes`; InputError, naming the file, for any other file."""
    try:
        with open_tensors(path) as file:
            record = header(file)
            _HEADER(record, "")
            names = set(file.keys())
            for block in record["blocks"]:
                for key in _TENSORS:
                    name = _named(block, key)
                    if key == "indices" or name in names:
                        block[key] = file.get_tensor(name).tolist()
        check_selection(record, "")
    except InputError as error:
        raise InputError(f"{shown(path)}: not a readable selection ({error})") from error
    return record


_TENSORS = {"indices": "int64", "writes": "int64", "rms": "float64"}


def _named(block: dict[str, Any], key: str) -> str:
    return f"block.{block['block']}" + ("" if key == "indices" else f".{key}")
