"""*Channels*, below the map: which classes drive the channels, their energy, stability, what is generic."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import streamlit as st

from ict.analysis.energy import EnergyRow
from ict.analysis.sources import Source as Sums
from ict.analysis.sources import open_source as open_sums
from ict.analysis.tables import (
    StabilityRow,
    energy_rows,
    kept_energy_rows,
    kept_stability_rows,
    stability_rows,
)
from ict.documents.number_words import range_words
from ict.errors import InputError
from ict.figures import class_map, energy_split, stability_lines
from ict.figures.asked import Choice, Request
from ict.figures.sources import chosen_in_block, ranked_in_block
from ict.selection import Selection
from ict.store import Store
from ict_app.channels import made_of_view
from ict_app.common import address, plot, readers, shell
from ict_app.common.controls import followed_block
from ict_app.common.sources import Source
from ict_app.jobs import lines, view

TABS = {"classes": "Classes", "energy": "Energy", "stability": "Stability", "made_of": "Made of"}


def draw(shown: Store, source: Source, picked: Selection, how: Choice) -> None:
    """Four looks behind the scores; only the open one is computed."""
    st.subheader("Behind the scores", anchor=False)
    tabs = address.tabs(TABS, key="behind").values()
    for tab, look in zip(tabs, (_classes, _energy, _stability, _made_of), strict=True):
        if tab.open:
            with tab:
                look(shown, source, picked, how)


def _classes(_shown: Store, source: Source, picked: Selection, how: Choice) -> None:
    """Classes × chosen channels of the block that is followed."""
    block = followed_block(source.blocks - 1)
    values = source.by_class(block)
    if values is None:
        st.caption(f"{source.criterion} has no score for single classes.")
        return
    chosen, ranked = chosen_in_block(picked, block), ranked_in_block(source, picked, block)
    plot.draw(
        plot.once(class_map, values[:, ranked], ranked, source.record.class_names or None,
                  seen=(source.stamp, source.site, block, tuple(ranked)), criterion=source.criterion,
                  theme=shell.theme()),
        "class-map", f"Chosen channels of block {block} by class",
        request=Request("class-map", [source.key], replace(how, block=block)),
    )  # fmt: skip
    of = f"the first {len(ranked)}" if len(ranked) < len(chosen) else f"all {len(ranked)}"
    st.caption(
        f"It shows {of} chosen channels of block {block}, each class over the channel's mean of classes: "
        "white is a channel that all classes drive alike. A class of more images has a larger norm; it "
        "cannot show whether the label, or what the images look like, makes the difference."
    )


def _energy(shown: Store, source: Source, _picked: Selection, _how: Choice) -> None:
    """Where Σ a² comes from, block by block, and how many channels carry it."""
    rows = kept_energy_rows(source.scores.record, site=source.site, store=shown) or _own_energy(
        source
    )
    if isinstance(rows, str):
        _lacking(source, rows, "energy")
        return
    plot.draw(
        plot.once(energy_split, rows, seen=repr(rows), theme=shell.theme()), "energy", "Energy of each block in four parts",
        request=Request("energy", [source.record.score_id], Choice(site=source.site)),
    )  # fmt: skip
    few, many = (f(row.participation_ratio for row in rows) for f in (min, max))
    carriers = range_words(few, many, ".0f")
    st.caption(
        "It shows what an L2 norm sums up: an offset that is the same for all images, class means, images "
        "within a class, tokens within an image. The class part is what goes beyond shuffled labels, which "
        f"would reach the grey dashes by chance. The energy sits in {carriers} channels a "
        "block (participation ratio). It cannot show use: a constant offset may be what the next layer needs."
    )


def _stability(shown: Store, source: Source, _picked: Selection, how: Choice) -> None:
    """Whether other images of the task would have chosen the same channels."""
    ks: Sequence[int] = how.k or ()
    rows: list[StabilityRow] | str | None = kept_stability_rows(
        source.scores.record, ks, site=source.site, store=shown
    )
    if rows is None:
        rows = _own_stability(shown, source, tuple(ks))
    if isinstance(rows, str):
        _lacking(source, rows, "stability")
        return
    if not rows:
        return
    plot.draw(
        plot.once(stability_lines, rows, seen=repr(rows), theme=shell.theme()), "stability", "Stability of the choice by block",
        request=Request("stability", [source.record.score_id], Choice(site=source.site, k=tuple(ks))),
    )  # fmt: skip
    kept = [row.shuffle_overlap / row.k for row in rows if row.shuffle_overlap is not None]
    words = ""
    if kept:
        stays = range_words(100 * min(kept), 100 * max(kept), ".0f", "%")
        words = (
            f" With shuffled class labels {stays} of the choice stays: that much does not depend on "
            "the classes."
        )
    st.caption(
        "It shows how alike the choices are that resamples of these images make (chance 0, identical 1; "
        f"the interval is that of the resampling).{words} It cannot show other tasks' or other runs' noise."
    )


def _made_of(shown: Store, source: Source, _picked: Selection, how: Choice) -> None:
    """What of the choice is generic, which per-image sums and other score files tell."""
    made_of_view.draw(shown, source, how)


def _own_energy(source: Source) -> list[EnergyRow] | str:
    try:
        return energy_rows(_sums(source))
    except InputError as error:
        return str(error)


def _own_stability(shown: Store, source: Source, ks: tuple[int, ...]) -> list[StabilityRow] | str:
    """Computed on request and kept in the store: 100 resamples take seconds to minutes."""
    try:
        sums = _sums(source)
    except InputError as error:
        return str(error)
    if not st.button("Resample the images 100 times", icon=":material/casino:"):
        st.caption("Computed once for each K, then kept in the store.")
        return []
    with st.spinner("Resampling …"):
        return stability_rows(sums, ks, store=None if readers.is_example(shown) else shown)


def _sums(source: Source) -> Sums:
    return open_sums(Path(source.stamp[0]), site=source.site)


def _lacking(source: Source, reason: str, command: str) -> None:
    """Why there is nothing to see, and the command that mends it."""
    st.caption("Not kept for these scores: " + reason.rpartition(": ")[2] + ".")
    if line := lines.behind_scores(command, source.record, source.site):
        view.offer("Compute it", line, key=command)
