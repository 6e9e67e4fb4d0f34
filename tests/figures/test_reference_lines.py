"""Lines across a figure are those of Plotly's own methods."""

import plotly.graph_objects as go

from ict.figures.reference_lines import line_at_x, line_at_y

STYLE = {"width": 2, "dash": "dot", "color": "#123456"}


def test_they_are_what_plotly_draws() -> None:
    ours, theirs = (
        go.Figure(go.Scatter(x=[0, 1], y=[2, 3])),
        go.Figure(go.Scatter(x=[0, 1], y=[2, 3])),
    )
    line_at_y(ours, 2.5, STYLE)
    line_at_x(ours, -1, STYLE)
    theirs.add_hline(y=2.5, line=STYLE).add_vline(x=-1, line=STYLE)
    assert ours == theirs
