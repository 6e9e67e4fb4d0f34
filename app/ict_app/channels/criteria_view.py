"""*Criteria*: agreement of rankings on one task, and what replacing their channels does."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from ict.analysis.agreement import against_rows, mean_over_blocks, measured
from ict.analysis.effect_agreement import LEAST
from ict.analysis.families import criterion_name
from ict.catalogue import SITE
from ict.criteria import CRITERION
from ict.documents.score_record import ScoreRecord
from ict.figures import agreement_lines, agreement_matrix, findings
from ict.figures.asked import Choice, Request
from ict.figures.draw_causal import causal_curves, effects_by_block, effects_figure
from ict.figures.draw_checks import measure_unit
from ict.store import Store
from ict.store.causal_files import CausalCheck
from ict_app.common import address, plot, readers, shell, words
from ict_app.common.terms import help_of
from ict_app.jobs.forms import Begin
from ict_app.tune import plan

MEASURES = {"spearman": "Spearman", "top-k": "top K"}
EVERY = "all"
_OTHER = "taylor"  # that a first comparison begins with


def other_criterion(task: str) -> Begin:
    """The form that scores a task by another criterion."""
    return Begin(task=task, criteria=[_OTHER], sums=False)


def compared(task: str) -> Begin:
    """The form that replaces channels in the order of two criteria."""
    return Begin(task=task, criteria=[CRITERION, _OTHER])


def agreement(shown: Store, families: Mapping[str, list[ScoreRecord]]) -> None:
    """The matrix over criteria, and one of them against the others block by block."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        by_slug = {address.slug(name): name for name in families}
        files = families[by_slug[address.select("Scores", by_slug, key="scored")]]
        sites = list(dict.fromkeys(site for one in files for site in one.sites or (SITE,)))
        site = address.select("Site", sites, width=140, key="at")
        kind = address.segmented(
            "Measure", MEASURES, key="agree",
            help=f"{help_of('spearman')}\n\n---\n\ntop K: {help_of('kuncheva')}",
        )  # fmt: skip
        share = address.select_slider(
            "K/D", plan.SHARES[:-1], default="1/8", width=180, key="kd", disabled=kind == "spearman"
        )
    read = [one for one in files if site in (one.sites or (SITE,))]
    ids = {criterion_name(one, read): one.score_id for one in read}
    scores = {name: readers.channel_scores(shown, key).site(site) for name, key in ids.items()}
    if len(scores) < 2:
        st.info(
            f"Only one criterion was scored at {words.plain(site)}.", icon=":material/join_inner:"
        )
        return
    ratio = plan.share_of(share)
    values, unit = measured(scores, kind, ratio), measure_unit(kind, ratio)
    how = Choice(site=site, measure=kind)
    if kind == "top-k":
        how = replace(how, ratio=ratio)
    shell.finding(findings.of_agreement(list(scores), values, unit))
    _side_by_side(list(scores), values, unit, Request("agreement", list(ids.values()), how))


def _side_by_side(names: list[str], values: np.ndarray, unit: str, request: Request) -> None:
    """The matrix and the lines, of one height, each with what it is of above it."""
    left, right = st.columns(2)
    block = address.select(
        "Block", [EVERY, *map(str, range(len(values)))], key="agree_in", width=120, place=left
    )
    against = address.select(
        "Against", names, key="against", noun="criterion", width=200, place=right
    )
    of_block = None if block == EVERY else int(block)
    matrix = _matrix(names, values, unit, of_block)
    lines = _lines(names, values, unit, against)
    height = plot.level(matrix, lines)
    with left:
        plot.draw(
            matrix, "criteria-agreement", f"{unit} of each pair of criteria", height=height,
            request=replace(request, choice=replace(request.choice, block=of_block)),
        )  # fmt: skip
        st.caption(
            "It shows how alike two criteria rank the same channels on the same images; 0 is chance. "
            "It cannot show which of two that disagree is right: that is what the causal check asks."
        )
    with right:
        plot.draw(
            lines, "criteria-by-block", f"{unit} of each criterion with {against}, by block",
            height=height, request=Request(
                "agreement-lines", request.sources, replace(request.choice, against=against)),
        )  # fmt: skip
        st.caption(
            "It shows at which depth criteria part; a gap is a block in which one of them cannot rank. "
            "It cannot show noise: two halves of the images would not agree perfectly either (*Overlap*)."
        )


def _matrix(names: list[str], values: np.ndarray, unit: str, block: int | None) -> go.Figure:
    mean, n = mean_over_blocks(values, block)
    return plot.once(
        agreement_matrix, names, mean, seen=(tuple(names), mean.tobytes()), unit=unit, n=n,
        theme=shell.theme(),
    )  # fmt: skip


def _lines(names: list[str], values: np.ndarray, unit: str, against: str) -> go.Figure:
    rows, seen = against_rows(values, names, against), (tuple(names), values.tobytes())
    return plot.once(
        agreement_lines, rows, seen=seen, unit=unit, against=against, theme=shell.theme()
    )


def checks(shown: Store) -> dict[str, CausalCheck]:
    """Readable causal checks of the store by id, newest first."""
    return {check.causal_id: check for check in readers.causal_checks(shown)}


def _label(check: CausalCheck) -> str:
    parts = [check.task, check.backbone, check.site, ", ".join(check.criteria)]
    parts.append("zeroed" if check.is_zeroed else "replaced by the mean")
    if check.blocks:
        parts.append(f"blocks {', '.join(map(str, check.blocks))}")
    return " · ".join([*filter(None, parts), check.causal_id[-6:]])


def causal(shown: Store, checks: Mapping[str, CausalCheck]) -> None:
    """Deletion and insertion curves of one check, then score against effect."""
    check = checks[
        address.select(
            "Check", {key: _label(one) for key, one in checks.items()}, key="check", moving=True
        )
    ]
    seen = readers.stamp(shown.causal_file(check.causal_id))
    shell.finding(findings.of_check(check))
    for note in check.notes:
        st.warning(words.plain(note), icon=":material/warning:")
    for place, mode in zip(st.columns(2), ("deletion", "insertion"), strict=True):
        with place:
            _curve(check, mode, seen)
    n = check.validation_images
    st.caption(
        f"They show accuracy on {n} validation images while channels are replaced (left: the first of "
        "each order; right: all but the first), with the 95 % t interval over random orders. They "
        "cannot show that tuning these channels helps: a channel can carry much and need no change."
    )
    if check.scatter:
        _effects(check, seen)


def _curve(check: CausalCheck, mode: str, seen: readers.Stamp) -> None:
    figure = plot.once(causal_curves, check, mode, seen=(seen, mode), theme=shell.theme())
    st.markdown(f"**{mode.capitalize()}**")
    plot.draw(
        figure, f"causal-{mode}", f"Accuracy under {mode} in the order of each criterion",
        request=Request(f"causal-{mode}", [check.causal_id]),
    )  # fmt: skip


def _effects(check: CausalCheck, seen: readers.Stamp) -> None:
    """One channel at a time: its score against what its replacement does."""
    ids, theme = [check.causal_id], shell.theme()
    st.markdown("**Score and effect**")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        criterion = address.select("Criterion", check.criteria, key="effect_of", width=200)
        blocks = [EVERY, *(str(b) for b in sorted({one.block for one in check.scatter}))]
        where = address.select("Block", blocks, key="effect_in", width=140)
    block = None if where == EVERY else int(where)
    dots = plot.once(
        effects_figure, check, criterion, block, seen=(seen, criterion, block), theme=theme
    )
    points = plot.once(effects_by_block, check, seen=seen, theme=theme)
    height = plot.level(dots, points)
    left, right = st.columns(2)
    with left:
        plot.draw(
            dots, "score-effect", f"Score by {criterion} against causal effect", height=height,
            request=Request("score-effect", ids, Choice(criterion=criterion, block=block)),
        )  # fmt: skip
        st.caption(
            "It shows single channels: the score against the mean size of the change when that channel "
            "alone is replaced. It cannot show channels that stand in for each other."
        )
    with right:
        plot.draw(
            points, "effect-by-block", "Correlation of score and effect by block", height=height,
            request=Request("effect-by-block", ids),
        )  # fmt: skip
        st.caption(
            "It shows whether a criterion orders channels by what they do to the prediction: diamonds are "
            "all blocks, points single ones, or some where single ones have fewer than "
            f"{LEAST} channels, with 95 % intervals. It cannot show which criterion orders better where "
            "these overlap."
        )
