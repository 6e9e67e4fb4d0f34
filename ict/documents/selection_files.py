"""Chosen channels as documents and as files: what they may hold, and safetensors of them."""

import json
from pathlib import Path
from typing import Any

from ict.documents.shapes import an_id, fields, list_of, shown, text, whole, wholes
from ict.documents.tensor_files import header, open_tensors
from ict.errors import InputError

_PLACE = {"stage": whole(0, 99), "block": whole(0, 9999), "width": whole(1, 10**6)}
_ORIGIN = {"criterion": text, "score_id": an_id, "backbone": text}
_SELECTION = fields(
    {"site": text, "blocks": list_of(fields({**_PLACE, "indices": wholes(10**6)}))}, _ORIGIN
)
_HEADER = fields({"site": text, "blocks": list_of(fields(_PLACE))}, _ORIGIN)


def check_selection(value: Any, name: str) -> None:
    """What `Selection.from_dict` takes: channels below each block's width."""
    _SELECTION(value, name)
    for i, block in enumerate(value["blocks"]):
        indices, where = block["indices"], f"{name}.blocks[{i}]".lstrip(".")
        if max(indices, default=0) >= block["width"]:
            width = block["width"]
            raise InputError(f"{where} has the channel {max(indices)} of {width}, 0 to {width - 1}")


def selection_bytes(record: dict[str, Any]) -> bytes:
    """A safetensors file of a selection's record: `block.N` (K,) int64, the rest JSON in its header."""
    import numpy as np
    from safetensors.numpy import save

    tensors = {
        f"block.{block['block']}": np.array(block["indices"], dtype=np.int64)
        for block in record["blocks"]
    }
    places = [{name: block[name] for name in _PLACE} for block in record["blocks"]]
    meta = json.dumps({**record, "blocks": places}, sort_keys=True)
    return save(tensors, metadata={"meta": meta})


def read_selection(path: Path) -> dict[str, Any]:
    """The record in a file of `selection_bytes`; InputError, naming the file, for any other file."""
    try:
        with open_tensors(path) as file:
            record = header(file)
            _HEADER(record, "")
            for block in record["blocks"]:
                block["indices"] = file.get_tensor(f"block.{block['block']}").tolist()
        check_selection(record, "")
    except InputError as error:
        raise InputError(f"{shown(path)}: not a readable selection ({error})") from error
    return record
