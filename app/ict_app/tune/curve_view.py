"""*Curves*: runs over epochs, steps or time, drawn anew while epochs arrive."""

import dataclasses
from collections.abc import Sequence

import plotly.graph_objects as go
import streamlit as st

from ict.analysis.groups import has_epochs
from ict.analysis.run_fields import field_title, varying_fields
from ict.errors import InputError
from ict.figures import Theme, training_curves
from ict.figures.asked import Choice, Request
from ict.figures.curve_view import CurveView, limits
from ict.figures.draw_curves import curve_runs, is_drawn, view_of
from ict.store import Run, Store
from ict.store.epoch_rows import Epoch
from ict.store.run_rows import RunRow
from ict_app.common import address, kept, plot, readers, shell, words, zoom
from ict_app.tune import manage

METRICS = {
    "val_accuracy": "validation accuracy",
    "train_accuracy": "training accuracy",
    "train_loss": "training loss",
    "lr": "learning rate",
}
ALONG = {"epoch": "Epoch", "step": "Step", "time": "Time"}
SETTING = "setting"
DRAWN = 24
_WEIGHTS = ("0", "0.2", "0.4", "0.6", "0.8", "0.9", "0.95", "0.99")
_SMOOTHING = (
    "The thick line is the exponential moving average $s_t = w\\,s_{t-1} + (1-w)\\,y_t$ from $s_0 = 0$, "
    "drawn as $s_t / (1 - w^t)$, so that it has no pull to 0: what TensorBoard and W&B draw. 0 is off. "
    "What was measured stays behind it as thin lines, and what the page finds is computed from that."
)
_ENDS = {"x": "Limits of x", "y": "Limits of y"}
_LIMITS = "As 0:10, 90: or :5, in the unit of the axis. A zoom in the figure is typed here; a double click empties it."
_UNWRITTEN = {"step": "the number of their steps", "time": "the seconds of their epochs"}


@st.cache_resource(max_entries=100, show_spinner=False)
def _figure(
    seen: tuple[tuple[str, str, readers.Stamp], ...],
    asked: str,
    theme: Theme,
    _rows: Sequence[RunRow],
    _choice: Choice,
) -> go.Figure:
    """Of the same files and choices the same figure; `seen` also says how each run stands."""
    progress = {run_id: readers.epochs(of) for run_id, _, of in seen}
    runs = curve_runs(_rows, progress, _choice.colour)
    metric = str(_choice.metric)
    view = view_of(_choice)
    return plot.kept(training_curves(runs, metric, view=view, colour=_choice.colour, theme=theme))


def _stamp(shown: Store, row: RunRow) -> readers.Stamp:
    return readers.stamp(Run(shown.runs_dir / row.run_id).progress_path)


def _epochs(shown: Store, row: RunRow) -> tuple[Epoch, ...]:
    return readers.epochs(_stamp(shown, row))


def curves(shown: Store, rows: Sequence[RunRow]) -> None:
    """One colour for what differs, thin lines for seeds, a band where there are three or more.

    While one of the runs is on its way the figure is drawn anew every two seconds; a zoom is its limits.
    """
    choice = _controls(rows)
    alive = any(row.status in manage.BUSY for row in rows)
    st.fragment(_drawn, run_every=2 if alive else None)(
        str(shown.root), [row.run_id for row in rows], choice, alive
    )


def _controls(rows: Sequence[RunRow]) -> Choice:
    """What is drawn of the runs, and how."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        metric = address.segmented("Metric", METRICS, key="metric")
        along = address.segmented("Along", ALONG, key="x")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        fields = {SETTING: "setting"} | {
            name: field_title(name) for name in kept.of_rows(varying_fields, rows)
        }
        colour = address.select("Colour by", fields, key="colour", width=200)
        smooth = address.select_slider(
            "Smoothing", _WEIGHTS, key="smooth", help=_SMOOTHING, width=240
        )
        log = address.toggle("Log y", key="log")
        ends = {
            axis: _limits(
                address.text(label, key=f"{axis}lim", placeholder="all", width=150, help=_LIMITS),
                axis,
            )
            for axis, label in _ENDS.items()
        }
    return Choice(
        metric=metric, x=along, log=log, smooth=float(smooth),  # type: ignore[arg-type]
        colour=None if colour == SETTING else colour, xlim=ends["x"], ylim=ends["y"],
    )  # fmt: skip


def _limits(text: str, axis: str) -> str | None:
    """What was typed; a sentence and nothing where it is no pair of ends."""
    try:
        limits(text, axis)
    except InputError as error:
        st.error(words.plain(words.sentence(error)), icon=":material/error:")
        return None
    return text.strip() or None


def _drawn(root: str, ids: Sequence[str], choice: Choice, alive_then: bool) -> None:
    """The figure of the newest of the runs, and what is said of it."""
    shown, wanted = Store(root), set(ids)
    rows = [row for row in readers.run_rows(shown) if row.run_id in wanted]
    if alive_then and not any(row.status in manage.BUSY for row in rows):
        st.rerun(scope="app")
    view, metric = view_of(choice), str(choice.metric)
    begun = [row for row in rows if has_epochs(row) and _stamp(shown, row)[2]]
    if not begun:
        st.info("None of these runs has finished an epoch yet.", icon=":material/hourglass_empty:")
        return
    newest = begun[:DRAWN]
    drawn = [row for row in newest if is_drawn(row, _epochs(shown, row), metric, view)] or newest
    seen = tuple((row.run_id, row.status, _stamp(shown, row)) for row in drawn)
    words_ = f"{METRICS[metric]} over {ALONG[view.x].lower()} of {len(drawn)} runs"
    plot.draw(
        _figure(seen, repr(dataclasses.astuple(choice)), shell.theme(), drawn, choice), "curves", words_,
        request=Request("curves", [row.run_id for row in drawn], choice),
    )  # fmt: skip
    zoom.into_limits("curves", _ENDS)
    _note(shown, begun, drawn, metric, view)


def _note(
    shown: Store, begun: Sequence[RunRow], drawn: Sequence[RunRow], metric: str, view: CurveView
) -> None:
    """How many runs are drawn, which are not, and what the lines are."""
    newest, plain = begun[:DRAWN], CurveView()
    lacking = [
        row for row in newest
        if not is_drawn(row, _epochs(shown, row), metric, view)
        and is_drawn(row, _epochs(shown, row), metric, plain)
    ]  # fmt: skip
    note = f"{words.runs(sum(row not in lacking for row in drawn))} drawn"
    if len(begun) > DRAWN:
        note += f", the newest of {len(begun)} with epochs; filter or select rows to draw others"
    if lacking:
        note += (
            f". {words.runs(len(lacking))} of an earlier version did not write {_UNWRITTEN[view.x]}"
        )
    behind = "Thin lines are as measured" if view.smooths else "Thin lines are seeds"
    st.caption(
        f"{note}. {behind}, the band is the 95 % t interval of the mean, from three seeds on."
    )
