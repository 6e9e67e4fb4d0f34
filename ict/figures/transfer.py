"""Tasks on each other's channels: a colour only where the data tell a difference."""

from typing import Final, NamedTuple

import numpy as np
import plotly.graph_objects as go

from ict.analysis.verdicts import MARGIN
from ict.documents.number_words import number_words
from ict.figures import theme as look
from ict.figures.frames import Table, frame
from ict.figures.overlap_curves import values_words

FLOOR: Final = 100 * MARGIN
"""Points at which colours end at least: what counts as no difference is never drawn in full colour."""


class _Cell(NamedTuple):
    """A task on the channels of a source: the difference to its own, in points, with its interval."""

    difference: float
    low: float
    high: float
    n: int

    @property
    def told(self) -> bool:
        """Whether its interval leaves out 0; never of one seed, which has none."""
        return bool(self.low > 0 or self.high < 0)


Cells = list[list[_Cell | None]]


def transfer_matrix(
    table: Table,
    *,
    title: str | None = None,
    theme: look.Theme = "light",
) -> go.Figure:
    """Task trained × task whose channels were used: accuracy minus that with its own channels.

    Columns: task, source (of the selection), difference, low, high (95 % paired t interval over
    seeds, percentage points), n. A star marks an interval that excludes 0, red is a loss; cells whose
    interval holds 0, or that have none, are grey. Colours end at the largest difference, and never
    below 1 point.
    """
    rows = frame(table)
    if rows.empty:
        return look.empty("no transfer study has been run yet", theme)
    tasks = list(dict.fromkeys(rows["task"]))
    # both axes in one order, so that the diagonal is the own set
    axis_tasks = [*tasks, *rows["source"]]
    sources = [name for name in dict.fromkeys(axis_tasks) if name in set(rows["source"])]
    columns = rows[["task", "source", "difference", "low", "high", "n"]]
    by_cell = {
        (task, source): _Cell(*cell) for task, source, *cell in columns.itertuples(index=False)
    }
    cells = [[by_cell.get((task, source)) for source in sources] for task in tasks]
    figure = go.Figure([_told(cells, sources, tasks), _untold(cells, sources, tasks)])
    end = max([abs(c.difference) for row in cells for c in row if c and c.told], default=0.0)
    end = max(end, FLOOR)
    figure.update_layout(
        coloraxis={
            "colorscale": look.DIVERGING, "cmin": -end, "cmax": end, "reversescale": True,
            "colorbar": {"title": {"text": "difference (points)"}},
        }
    )  # fmt: skip
    figure.update_xaxes(
        title_text="channels chosen for", showgrid=False, tickangle=-45, dtick=1,
        categoryorder="array", categoryarray=sources,
    )  # fmt: skip
    figure.update_yaxes(title_text="trained on", showgrid=False, autorange="reversed", dtick=1)
    caption = (
        "Test accuracy with the channels of another task minus that with its own, in points; a star "
        "marks a 95 % paired t interval without 0, cells whose interval holds 0 or that have none are "
        f"grey; n = {values_words(rows['n'])} seeds."
    )
    return look.finish(
        figure, title=title, caption=caption, theme=theme,
        height=210 + 32 * max(len(tasks), 4), aspect=0.7,
        span="column" if len(sources) <= 6 else "text",
    )  # fmt: skip


def _told(cells: Cells, sources: list[str], tasks: list[str]) -> go.Heatmap:
    """Differences whose interval leaves out 0, in colours."""
    return _cells(
        [[c if c and c.told else None for c in row] for row in cells], sources, tasks,
        coloraxis="coloraxis",
    )  # fmt: skip


def _untold(cells: Cells, sources: list[str], tasks: list[str]) -> go.Heatmap:
    """All other cells that were run: one grey, with their numbers."""
    grey = look.transparent(look.GREY, 0.35)
    kept = [[None if c and c.told else c for c in row] for row in cells]
    drawn = _cells(
        kept, sources, tasks, colorscale=[[0, grey], [1, grey]], zmin=-1, zmax=1, showscale=False
    )
    return drawn.update(z=np.where(np.isnan(drawn.z), np.nan, 0).astype(np.float32))


def _cells(cells: Cells, sources: list[str], tasks: list[str], **colours: object) -> go.Heatmap:
    values = [[np.nan if c is None else c.difference for c in row] for row in cells]
    return go.Heatmap(
        z=np.array(values, dtype=np.float32),
        x=sources,
        y=tasks,
        text=[[_points(cell) for cell in row] for row in cells],
        customdata=[[_interval(cell) for cell in row] for row in cells],
        texttemplate="%{text}",
        hovertemplate="%{y} on the channels of %{x}<br>%{customdata}<extra></extra>",
        hoverongaps=False,
        xgap=1,
        ygap=1,
        **colours,
    )


def _points(cell: _Cell | None) -> str:
    if cell is None:
        return ""
    return number_words(cell.difference, "+.1f") + ("*" if cell.told else "")


def _interval(cell: _Cell | None) -> str:
    if cell is None:
        return "not run"
    low, high = (number_words(end, "+.2f") for end in (cell.low, cell.high))
    between = "" if cell.n < 2 else f" [{low}, {high}]"
    return f"{number_words(cell.difference, '+.2f')} points{between}, n = {cell.n}"
