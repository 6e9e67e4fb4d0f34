"""What one run answered: which classes are taken for which, and the accuracy of each."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from ict.analysis.answers import Answered, ClassAccuracy, class_words
from ict.figures import theme as look
from ict.figures.reference_lines import line_at_x

MOST_CLASSES = 60  # rows of `class_accuracy`
MOST_COUNTED = 25  # classes whose cells show their counts
MOST_TICKS = 30


def confusion(
    found: Answered,
    names: Sequence[str] | None,
    run: str,
    *,
    title: str | None = None,
    theme: look.Theme = "light",
) -> go.Figure:
    """Classes × answers: wrong answers in % of the images of their class; what is right is not coloured.

    customdata of a cell is [class, answer, images, % of the class].
    """
    counts = found.counts
    C = len(counts)
    whole = counts.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        shares = np.where(whole > 0, 100 * counts / whole, np.nan)
    shares = np.where(np.eye(C, dtype=bool), np.nan, shares)
    words = [_short(class_words(label, _names(names))) for label in range(C)]
    most = float(np.nanmax(shares)) if np.isfinite(shares).any() else 0.0
    figure = go.Figure(
        go.Heatmap(
            z=shares, x=list(range(C)), y=list(range(C)), zmin=0, zmax=most or 1,
            colorbar={"title": {"text": "of the class (%)"}},
            text=[["" if a == b or not n else str(n) for b, n in enumerate(row)] for a, row in enumerate(counts)],
            texttemplate="%{text}" if C <= MOST_COUNTED else None,
            customdata=[[_cell(counts[a], a, b) for b in range(C)] for a in range(C)],
            hovertemplate="class %{customdata[0]} answered %{customdata[1]}: %{customdata[2]} images, "
    "%{customdata[3]:.1f} % of the class<extra></extra>",
        )
    )  # fmt: skip
    for place, right in enumerate(np.diag(counts) if C <= MOST_COUNTED else ()):
        # a cell without colour has its text in the ink of the theme, and a click does not fade it
        figure.add_annotation(x=place, y=place, text=str(right), showarrow=False)
    _axes(figure, words)
    caption = (
        f"Test images of each class (rows) by the answer of {run} (columns), "
        f"n = {len(found.answers):,} images; colour is the share of the class that is taken for another; "
        "the diagonal holds what is right."
    )
    return look.finish(
        figure, title=title, caption=caption, theme=theme, height=210 + 26 * min(max(C, 6), 25),
        aspect=0.9, span="column" if C <= 12 else "text",
    )  # fmt: skip


def _cell(row: np.ndarray, label: int, answer: int) -> list[float]:
    return [label, answer, int(row[answer]), 100 * float(row[answer]) / max(1, int(row.sum()))]


def _names(names: Sequence[str] | None) -> tuple[str, ...] | None:
    return tuple(names) if names else None


def _axes(figure: go.Figure, words: Sequence[str]) -> None:
    """Numbers with the classes' names at them: two classes of one name stay two."""
    C = len(words)
    step = max(1, -(-C // MOST_TICKS))
    ticks = list(range(0, C, step))
    texts = [words[i] for i in ticks]
    edges = [-0.5, C - 0.5]
    figure.update_xaxes(
        title_text="answer", tickvals=ticks, ticktext=texts, range=edges, showgrid=False
    )
    figure.update_yaxes(
        title_text="class", tickvals=ticks, ticktext=texts, range=edges[::-1], showgrid=False
    )


def _short(name: str, most: int = 18) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def class_accuracy(
    found: Answered,
    names: Sequence[str] | None,
    run: str,
    *,
    title: str | None = None,
    theme: look.Theme = "light",
) -> go.Figure:
    """Accuracy (%) of each class with Wilson's 95 % interval; the line is that of all images.

    Of more than 60 classes those of lowest accuracy are drawn.
    """
    classes = [one for one in found.by_class if one.images]
    if not classes:
        return look.empty("no class has a test image", theme)
    lowest = sorted(classes, key=lambda one: (one.accuracy, one.label))[:MOST_CLASSES]
    shown = sorted(lowest, key=lambda one: one.label)
    overall = 100 * float(found.right.mean())
    figure = go.Figure()
    least = min(one.low for one in shown)
    line_at_x(figure, overall, {"width": 1, "dash": "dot"}, "all images", side="left")
    _add_classes(figure, shown)
    figure.update_xaxes(title_text="test accuracy (%)", range=[max(-2.0, 100 * least - 3), 102])
    figure.update_yaxes(
        title_text="class", tickvals=list(range(len(shown))), range=[len(shown) - 0.4, -1.2],
        ticktext=[_short(class_words(one.label, _names(names))) for one in shown],
    )  # fmt: skip
    images = sorted({one.images for one in shown})
    span = f"{images[0]}" if len(images) == 1 else f"{images[0]} to {images[-1]}"
    left = len(classes) - len(shown)
    caption = (
        f"Accuracy of {run} on the test images of each class ({span} images each) with Wilson's 95 % "
        f"interval over images; dotted: all {len(found.answers):,} images ({overall:.1f} %)."
    )
    caption += f" {left} classes of higher accuracy are left out." if left else ""
    return look.finish(
        figure, title=title, caption=caption, theme=theme,
        height=130 + 22 * max(len(shown), 6), aspect=min(1.4, 0.3 + 0.035 * len(shown)),
        rows=len(shown),
    )  # fmt: skip


def _add_classes(figure: go.Figure, shown: Sequence[ClassAccuracy]) -> None:
    figure.add_scatter(
        x=[100 * one.accuracy for one in shown],
        y=list(range(len(shown))),
        mode="markers",
        showlegend=False,
        marker={"color": look.BLUE, "size": 8},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [100 * (one.high - one.accuracy) for one in shown],
            "arrayminus": [100 * (one.accuracy - one.low) for one in shown],
            "thickness": 1.5,
            "width": 3,
        },
        customdata=[
            [one.label, one.right, one.images, 100 * one.low, 100 * one.high] for one in shown
        ],
        hovertemplate="class %{customdata[0]}: %{customdata[1]} of %{customdata[2]} right, "
        "%{x:.1f} % (%{customdata[3]:.1f} to %{customdata[4]:.1f})<extra></extra>",
    )
