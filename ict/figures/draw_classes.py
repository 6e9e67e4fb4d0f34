"""Scores of one channel by class, and of one class by channel."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ict.errors import InputError
from ict.figures.asked import Choice, Drawn, Found
from ict.figures.channels import class_map, class_profile
from ict.figures.score_sources import channel_of, of_one, opened, picked_channels, said_of
from ict.figures.sources import (
    Source,
    chosen_in_block,
    ranked_in_block,
)


def class_bars(found: Found, choice: Choice) -> Drawn:
    source, file = opened(found, choice)
    block, channel = channel_of(source, choice)
    values = _by_class(source, block)[:, channel]
    names = source.record.class_names or None
    table = pd.DataFrame({"class": range(len(values)), "score": values.astype(float)})
    if names is not None:
        table.insert(1, "name", list(names))
    return Drawn(
        figure=class_profile(values, names, unit=source.class_unit),
        table=table,
        summary=table.nlargest(10, "score"),
        **vars(
            of_one(
                found,
                choice,
                source,
                file,
                block=block,
                channel=channel,
                classes=len(values),
                context=f"Block {block}, channel {channel}. {said_of(source)}",
            )
        ),
    )


def _by_class(source: Source, block: int) -> np.ndarray:
    values = source.by_class(block)
    if values is None:
        raise InputError(f"{source.criterion} has no score for single classes")
    return values


def classes_by_channel(found: Found, choice: Choice) -> Drawn:
    source, file = opened(found, choice)
    block = choice.block or 0
    picked, how = picked_channels(source, choice)
    ranked = ranked_in_block(source, picked, block)
    values = _by_class(source, block)[:, ranked]
    table = class_cells(values, ranked)
    strongest = table.sort_values("score", ascending=False).drop_duplicates("channel")
    summary = strongest.groupby("class").agg(
        channels=("channel", "size"), highest=("score", "max"), channel=("channel", "first")
    )
    return Drawn(
        figure=class_map(
            values, ranked, source.record.class_names or None, criterion=source.criterion
        ),
        table=table,
        summary=summary.reset_index().rename(columns={"channels": "channels strongest for it"}),
        **vars(
            of_one(
                found, choice, source, file, picked=picked, block=block,
                k=len(chosen_in_block(picked, block)), channel=ranked, classes=len(values),
                chosen=how, context=f"Block {block}. {said_of(source)}",
            )
        ),
    )  # fmt: skip


def class_cells(values: np.ndarray, channels: Sequence[int]) -> pd.DataFrame:
    """(C, K) as one row a class and channel."""
    rows = [
        {"class": label, "channel": channel, "score": float(values[label, column])}
        for label in range(len(values))
        for column, channel in enumerate(channels)
    ]
    return pd.DataFrame(rows)
