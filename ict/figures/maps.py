"""Scores of all channels at once: the map over blocks, and one block sorted."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ict.documents.number_words import number_words
from ict.figures import theme as look
from ict.figures.map_marks import HOVER, Chosen, chosen_in, ranks, with_marks
from ict.selection import Selection

View = Literal["raw", "z", "rank", "log"]


CLIPPED = (
    99.5  # percentile at which raw and z colours end, so that a few outliers leave the rest visible
)

__all__ = ["View", "chosen_in", "plain_map", "ranks", "score_map", "viewed", "with_marks"]
VIEW_TITLES: dict[str, str] = {
    "raw": "score",
    "z": "score, z within block",
    "rank": "rank in block (1 = highest)",
    "log": "log10 score",
}


def viewed(scores: np.ndarray, view: View) -> np.ndarray:
    """Scores (L, D) as shown: raw, z within each block, rank in block, or log10 (NaN where ≤ 0)."""
    values = np.asarray(scores, dtype=np.float64)
    if view == "z":
        spread = values.std(axis=1, keepdims=True)
        values = (values - values.mean(axis=1, keepdims=True)) / np.where(
            spread > 0, spread, np.nan
        )
    elif view == "rank":
        values = ranks(values).astype(np.float64)
    elif view == "log":
        values = np.log10(np.where(values > 0, values, np.nan))
    return values.astype(np.float32)


def score_map(
    stage_arrays: Sequence[np.ndarray],
    *,
    view: View = "raw",
    selection: Selection | Chosen | None = None,
    written: Chosen | None = None,
    title: str | None = None,
    theme: look.Theme = "light",
    criterion: str = "score",
    beside: Sequence[np.ndarray] = (),
) -> go.Figure:
    """Map of scores, blocks × channels, one panel a stage (a ViT has one; Swin four).

    `stage_arrays` are (blocks, D); `selection` is a Selection, or indices by stage and block, which then
    has what is written beside what it reads in `written`. Chosen channels carry markers, which are what
    a click or a box selects: their customdata is [stage, block in stage, channel, global block]; those
    that are written where others are read stand above the row. Hover tells block, channel, score, rank in
    block, chosen. All panels share one colour axis; with the stages of another map `beside` it, the two
    maps, each drawn with the other `beside`, have the same.
    """
    plain = plain_map(
        stage_arrays, view=view, title=title, theme=theme, criterion=criterion, beside=beside
    )
    return with_marks(plain, stage_arrays, selection, written)


def plain_map(
    stage_arrays: Sequence[np.ndarray],
    *,
    view: View = "raw",
    title: str | None = None,
    theme: look.Theme = "light",
    criterion: str = "score",
    beside: Sequence[np.ndarray] = (),
) -> go.Figure:
    """`score_map` before anything is marked: what is the same for every choice of channels."""
    stages = [np.asarray(a) for a in stage_arrays]
    blocks = [len(a) for a in stages]
    tallest = int(np.argmax(blocks))
    figure = _panels(blocks)
    first = 0
    for row, scores in enumerate(stages, start=1):
        stage = row - 1
        figure.add_trace(_heatmap(scores, view, first), row=row, col=1)
        where = f"stage {stage}: " if len(stages) > 1 else ""
        ticks = _block_ticks(first, len(scores), panels=len(stages))
        _label(figure, row, where, (first, *scores.shape), ticks, named=stage == tallest)
        first += len(scores)
    limits = _limits(stages, view, [np.asarray(a) for a in beside])
    bar = {"title": {"text": _view_title(view, criterion)}}
    colours = {"colorbar": bar, "reversescale": view == "rank", **limits}
    figure.update_layout(coloraxis=colours, showlegend=False, dragmode="select")
    rows = max(sum(blocks), 6) + 4 * (len(stages) - 1)
    return look.finish(
        figure,
        title=title,
        caption=_map_caption(stages, view, criterion)
        + _ends_words(stages, view, limits, shared=bool(len(beside))),
        theme=theme,
        height=110 + 22 * rows,
        aspect=min(0.14 + 0.025 * rows, 1.05),
        span="text",
    )


def _panels(blocks: Sequence[int]) -> go.Figure:
    """Empty panels below each other, one a stage, as high as it has blocks."""
    several = len(blocks) > 1
    return make_subplots(
        rows=len(blocks),
        cols=1,
        row_heights=[max(n, 2) for n in blocks] if several else None,
        vertical_spacing=0.36 / len(blocks) if several else 0,
    )


def _label(
    figure: go.Figure,
    row: int,
    where: str,
    place: tuple[int, ...],
    ticks: Sequence[int],
    *,
    named: bool,
) -> None:
    """The axes of a stage's panel; `place` is its first block, how many there are, and D."""
    first, blocks, width = place
    across = {"title_text": f"{where}channel of {width}", "range": [-0.5, width - 0.5]}
    figure.update_xaxes(**across, showgrid=False, row=row, col=1)
    figure.update_yaxes(
        title_text="block" if named else None,
        tickvals=ticks,
        range=[first + blocks - 0.5, first - 0.5],
        showgrid=False,
        row=row,
        col=1,
    )


def _map_caption(stages: Sequence[np.ndarray], view: View, criterion: str) -> str:
    widths = " / ".join(str(a.shape[1]) for a in stages)
    blocks = sum(map(len, stages))
    caption = f"Importance ({criterion}) of each channel: {blocks} blocks × {widths} channels"
    return caption + (f", {VIEW_TITLES[view]}." if view != "raw" else ".")


def _ends_words(
    stages: Sequence[np.ndarray], view: View, limits: Mapping[str, float], *, shared: bool
) -> str:
    """Where colours end, how many channels lie beyond, and whether another map has the same scale."""
    words = ""
    if view in ("raw", "z") and limits:
        end = limits["cmax"]
        beyond = sum(int((viewed(stage, view) > end).sum()) for stage in stages)
        words = (
            f" Colours end at {number_words(end, '.4g')}, the {number_words(CLIPPED)}th percentile"
        )
        words += " of both maps" if shared else ""
        words += f"; {beyond:,} channels lie above." if beyond != 1 else "; 1 channel lies above."
    elif shared and limits:
        words = " Both maps have one scale of colours."
    return words


def _view_title(view: View, criterion: str) -> str:
    return criterion if view == "raw" else VIEW_TITLES[view].replace("score", criterion)


def _limits(
    stages: Sequence[np.ndarray], view: View, beside: Sequence[np.ndarray]
) -> dict[str, float]:
    """Ends of the colours, over both maps where there are two; none where Plotly's own are meant."""
    clipped = view in ("raw", "z")
    if not clipped and not len(beside):
        return {}
    shown = np.concatenate([viewed(stage, view).ravel() for stage in (*stages, *beside)])
    shown = shown[np.isfinite(shown)]
    if not len(shown):
        return {}
    end = np.percentile(shown, CLIPPED) if clipped else shown.max()
    return {"cmin": float(shown.min()), "cmax": float(end)}


def _block_ticks(first: int, count: int, *, panels: int) -> list[int]:
    """Every block, fewer of many; of the two rows of a Swin's small stage the first alone."""
    if panels > 1 and count < 4:
        return [first]
    step = 1 if count <= 12 else 2 if count <= 24 else 4
    return list(range(first, first + count, step))


def _heatmap(scores: np.ndarray, view: View, first: int) -> go.Heatmap:
    return go.Heatmap(
        z=viewed(scores, view),
        y=np.arange(first, first + len(scores)),
        customdata=np.stack([ranks(scores).astype(np.float32), scores.astype(np.float32)], axis=-1),
        hovertemplate=f"{HOVER}<extra></extra>",
        coloraxis="coloraxis",
    )
