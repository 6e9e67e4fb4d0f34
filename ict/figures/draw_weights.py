"""What an adapter has learned: its weights, channel by channel."""

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ict.errors import InputError
from ict.figures.asked import Choice, Drawn, Found, of_runs
from ict.figures.channels import class_profile
from ict.figures.draw_runs import asked
from ict.scores import ranked
from ict.store.adapter_files import channel_weights

_WEIGHTS = {"into": "weights into this channel", "out": "weights out of this channel"}


def weight_bars(indices: np.ndarray, weights: np.ndarray, way: str, **look: Any) -> go.Figure:
    """Sizes of the weights `into` or `out` of a channel, one bar a channel of the adapter."""
    return class_profile(
        np.abs(weights),
        [str(i) for i in indices],
        unit=f"|{_WEIGHTS[way]}|",
        what="channel",
        **look,
    )


def _weights(found: Found, choice: Choice, way: str) -> Drawn:
    rows = [row for row in asked(found, choice) if row.status == "done"]
    if choice.channel is None or not rows:
        raise InputError(
            "weights are those of a channel in a finished run: name it, with --channel"
        )
    block = choice.block or 0
    for row in rows:
        path = found.store.run(row.run_id).adapter_path
        around = channel_weights(path, block, choice.channel)
        if around is not None and (found_weights := around.of(way)) is not None:
            break
    else:
        tunes = "writes" if way == "into" else "reads"
        raise InputError(
            f"no run behind these sources {tunes} channel {choice.channel} of block {block}"
        )
    channels, values = found_weights
    table = pd.DataFrame({"channel": channels, "weight": values})
    return Drawn(
        figure=weight_bars(channels, values, way),
        table=table,
        summary=table.iloc[ranked(np.abs(values))[:10]],
        context=f"Block {block}, channel {choice.channel}; the weights are shown by their size. "
        f"{of_runs([row])}",
        runs=[row],
        facts={"block": block, "channel": choice.channel},
        reasons={other.run_id: "another run than the one that is drawn" for other in rows},
    )


def weights_into(found: Found, choice: Choice) -> Drawn:
    return _weights(found, choice, "into")


def weights_out(found: Found, choice: Choice) -> Drawn:
    return _weights(found, choice, "out")
