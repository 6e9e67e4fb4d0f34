"""Changes of safetensors files: of the header, of JSON within it, of a tensor's type, shape, name or values."""

import json
import struct
from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from bench.fuzz import changes, values
from bench.fuzz.target import Form

_TYPES = ("float32", "float64", "float16", "int64", "int32", "uint8", "bool", "int8")
_NAMES = ("F32", "F64", "F16", "BF16", "I64", "I32", "U8", "BOOL", "F8_E4M3", "I16", "U64", "X", "")
_ODD_NUMBERS = (float("nan"), float("inf"), -float("inf"), -1.0, 0.0, 2.0, 1e30, 1e9, -1e-30)
_SHAPES: tuple[Any, ...] = ([], [0], [-1], [2**62, 4], [1, 1, 1], [2**63], ["a"], None, 3, [1.5])


def of_tensors(random: Random, content: bytes) -> bytes:
    """One change of a safetensors file."""
    choice = random.random()
    try:
        if choice < 0.2:
            return changes.of_bytes(random, content)
        if choice < 0.45:
            return _of_header(random, content)
        if choice < 0.65:
            return _of_meta(random, content)
        return _of_a_tensor(random, content)
    except (ValueError, KeyError, IndexError, OverflowError, TypeError, struct.error):
        return changes.of_bytes(random, content)  # junk was changed, which is no such file


def header_of(content: bytes) -> tuple[dict[str, Any], bytes]:
    """The header of a file, and what follows it."""
    size = struct.unpack("<Q", content[:8])[0]
    return json.loads(content[8 : 8 + size]), content[8 + size :]


def with_header(header: Any, rest: bytes) -> bytes:
    """A file of this header."""
    text = json.dumps(header).encode("utf-8", "surrogatepass")
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + rest


def _of_header(random: Random, content: bytes) -> bytes:
    header, rest = header_of(content)
    names = [name for name in header if name != "__metadata__"]
    if not names or random.random() < 0.3:
        return with_header(changes.changed(random, header), rest)
    one = dict(header[random.choice(names)])
    name = random.choice(names)
    one = dict(header[name])
    choice = random.randrange(3)
    if choice == 0:
        one["dtype"] = random.choice(_NAMES)
    elif choice == 1:
        one["shape"] = random.choice((*_SHAPES, [*one["shape"], 1], one["shape"][:-1]))
    else:
        begin, end = one["data_offsets"]
        one["data_offsets"] = random.choice(
            ([end, begin], [begin, end + 8], [0, 0], [begin, 2**63], [-1, end])
        )
    return with_header({**header, name: one}, rest)


def _of_meta(random: Random, content: bytes) -> bytes:
    """JSON within a text of the header's metadata changed, or a text of it."""
    header, rest = header_of(content)
    said = dict(header.get("__metadata__") or {"meta": "{}"})
    name = random.choice(sorted(said))
    text = said[name].encode("utf-8", "surrogatepass")
    said[name] = changes.of_json(random, text).decode("utf-8", "surrogatepass")
    return with_header({**header, "__metadata__": said}, rest)


def _of_a_tensor(random: Random, content: bytes) -> bytes:
    header, _ = header_of(content)
    tensors = load(content)
    name = random.choice(sorted(tensors))
    array = tensors[name]
    choice = random.randrange(6)
    if choice == 0:
        del tensors[name]
    elif choice == 1:
        tensors[values.near_text(random, name).replace("\0", "")[:200]] = tensors.pop(name)
    elif choice == 2:
        with np.errstate(all="ignore"):
            tensors[name] = array.astype(random.choice(_TYPES))
    elif choice == 3:
        tensors[name] = random.choice(
            (array[:-1], array[..., :-1], array.reshape(-1), array[None], array[:0])
        )
    elif choice == 4:
        other = random.choice(sorted(tensors))
        tensors[name] = tensors[other]
    else:
        tensors[name] = _of_a_number(random, array)
    tensors = {key: np.ascontiguousarray(one) for key, one in tensors.items()}
    return save(tensors, metadata=header.get("__metadata__"))


def _of_a_number(random: Random, array: np.ndarray) -> np.ndarray:
    changed = array.copy()
    if not changed.size:
        return changed
    at = random.randrange(changed.size)
    if changed.dtype.kind == "f":
        changed.reshape(-1)[at] = random.choice(_ODD_NUMBERS)
    elif changed.dtype.kind in "iu":
        info = np.iinfo(changed.dtype)
        odd = random.choice((info.min, info.max, 0, 1, 7, min(info.max, 1 << 20)))
        changed.reshape(-1)[at] = odd
    return changed


def junk(random: Random, samples: Sequence[bytes]) -> bytes:
    """No such file, a header that promises what is not there, or many changes."""
    choice = random.random()
    if choice < 0.3:
        return changes.bytes_junk(random, samples)
    if choice < 0.5:
        length = random.choice((0, 1, 10, 2**20, 2**31, 2**63 - 1, 2**64 - 1))
        return struct.pack("<Q", length) + changes.json_junk(random, [b'{"a": {"dtype": "F32"}}'])
    return changes.many(of_tensors)(random, samples)


FORM = Form(change=of_tensors, junk=junk)
