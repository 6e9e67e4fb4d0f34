"""*Curves*: all runs at once over parallel axes, what was asked of each and what came out."""

from collections.abc import Sequence

import plotly.graph_objects as go
import streamlit as st

from ict.analysis.run_fields import field_title, varying_fields
from ict.analysis.run_names import run_names
from ict.figures import Theme
from ict.figures.asked import Choice, Request
from ict.figures.draw_parallel import usual_fields
from ict.figures.parallel import OUTCOMES, outcome_of, parallel_runs
from ict.store.run_rows import RunRow
from ict_app.common import address, plot, shell, words

MOST = 400  # lines; more are one colour


@st.cache_resource(max_entries=40, show_spinner=False)
def _figure(
    seen: tuple[tuple[str, float | None], ...],
    fields: tuple[str, ...],
    outcome: str,
    theme: Theme,
    _rows: Sequence[RunRow],
) -> go.Figure:
    return plot.kept(parallel_runs(_rows, fields, outcome, names=run_names(_rows), theme=theme))


def draw(rows: Sequence[RunRow]) -> None:
    """Axes to choose, and the figure of the finished runs."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        titles = {name: title for name, (title, _) in OUTCOMES.items()}
        outcome = address.select("Outcome", titles, key="outcome", width=220)
        measured = [row for row in rows if outcome_of(row, outcome) is not None][:MOST]
        options = {name: field_title(name) for name in varying_fields(measured)}
        chosen = address.multiselect(
            "Axes",
            options,
            key="axes",
            placeholder="the settings that tell the runs apart",
            wrap=False,
        )
    if not measured:
        st.info(
            f"None of these runs has a {titles[outcome]} yet.", icon=":material/hourglass_empty:"
        )
        return
    fields = chosen or usual_fields(measured)
    seen = tuple((row.run_id, outcome_of(row, outcome)) for row in measured)
    choice = Choice(metric=outcome, fields=",".join(fields))
    plot.draw(
        _figure(seen, tuple(fields), outcome, shell.theme(), measured), "parallel",
        f"{titles[outcome]} of {len(measured)} runs by {', '.join(map(field_title, fields))}",
        request=Request("parallel", [row.run_id for row in measured], choice),
    )  # fmt: skip
    note = f"{words.runs(len(measured))} drawn"
    if len(measured) < (count := sum(outcome_of(row, outcome) is not None for row in rows)):
        note += f", the newest of {count}"
    st.caption(
        f"{note}. A line is a run, the highest {titles[outcome]} on top; its name is in the hover."
    )
