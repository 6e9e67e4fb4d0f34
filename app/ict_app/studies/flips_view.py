"""Flips: one run of A against one of B, class by class and image by image."""

import streamlit as st

from ict.analysis.answers import class_words
from ict.analysis.comparing import TaskComparison
from ict.analysis.flips import flips
from ict.errors import InputError
from ict.figures.asked import Request
from ict.store import Run, Store
from ict.store.run_rows import RunRow
from ict_app.common import address, drawn, gallery, readers, words
from ict_app.common import answer_formulas as formulas
from ict_app.studies.compare_data import Flipped, Pair

KINDS = {
    "lost": "right under A alone",
    "gained": "right under B alone",
    "both": "wrong in two ways",
}


def draw(shown: Store, pair: Pair, one: TaskComparison) -> None:
    """Which images flip between two trained models, and what each says of them."""
    runs = _two(shown, pair, one)
    st.markdown(
        f"Of these two trained models alone: another seed of either flips other images. "
        f"A {words.plain(runs[0].id)}, B {words.plain(runs[1].id)}."
    )
    with st.container(horizontal=True):
        for side, run in zip("AB", runs, strict=True):
            address.link("predictions", f"Predictions of {side}", icon="checklist", run=run.id)
    try:
        own = Flipped(*(gallery.answers_of(run) for run in runs))
        a, b = own.a.answers, own.b.answers
        counted = flips(a.predictions, b.predictions, a.labels)
    except InputError as error:
        st.info(words.plain(words.sentence(error)), icon=":material/folder_off:")
        return
    st.markdown(f"{words.plain(counted.sentence)}.", help=formulas.FLIPS)
    drawn.draw(
        Request("flips", [run.id for run in runs]), "Images that only one of two runs gets right, by class",
        seen=tuple(readers.stamp(run.predictions_path) for run in runs),
    )  # fmt: skip
    _images(runs[0], own)


def _two(shown: Store, pair: Pair, one: TaskComparison) -> tuple[Run, Run]:
    """A run of each side on the task; B's of the same seed, unless another is chosen."""
    sides = [side.on(one.task).rows for side in (pair.a, pair.b)]
    labels = [{row.run_id: _label(row) for row in rows} for rows in sides]
    if all(len(rows) == 1 for rows in sides):
        return shown.run(next(iter(labels[0]))), shown.run(next(iter(labels[1])))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        a = address.select("Run of A", labels[0], key="run_a", width=260)
        seed = next(row.seed for row in sides[0] if row.run_id == a)
        same = next((row.run_id for row in sides[1] if row.seed == seed), None)
        b = address.select("Run of B", labels[1], key="run_b", default=same, width=260)
    return shown.run(a), shown.run(b)


def _label(row: RunRow) -> str:
    draw = f", draw {row.selection_seed}" if row.selection_seed is not None else ""
    return f"seed {row.seed}{draw} · {row.run_id[-6:]}"


def _images(run: Run, own: Flipped) -> None:
    """The images of one kind of flip, with their class and both answers."""
    of = gallery.images(run, own.a)
    found = {kind: own.places(kind) for kind in KINDS}
    options = {kind: f"{told} ({len(found[kind])})" for kind, told in KINDS.items()}
    kind = address.segmented("Images", options, key="flip", help=formulas.CERTAINTY)

    def row(place: int) -> gallery.Row:
        label = class_words(int(own.a.answers.labels[place]), of.class_names)
        answers = (gallery.answer_words(side, place, of.class_names) for side in (own.a, own.b))
        return {"class": label, **dict(zip("AB", answers, strict=True))}

    gallery.draw(of, found[kind], row)
    if len(found[kind]):
        st.caption(
            "The most certain wrong answer first; in brackets how certain the model says it is."
        )
