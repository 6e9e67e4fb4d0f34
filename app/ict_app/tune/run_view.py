"""One run: what it does now, its curves, its log, what it was asked and what came out."""

from typing import Literal

import plotly.graph_objects as go
import streamlit as st

from ict.analysis.groups import has_epochs
from ict.config import ran_otherwise
from ict.figures import Theme, training_curves
from ict.figures.asked import Choice, Request
from ict.figures.curves import Curve
from ict.store import Run, Store
from ict.store.epoch_rows import Epoch
from ict.store.run_labels import read_label
from ict.store.run_result import RunResult
from ict.store.run_rows import RunRow
from ict_app.common import address, plot, published, readers, shell, words
from ict_app.common.readers import LiveReport
from ict_app.common.terms import help_of
from ict_app.tune import controls_view, manage

Colour = Literal["red", "orange", "blue", "green", "violet", "gray"]
_BADGES: dict[str, tuple[Colour, str]] = {
    "done": ("green", "check_circle"),
    "running": ("blue", "play_circle"),
    "queued": ("violet", "schedule"),
    "failed": ("red", "error"),
    "killed": ("orange", "cancel"),
    "cancelled": ("gray", "do_not_disturb_on"),
    "created": ("gray", "draft"),
}


def alive(status: str) -> bool:
    """On its way: worth looking at each second."""
    return status in manage.BUSY


@st.cache_resource(max_entries=400, show_spinner=False)
def curve(
    of: readers.Stamp, metric: str, method: str, theme: Theme, *, count: int | None
) -> go.Figure:
    """A curve of one run over its first epochs; the same object, so the same zoom, until the file changes."""
    rows = readers.epochs(of)[:count]
    return plot.kept(training_curves([Curve(method, None, rows)], metric, theme=theme))


def draw(run: Run, shown: Store) -> None:
    """The run, polled each second while it is on its way and not paused."""
    status = run.status()
    shell.tab("Run", words.short_label(*map(run.config.get, ("task", "method", "k"))))
    address.keep(of=run.id)  # Channels and Inspect open where this page was
    with st.container(horizontal=True, vertical_alignment="center"):
        colour, icon = _BADGES[status]
        st.badge(status, color=colour, icon=f":material/{icon}:")
        _actions(run, status, shown)
        paused = alive(status) and st.toggle("Pause updates", key="pause")
    manage.label_words(read_label(run))
    st.fragment(_body, run_every=1 if alive(status) and not paused else None)(
        str(shown.root), run.id, status
    )
    controls_view.draw(run, shown)
    _papers(run)


def _body(root: str, run_id: str, status_then: str) -> None:
    """What changes while a run runs. Never drives the queue: it only looks."""
    run = Run(Store(root).runs_dir / run_id)
    status = run.status()
    if status != status_then:
        readers.forget_rows()
        st.rerun(scope="app")
    _sentence(run, status)
    _numbers(run, status)
    result = run.result()
    if ran := ran_otherwise(run.config):
        st.warning(
            f"{ran}. Asked for anew, it runs as written and has another id.",
            icon=":material/history:",
        )
    for note in result.notes if result else ():
        st.caption(f":material/info: {words.plain(note)}")
    _curves(run, status)
    if log := run.log_tail(12):
        st.caption("Log, last lines")
        st.code(log, language=None, wrap_lines=True, height=min(240, 60 + 20 * log.count("\n")))


def _curves(run: Run, status: str) -> None:
    """Loss and accuracy over epochs; a converged probe has none, and no line."""
    if not has_epochs(RunRow(method=run.config.get("method"))):
        st.caption(
            "A converged probe is solved once for each C and has no epochs: there is no curve to draw."
        )
        return
    run_id = run.id
    left, right = st.columns(2)
    of = readers.stamp(run.progress_path)
    theme, count = shell.theme(), readers.epochs_left_by(run, status)
    for column, metric in ((left, "train_loss"), (right, "val_accuracy")):
        drawn = metric
        if metric == "val_accuracy" and not any(r.get(metric) for r in readers.epochs(of)):
            drawn = "train_accuracy"
        with column:
            plot.draw(
                curve(of, drawn, str(run.config.get("method")), theme, count=count), drawn, f"{drawn.replace('_', ' ')} over epochs of this run",
                key=f"curve_{metric}", request=None if alive(status) or not readers.epochs(of)
                else Request("curves", [run_id], Choice(metric=drawn)),
            )  # fmt: skip


def _sentence(run: Run, status: str) -> None:
    execution = run.execution() or {}
    if again := words.starts(execution.get("starts") or 1, execution.get("resumed_epoch")):
        st.caption(f":material/restart_alt: {again}")
    if status == "failed":
        error = run.error() or {}
        st.error(
            words.plain(error.get("message", "it failed without a message")),
            icon=":material/error:",
        )
        if error.get("traceback"):
            with st.expander("Traceback"):
                st.code(str(error["traceback"]), language=None)
    elif status == "killed":
        st.warning(
            "The run was killed: its process is gone and left no result. "
            "Resume goes on from the last checkpoint, with the same numbers.",
            icon=":material/cancel:",
        )
    elif status == "queued":
        st.info("Waiting for a free device slot.", icon=":material/schedule:")
    elif status == "created":
        st.info("Written, but not started yet.", icon=":material/draft:")
    elif status == "cancelled":
        st.info("Cancelled. Resume goes on from the last checkpoint.", icon=":material/info:")


def _numbers(run: Run, status: str) -> None:
    """What was measured so far: of a finished run its result, before that the last epoch."""
    result = run.result()
    live = readers.live(run) if status == "running" else LiveReport()
    if status == "running":
        _bar(live)
    rows = readers.progress(run)[: readers.epochs_left_by(run, status)]
    last = rows[-1] if rows else Epoch(0, {})
    epochs = run.config.get("epochs")
    epoch = f"{len(rows)} of {epochs}" if epochs else words.count(len(rows))
    cells: list[tuple[str, str, str | None]] = [("Epoch", epoch, None)]
    if result is None:
        cells += [
            ("Validation", words.percent(last.get("val_accuracy")), help_of("accuracy")),
            ("Time left", words.duration(live.eta_seconds), None),
            ("Images a second", words.count(_speed(live, last)), None),
            ("Peak memory", words.size(live.memory_bytes), None),
        ]
    else:
        cells = [
            ("Test accuracy", words.percent(result.test_accuracy), _test_help(result)),
            ("Validation", words.percent(result.val_accuracy), help_of("accuracy")),
            *cells,
            ("Training time", words.duration(result.train_seconds), None),
            ("Images a second", words.count(result.images_per_second), None),
            ("Peak memory", words.size(result.peak_memory_bytes), None),
            ("Trained parameters", words.count(result.trainable_parameters), "Adapter and head"),
        ]
    with st.container(horizontal=True):
        for label, value, note in cells:
            if value != words.NOTHING:
                st.metric(label, value, help=note, width="content")


def _speed(live: LiveReport, last: Epoch) -> float | None:
    return live.images_per_second or last.get("images_per_second")


def _test_help(result: RunResult) -> str:
    return (
        f"Last epoch, {words.count(result.test_images)} images, looked at once. "
        f"Balanced {words.percent(result.test_balanced_accuracy)}; always the commonest class "
        f"{words.percent(result.majority_accuracy)}."
    )


def _bar(live: LiveReport) -> None:
    done, total = live.done or 0, live.total or 0
    where = f"epoch {live.epoch} of {live.epochs}" if live.epoch else ""
    count = f"{done:,} of {total:,} {live.unit}" if total else ""
    text = ", ".join(part for part in (live.phase, where, count) if part)
    st.progress(min(1.0, done / total) if total else 0.0, text=text)


def _actions(run: Run, status: str, shown: Store) -> None:
    if readers.is_example(shown):
        st.button("Delete", icon=":material/delete:", disabled=True, help=readers.EXAMPLE_STAYS)
        st.caption(readers.EXAMPLE_STAYS)
        return
    if alive(status):
        manage.action_at_once("Cancel", "stop", lambda: manage.cancel(shown, [run.id]))
    elif status in manage.RESUMABLE:
        label = "Start" if status == "created" else "Resume"
        manage.action(label, "play_arrow", lambda: manage.submit(shown, [run.id]))
    manage.label_button(shown, [run.id])
    asked = not alive(status) and published.button("Delete", icon=":material/delete:")
    if asked and manage.attempt(lambda: manage.delete(shown, [run.id])):
        address.go("curves")  # where the way back is
    if status == "done" and run.has_selection:
        address.link("channels", "Its channels", icon="grid_on", of=run.id)
    if status == "done":
        address.link("predictions", "Its predictions", icon="checklist", run=run.id)


_WIDTHS = {
    "field": st.column_config.TextColumn(width=200),
    "value": st.column_config.TextColumn(width=640),
    "set by": st.column_config.TextColumn(width=120),
}


def _papers(run: Run) -> None:
    """Configuration, result and provenance, as they lie on disk."""
    record = run.record
    config, outcome, files = st.tabs(["Configuration", "Result", "Files"])
    with config:
        set_by = set(record.get("recipe_fields") or ())
        recipe = f"recipe {record.get('recipe')}"
        st.dataframe(
            [
                {"field": name, "value": words.value(value), "set by": recipe if name in set_by else ""}
                for name, value in run.config.items()
                if value is not None
            ],
            hide_index=True, height=400, column_config=_WIDTHS,
        )  # fmt: skip
    with outcome:
        result = run.result()
        if result:
            st.dataframe(
                [
                    {"field": name, "value": words.value(value)}
                    for name, value in result.to_dict().items()
                    if value is not None
                ],
                hide_index=True, height=400, column_config=_WIDTHS,
            )  # fmt: skip
        else:
            st.caption("No result yet.")
    with files:
        st.code(f"ict show {run.id}\n{run.path}", language=None)


def choose(shown: Store) -> str | None:
    """Picks a run when the link names none: the one that runs, else the newest."""
    rows = readers.run_rows(shown)
    ids = [row.run_id for row in rows]
    if not ids:
        return None
    labels = readers.run_names(rows)
    busy = [row.run_id for row in rows if row.status == "running"]
    return address.select(
        "Run", labels, key="run", default=busy[0] if busy else ids[0], moving=True,
        label_visibility="collapsed",
    )  # fmt: skip
