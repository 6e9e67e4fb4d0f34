"""What an adapter has learned: its weights, channel by channel."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ict.documents.bounded import whole_number
from ict.documents.tensor_files import open_tensors
from ict.errors import InputError
from ict.figures.asked import Choice, Drawn, Found, of_runs
from ict.figures.channels import class_profile
from ict.figures.draw_runs import asked
from ict.scores import ranked

_WEIGHTS = {"into": "weights into this channel", "out": "weights out of this channel"}


def adapter_weights(
    path: Path, block: int, channel: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """What an adapter file does to a channel: indices (K,), weights into and out of it (K,).

    None where the file is not there, or its adapter does not tune the channel.
    """
    try:
        with open_tensors(path) as file:
            names = [name for name in file.keys() if name.endswith(".indices")]  # noqa: SIM118
            found = [name for name in names if _block_of(name) == block]
            if not found:
                return None
            indices = file.get_tensor(found[0])
            weight = file.get_tensor(found[0].replace(".indices", ".weight"))
    except InputError:
        return None
    if weight.shape != (len(indices), len(indices)):
        return None
    at = np.flatnonzero(indices == channel)
    if not len(at):
        return None
    return indices, weight[at[0]], weight[:, at[0]]


def _block_of(name: str) -> int | None:
    """The number after `blocks.`; a hierarchical backbone counts within its stages, so None there."""
    parts = name.split(".")
    return whole_number(parts[1]) if parts[0] == "blocks" else None


def weight_bars(indices: np.ndarray, weights: np.ndarray, way: str, **look: Any) -> Any:
    """Sizes of the weights `into` or `out` of a channel, one bar a channel of the adapter."""
    return class_profile(
        np.abs(weights),
        [str(i) for i in indices],
        unit=f"|{_WEIGHTS[way]}|",
        what="channel",
        **look,
    )


def _weights(found: Found, choice: Choice, way: str) -> Drawn:
    rows = [row for row in asked(found, choice) if row.get("status") == "done"]
    if choice.channel is None or not rows:
        raise InputError(
            "weights are those of a channel in a finished run: name it, with --channel"
        )
    block = choice.block or 0
    for row in rows:
        path = found.store.run(row["run_id"]).adapter_path
        if (known := adapter_weights(path, block, choice.channel)) is not None:
            break
    else:
        raise InputError(
            f"no run behind these sources tunes channel {choice.channel} of block {block}"
        )
    indices, values = known[0], known[1 if way == "into" else 2]
    table = pd.DataFrame({"channel": indices, "weight": values})
    return Drawn(
        figure=weight_bars(indices, values, way),
        table=table,
        summary=table.iloc[ranked(np.abs(values))[:10]],
        context=f"Block {block}, channel {choice.channel}; the weights are shown by their size. "
        f"{of_runs([row])}",
        runs=[row],
        facts={"block": block, "channel": choice.channel},
        reasons={other["run_id"]: "another run than the one that is drawn" for other in rows},
    )


def weights_into(found: Found, choice: Choice) -> Drawn:
    return _weights(found, choice, "into")


def weights_out(found: Found, choice: Choice) -> Drawn:
    return _weights(found, choice, "out")
