"""What the adapter of a run does to one channel, read without torch: `runs/<id>/adapter.safetensors`."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ict.documents.bounded import whole_number
from ict.documents.tensor_files import open_tensors
from ict.errors import InputError


@dataclass(frozen=True)
class ChannelWeights:
    """The weights of a K × K adapter around one of its channels, (K,) each."""

    indices: np.ndarray
    """The channels of the adapter."""
    into: np.ndarray
    """From each of them into the channel."""
    out: np.ndarray
    """From the channel into each of them."""


def channel_weights(path: Path, block: int, channel: int) -> ChannelWeights | None:
    """The weights around a channel; None where the file is not there, or does not tune the channel."""
    try:
        with open_tensors(path) as file:
            names = [name for name in file.keys() if name.endswith(".indices")]  # noqa: SIM118
            of_block = [name for name in names if _block_of(name) == block]
            if not of_block:
                return None
            indices = file.get_tensor(of_block[0])
            weight = file.get_tensor(of_block[0].replace(".indices", ".weight"))
    except InputError:
        return None
    place = np.flatnonzero(indices == channel)
    if weight.shape != (len(indices), len(indices)) or not len(place):
        return None
    return ChannelWeights(indices, weight[place[0]], weight[:, place[0]])


def _block_of(name: str) -> int | None:
    """The number after `blocks.`; a hierarchical backbone counts within its stages, so None there."""
    parts = name.split(".")
    return whole_number(parts[1]) if parts[0] == "blocks" else None
