"""What the adapter of a run does to one channel, read without torch: `runs/<id>/adapter.safetensors`."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ict.documents.bounded import whole_number
from ict.documents.tensor_files import open_tensors
from ict.errors import InputError


@dataclass(frozen=True)
class ChannelWeights:
    """The weights of an adapter around one channel: nothing `into` one that it does not write, nothing
    `out` of one that it does not read."""

    read: np.ndarray
    """The channels that the adapter reads, (|R|,)."""
    written: np.ndarray
    """Those that it writes, (|S|,); the same in the paper's."""
    into: np.ndarray | None
    """From each channel that is read into this one, (|R|,)."""
    out: np.ndarray | None
    """From this one into each channel that is written, (|S|,)."""

    def of(self, way: str) -> tuple[np.ndarray, np.ndarray] | None:
        """Channels and weights `into` or `out` of the channel; None where there are none."""
        channels, weights = (self.read, self.into) if way == "into" else (self.written, self.out)
        return None if weights is None else (channels, weights)


def channel_weights(path: Path, block: int, channel: int) -> ChannelWeights | None:
    """The weights around a channel; None where the file is not there, or does not tune the channel."""
    try:
        with open_tensors(path) as file:
            names = set(file.keys())
            of_block = sorted(n for n in names if n.endswith(".indices") and _block_of(n) == block)
            if not of_block:
                return None
            own = of_block[0].removesuffix("indices")
            read = file.get_tensor(f"{own}indices")
            written = file.get_tensor(f"{own}writes") if f"{own}writes" in names else read
            weight = file.get_tensor(f"{own}weight")
    except InputError:
        return None
    if weight.shape != (len(written), len(read)):
        return None
    column, row = np.flatnonzero(read == channel), np.flatnonzero(written == channel)
    if not len(column) and not len(row):
        return None
    return ChannelWeights(
        read,
        written,
        weight[row[0]] if len(row) else None,
        weight[:, column[0]] if len(column) else None,
    )


def _block_of(name: str) -> int | None:
    """The number after `blocks.`; a hierarchical backbone counts within its stages, so None there."""
    parts = name.split(".")
    return whole_number(parts[1]) if parts[0] == "blocks" else None
