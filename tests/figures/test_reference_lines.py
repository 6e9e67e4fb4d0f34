"""Lines across a figure are those of Plotly's own methods."""

import plotly.graph_objects as go

from ict.figures.reference_lines import line_at_x, line_at_y

STYLE = {"width": 2, "dash": "dot", "color": "#123456"}


def test_they_are_what_plotly_draws() -> None:
    ours, theirs = (
        go.Figure(go.Scatter(x=[0, 1], y=[2, 3])),
        go.Figure(go.Scatter(x=[0, 1], y=[2, 3])),
    )
    line_at_y(ours, 2.5, STYLE, "")
    line_at_x(ours, -1, STYLE, "")
    theirs.add_hline(y=2.5, line=STYLE).add_vline(x=-1, line=STYLE)
    assert ours == theirs


def test_they_say_what_they_stand_for_at_an_end() -> None:
    figure = go.Figure()
    line_at_y(figure, 2.5, STYLE, "mean")
    line_at_y(figure, 3.5, STYLE, "nothing replaced", below="start")
    first, second = figure.layout.shapes
    assert (first.label.text, first.label.textposition, first.label.yanchor) == (
        "mean",
        "end",
        "bottom",
    )
    assert (second.label.textposition, second.label.yanchor) == ("start", "top")
