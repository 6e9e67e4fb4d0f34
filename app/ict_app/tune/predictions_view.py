"""*Predictions*: which classes a run takes for which, the accuracy of each, and the images behind it."""

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from ict.analysis.answered_images import AnsweredImages
from ict.analysis.answers import Answered, class_words
from ict.errors import InputError
from ict.figures.asked import Request
from ict.store import Run, Store
from ict_app.common import address, drawn, gallery, plot, readers, shell, words
from ict_app.common import answer_formulas as formulas
from ict_app.tune import manage

ORDERS = {
    "wrong": "wrong, most certain first",
    "unsure": "least certain first",
    "cell": "of one cell",
}


def choose(shown: Store) -> str | None:
    """A finished run: that of the link, else the newest; None where there is none."""
    rows = readers.run_rows(shown)
    names = readers.run_names(rows)
    labels = {row.run_id: names[row.run_id] for row in rows if row.done}
    if not labels:
        return None
    return address.select("Run", labels, key="run", moving=True, label_visibility="collapsed")


def nothing(shown: Store) -> None:
    """What leads to a first finished run: the one on its way, the one that stopped, or a new one."""
    rows = readers.run_rows(shown)
    names = readers.run_names(rows)
    busy = next((row for row in rows if row.status in manage.BUSY), None)
    stopped = next((row for row in rows if row.status in manage.RESUMABLE), None)
    if busy is not None:
        shell.empty(
            f"No finished run yet: {words.plain(names[busy.run_id])} is {busy.status}.", button="Look at it",
            page="run", run=busy.run_id, command="ict runs",
        )  # fmt: skip
    elif stopped is not None:
        shell.empty(
            f"No finished run yet: {words.plain(names[stopped.run_id])} is {stopped.status}; it can be resumed.",
            button="Look at it", page="run", run=stopped.run_id, command=f"ict resume {stopped.run_id}",
        )  # fmt: skip
    else:
        shell.empty(
            "No run yet, so nothing was answered. A digits run takes about a minute.",
            button="Start a run", page="train", command="ict train digits",
        )  # fmt: skip


def draw(run: Run) -> None:
    """Everything that the run's answers tell."""
    with st.container(horizontal=True):
        address.link("run", "This run", icon="monitoring", run=run.id)
        address.link("compare", "Compare it", icon="balance", a=run.id)
    try:
        own = gallery.answers_of(run)
    except InputError as error:
        _lacking(run, error)
        return
    of = gallery.images(run, own)
    names = of.class_names
    st.markdown(f"**{words.plain(own.sentence(names))}**", help=formulas.WILSON)
    _numbers(own, names)
    _figures(run, own)
    st.subheader("Images", anchor=False)
    _images(own, of)
    with st.expander("Commands", icon=":material/terminal:"):
        shown = readers.store()
        requests = (
            Request(name, [run.id]).command(shown) for name in ("confusion", "class-accuracy")
        )
        st.code("\n".join(f"{command} --out FILE.pdf" for command in requests), language="bash")


def _lacking(run: Run, error: InputError) -> None:
    """What is missing, and the commands that bring it back."""
    if readers.is_example(readers.store()):
        st.info("The answers of these runs were left behind. The example comes without them: a run of "
                "your own keeps its answers.", icon=":material/folder_off:")  # fmt: skip
        return
    st.info(words.plain(error), icon=":material/folder_off:")
    asked = str(run.record.get("command") or "")
    again = asked if asked.startswith("ict ") else "ict train …  # or the form on page Train"
    st.code(f"ict remove {run.id}\n{again}", language="bash")


def _numbers(own: Answered, names: tuple[str, ...] | None) -> None:
    low, high = own.interval
    right = float(own.right.mean())
    cells = [
        ("Test accuracy", words.percent(right, 2), "Right answers / test images."),
        ("95 % interval", f"{100 * low:.2f} to {100 * high:.2f} %", formulas.WILSON),
        ("Balanced accuracy", words.percent(own.balanced, 2), formulas.BALANCED),
        ("Wrong", f"{int((~own.right).sum()):,} of {len(own.answers):,}", "Test images with another answer than their class."),
    ]  # fmt: skip
    if most := own.most_mistaken:
        pairs = [" → ".join(one.pair(names)) for one in most]
        mixed = pairs[:2] if len(pairs) < 3 else [pairs[0], f"{len(pairs) - 1} more"]
        cells.append(("Mixed up most", ", ".join(mixed), formulas.MOST_MISTAKEN))
    with st.container(horizontal=True, gap="large"):
        for label, value, note in cells:
            st.metric(label, value, help=note, width="content")


def _figures(run: Run, own: Answered) -> None:
    seen = readers.stamp(run.predictions_path)
    figures = [Request(name, [run.id]) for name in ("confusion", "class-accuracy")]
    height = drawn.level(figures, seen=seen)
    left, right = st.columns(2)
    with left:
        st.markdown("**Which classes are taken for which**", help=formulas.CONFUSION)
        drawn.draw(
            figures[0], "Images of each class by the answer that they got",
            seen=seen, on_page=lambda figure: _clickable(figure, own), on_select=_cell_clicked,
            selection_mode="points", height=height,
        )  # fmt: skip
    with right:
        st.markdown("**Accuracy of each class**", help=formulas.WILSON)
        drawn.draw(
            figures[1], "Accuracy of each class with its interval", seen=seen, height=height
        )  # fmt: skip


def _clickable(figure: go.Figure, own: Answered) -> go.Figure:
    """With unseen marks on the cells that have images: Plotly selects no cell of a heatmap."""
    cells = np.argwhere(own.counts)
    unseen = {"marker": {"opacity": 0}}
    return go.Figure(figure).add_scatter(
        x=cells[:, 1].tolist(), y=cells[:, 0].tolist(),
        customdata=[list(figure.data[0].customdata[a][b]) for a, b in cells], mode="markers",
        marker={"size": 22, "symbol": "square", "opacity": 0}, selected=unseen, unselected=unseen,
        showlegend=False, hovertemplate=figure.data[0].hovertemplate,
    )  # fmt: skip


def _cell_clicked() -> None:
    """A click on a cell chooses its class and its answer."""
    if cell := plot.clicked("confusion"):
        address.put(images="cell", label=int(cell[0]), answer=int(cell[1]), sheet=None)


def _images(own: Answered, of: AnsweredImages) -> None:
    places = _places(own, of.class_names)

    def row(place: int) -> gallery.Row:
        label = int(own.answers.labels[place])
        return {
            "class": class_words(label, of.class_names),
            "answer": gallery.answer_words(own, place, of.class_names),
        }

    gallery.draw(of, places, row)


def _places(own: Answered, names: tuple[str, ...] | None) -> np.ndarray:
    """The images that are asked for, in their order."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        order = address.segmented(
            "Which", ORDERS, key="images", noun="kind of images", help=formulas.CERTAINTY
        )
        if order == "wrong":
            return own.wrong()
        if order == "unsure":
            return own.least_certain()
        classes = {str(c): class_words(c, names) for c in range(own.classes)}
        most = own.mistakes[0] if own.mistakes else None
        label = address.select(
            "Class", classes, key="label", default=str(most.label) if most else None, width=200
        )
        answer = address.select(
            "Answer", classes, key="answer", default=str(most.answer) if most else None, width=200
        )
    return own.cell(int(label), int(answer))
