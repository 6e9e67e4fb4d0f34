"""Chosen channels marked on a map of scores, so that another choice draws no other map."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from ict.documents.number_words import number_words
from ict.figures import theme as look
from ict.scores import places
from ict.selection import Selection

Chosen = Sequence[Sequence[Sequence[int]]]  # per stage, per block of the stage: channel indices
HOVER = "block %{y}, channel %{x}<br>score %{customdata[1]:.4r}<br>rank %{customdata[0]:.0f} in its block"


class Mark(NamedTuple):
    """How chosen channels are marked; `below` the middle of their row, in rows."""

    name: str
    colour: str
    below: float


MARK = Mark("chosen", look.CHOSEN, 0.28)
READ = Mark("read", look.CHOSEN, 0.28)
WRITTEN = Mark("written", look.GREEN, -0.28)


def ranks(scores: np.ndarray) -> np.ndarray:
    """Rank of each channel in its block, 1 = highest; ties by channel number. (L, D) → (L, D)."""
    return (places(scores) + 1).astype(np.int16)


def chosen_in(
    stage_arrays: Sequence[np.ndarray],
    selection: Selection | Chosen | None,
    *,
    written: bool = False,
) -> list[list[list[int]]]:
    """Indices for each block of each stage, [] for a block in which nothing is chosen.

    A `Selection` counts its blocks over all stages; lists are taken as they are. `written` gives what is
    written of one, where that is another set than what is read, and [] elsewhere.
    """
    if selection is None:
        return [[] for _ in stage_arrays]
    if not isinstance(selection, Selection):
        return [[list(indices) for indices in stage] for stage in selection]
    chosen: list[list[list[int]]] = [[[] for _ in stage] for stage in stage_arrays]
    starts = np.cumsum([0, *(len(stage) for stage in stage_arrays)])
    for block in selection.blocks:
        indices = (block.writes or ()) if written else block.indices
        chosen[block.stage][block.block - starts[block.stage]] = list(indices)
    return chosen


def with_marks(
    plain: go.Figure,
    stage_arrays: Sequence[np.ndarray],
    selection: Selection | Chosen | None,
    written: Chosen | None = None,
) -> go.Figure:
    """A plain map of these stages with a choice marked on it, as `score_map` says.

    A copy that Plotly does not check again, so that another choice costs a tenth of another map.
    """
    stages = [np.asarray(a) for a in stage_arrays]
    chosen = chosen_in(stages, selection)
    of_writes = selection if isinstance(selection, Selection) else written
    writes = chosen_in(stages, of_writes, written=True)
    two_sets = any(map(len, (block for stage in writes for block in stage)))
    traces, first = [], 0
    for stage, (scores, trace) in enumerate(zip(stages, plain.data, strict=True)):
        own, heat = chosen[stage], trace.to_plotly_json()
        traces.append(heat)
        if len(own):
            heat |= _said_chosen(scores, own)
        marks = [(own, READ if two_sets else MARK)]
        marks += [(writes[stage], WRITTEN)] if two_sets else []
        for indices, mark in marks:
            if len(indices):
                axes = {name: heat[name] for name in ("xaxis", "yaxis") if name in heat}
                place = (stage, first)
                traces.append(_markers(scores, indices, place, mark).to_plotly_json() | axes)
        first += len(scores)
    layout = plain.layout.to_plotly_json()
    count = sum(len(block) for stage in chosen for block in stage)
    layout["meta"]["caption"] += _marks_words(count, two_sets=two_sets)
    return go.Figure({"data": traces, "layout": layout}, _validate=False)


def _marks_words(chosen: int, *, two_sets: bool) -> str:
    if two_sets:
        return " Orange marks are channels that are read, green ones above them those written."
    return f" Orange marks are the {chosen:,} chosen channels." if chosen else ""


def _said_chosen(scores: np.ndarray, own: Sequence[Sequence[int]]) -> look.PlotlyJSON:
    """What a hover over a heatmap says besides, where there is a choice."""
    chosen = np.full(scores.shape, "no", dtype=object)
    for block, indices in enumerate(own):
        chosen[block, list(indices)] = "yes"
    return {
        "text": chosen.tolist(),
        "hovertemplate": f"{HOVER}<br>chosen: %{{text}}<extra></extra>",
    }


def _markers(
    scores: np.ndarray, own: Sequence[Sequence[int]], place: tuple[int, int], mark: Mark
) -> go.Scatter:
    """Marks of one stage; `place` is the stage and its first block."""
    stage, first = place
    block = np.repeat(np.arange(len(own)), [len(indices) for indices in own])
    channel = np.array([c for indices in own for c in indices], dtype=int)
    rank = ranks(scores)[block, channel]
    data = np.stack([np.full(len(block), stage), block, channel, block + first, rank], axis=1)
    return go.Scatter(
        x=channel,
        y=block + first + mark.below,
        mode="markers",
        cliponaxis=False,
        name=mark.name,
        showlegend=stage == 0,
        marker={
            "symbol": "line-ns",
            "size": 7,
            "color": mark.colour,
            "line": {"width": 1.4, "color": mark.colour},
        },
        customdata=data,
        text=[number_words(value, ".4g") for value in scores[block, channel]],
        hovertemplate="block %{customdata[3]}, channel %{x}<br>score %{text}<br>"
        f"rank %{{customdata[4]}} in its block<br>{mark.name}: yes<extra></extra>",
    )
