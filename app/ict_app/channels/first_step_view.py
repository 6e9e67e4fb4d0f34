"""*Criteria*, last: what sets of channels gain in the first step of their adapters."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from ict.analysis.families import gradients_of, rankings_beside
from ict.analysis.first_step import FirstStep
from ict.analysis.first_step_files import (
    Asked,
    FirstStepSettings,
    first_steps_of_files,
    kept_first_steps,
)
from ict.analysis.made_of_words import score_command
from ict.catalogue import SITE
from ict.criteria import NORMS
from ict.documents.score_record import ScoreRecord
from ict.figures import first_step_dots
from ict.figures.asked import Choice, Request
from ict.figures.first_step import told
from ict.figures.frames import frame
from ict.store import Store
from ict.store.names import gradient_file
from ict_app.common import address, plot, readers, shell, signed
from ict_app.common.terms import help_of
from ict_app.jobs import lines, view
from ict_app.tune import plan

BOTH = "both"
ASKED = "first_steps_asked"  # measured in this browser session
COLUMNS = {
    "name": "channels chosen by", "norm": "step", "k": "K", "predicted": "in-sample gain",
    "held_out": "held-out gain", "lowest": "lowest", "highest": "highest",
    "relative_to_best": "relative to the best", "regret": "regret",
}  # fmt: skip
GAINS = ("in-sample gain", "held-out gain", "lowest", "highest")
SHARES = ("relative to the best", "regret")


def draw(shown: Store, records: Sequence[ScoreRecord]) -> None:
    """The figure and its table for one file of gradients, or the command that makes one."""
    st.subheader("First step", anchor=False)
    found = {one.score_id: one for one in gradients_of(records)}
    if not found:
        st.info("No gradients of adapters yet.")
        begun = next((one for one in records if one.task), None)
        view.offer("Compute the gradients", lines.gradients(begun), key="gradients")
        return
    asked, how = _asked(found, records)
    rows = _rows(shown, asked, NORMS if how.norm is None else (how.norm,))
    if rows is None:
        return
    plot.draw(
        plot.once(first_step_dots, rows, seen=repr(rows), theme=shell.theme()), "first-step",
        "Held-out gain of a first step, by how channels are chosen",
        request=Request("first-step", [asked.gradients.score_id], how),
    )  # fmt: skip
    st.caption(
        "It shows how much one small step of the adapters lowers the loss, relative to the best read set and "
        "write set that were found: step and choice by gradient from one half of the images, gain on the "
        "other. Bars are the range over halvings, which share images: no interval. It shows the first step, "
        "and cannot show where training ends."
    )
    _table(rows)


def _asked(found: dict[str, ScoreRecord], records: Sequence[ScoreRecord]) -> tuple[Asked, Choice]:
    """Which gradients, where, how many channels, and by which norm."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        names = readers.score_names(records)
        labels = {score_id: names[score_id] for score_id in found}
        gradients = found[address.select("Gradients", labels, key="gradients", moving=True)]
        sites = gradients.sites or (SITE,)
        site = address.select("Site", sites, width=140, key="step_at")
        share = address.select_slider(
            "K/D", plan.SHARES[:-1], default="1/8", width=180, key="kd_step"
        )
        norm = address.segmented("Step", [BOTH, *NORMS], key="norm")
    ratio, others = plan.share_of(share), rankings_beside(gradients, records, site=site)
    asked = Asked(gradients=gradients, others=others, site=site, ratio=ratio)
    return asked, Choice(site=site, ratio=ratio, norm=None if norm == BOTH else str(norm))


def _rows(shown: Store, asked: Asked, norms: Sequence[str]) -> list[FirstStep] | None:
    """What the store kept, or what is measured on request: that takes seconds to minutes."""
    kept = [kept_first_steps(asked, norm, shown) for norm in norms]
    if None in kept and not gradient_file(Path(asked.gradients.path).parent).is_file():
        st.info(
            "First steps of this K/D were not kept, and the gradients are not in this store any more; "
            "the same command computes them again."
        )
        again = (*score_command(asked.gradients, asked.site)[1:],)
        view.offer("Compute the gradients", again, key="gradients")
        return None
    if None in kept:
        key = (asked.gradients.score_id, asked.site, asked.ratio, tuple(norms))
        measured = st.session_state.setdefault(ASKED, set())
        if key not in measured and not st.button("Measure first steps", icon=":material/steps:"):
            st.caption("Computed once for each K, then kept in the store.")
            return None
        with st.spinner("Measuring …"):
            kept = [_measured(_stamps(asked), asked.settings(norm), asked, shown) for norm in norms]  # fmt: skip
        measured.add(key)
    return [row for rows in kept for row in rows or ()]


def _stamps(asked: Asked) -> list[readers.Stamp]:
    """Of all files that are read."""
    own = gradient_file(Path(asked.gradients.path).parent)
    return [readers.stamp(path) for path in (own, *(Path(one.path) for one in asked.others))]


@st.cache_resource(max_entries=24, show_spinner=False)
def _measured(
    of: list[readers.Stamp], settings: FirstStepSettings, _asked: Asked, _shown: Store
) -> list[FirstStep]:
    """The rows alone are held, not the gradients."""
    store = None if readers.is_example(_shown) else _shown
    return first_steps_of_files(_asked, settings.norm, store=store)


def _table(rows: Sequence[FirstStep]) -> None:
    """The numbers behind the figure."""
    gain = st.column_config.NumberColumn(
        help=help_of("gain", "Of the loss per image, for a step of 1.")
    )
    share = st.column_config.NumberColumn(help=help_of("relative gain"))
    formats = dict.fromkeys(GAINS, gain) | dict.fromkeys(SHARES, share)
    formats[COLUMNS["name"]] = st.column_config.TextColumn(width="medium")
    table = frame(rows)
    table["name"] = table["name"].map(told)
    table["k"] = [", ".join(map(str, k)) for k in table["k"]]
    signed.draw(
        placeholder="", height="content" if len(rows) < 14 else 480,
        table=table[list(COLUMNS)].rename(columns=COLUMNS),
        forms=dict.fromkeys(GAINS, ".4g") | dict.fromkeys(SHARES, ".3f"), columns=formats,
    )  # fmt: skip
