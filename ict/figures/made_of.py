"""What a choice of channels is made of, block by block."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from ict.figures import theme as look
from ict.figures.frames import Table, frame

# Counts of several rankings lie on each other near all of K, so each mark leaves the next one visible.
_SERIES = {
    "shuffled": ("class labels shuffled", look.Look(look.VERMILION, "circle", "solid"), 6),
    "l2": ("plain l2", look.Look(look.BLUE, "square-open", "dash"), 11),
    "others": ("mean of other tasks", look.Look(look.GREEN, "diamond", "solid"), 8),
    "cls": ("class tokens", look.Look(look.PURPLE, "triangle-up", "dashdot"), 8),
}


def made_of_lines(
    table: Table,
    *,
    criterion: str = "the criterion",
    tasks: Sequence[str] = (),
    shuffles: int | None = None,
    title: str | None = None,
    theme: look.Theme = "light",
) -> go.Figure:
    """The share of the K chosen channels that another ranking chooses too, by block, over chance.

    Rows of `ict.analysis.made_of`: block, k, channels, chance, and shuffled, l2, others, cls, of which
    those that are known are drawn. `tasks` are those whose mean `others` is of.
    """
    rows = frame(table)
    known = [] if rows.empty else [name for name in _SERIES if rows[name].notna().any()]
    if not known:
        return look.empty(
            "no per-image sums, and no other scores to hold the choice against", theme
        )
    figure = go.Figure()
    for column in known:
        name, style, size = _SERIES[column]
        _line(figure, rows, column, name=name, style=style, size=size)
    grey = look.Look(look.GREY, "line-ew", "dot")
    _line(figure, rows, "chance", name="chance", style=grey, size=None)
    look.block_axis(figure, int(rows["block"].max()))
    figure.update_yaxes(title_text="of the K chosen channels (%)", range=[0, 104])
    look.legend_above(figure)
    caption = _caption(rows, known, criterion, tasks, shuffles)
    return look.finish(figure, title=title, caption=caption, theme=theme)


def _line(
    figure: go.Figure,
    rows: pd.DataFrame,
    column: str,
    *,
    name: str,
    style: look.Look,
    size: int | None,
) -> None:
    """One ranking: its counts as shares of K, with a mark of `size` pixels or none."""
    counts = rows[column].astype(float)
    figure.add_scatter(
        x=rows["block"],
        y=100 * counts / rows["k"],
        name=name,
        mode="lines+markers" if size else "lines",
        line={"color": style.colour, "dash": style.dash, "width": 2 if size else 1.5},
        marker={"symbol": style.symbol, "size": size or 1},
        customdata=pd.DataFrame({"count": counts, "k": rows["k"]}).to_numpy(),
        hovertemplate=f"{name}<br>block %{{x}}: %{{customdata[0]:.4r}} of %{{customdata[1]}}<extra></extra>",
    )


def _caption(
    rows: pd.DataFrame,
    known: Sequence[str],
    criterion: str,
    tasks: Sequence[str],
    shuffles: int | None,
) -> str:
    ks = " / ".join(map(str, sorted(set(rows["k"]))))
    of_tasks = f" (n = {len(tasks)}: {', '.join(tasks)})" if tasks else ""
    words = {
        "shuffled": "with shuffled class labels"
        + (f" (mean of {shuffles} shuffles)" if shuffles else ""),
        "l2": "by plain l2, which knows no classes",
        "others": f"by the mean of other tasks' scores{of_tasks}",
        "cls": "by scores of class tokens",
    }
    return (
        f"How many of the K = {ks} channels that {criterion} chooses in a block stay "
        f"{'; '.join(words[name] for name in known)}. The grey line is chance, K/D."
    )
