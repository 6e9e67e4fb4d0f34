"""*Criteria*: agreement of rankings on one task, and what replacing their channels does."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st

from ict.catalogue import SITE
from ict.criteria import choice
from ict.figures import agreement_lines, agreement_matrix
from ict.figures.asked import Choice, Request
from ict.figures.draw_causal import causal_curves, effects_by_block, effects_figure
from ict.figures.draw_checks import (
    against_rows,
    criterion_name,
    mean_over_blocks,
    measure_unit,
    measured,
)
from ict.store import Store
from ict_app.common import plot, readers, shell, words
from ict_app.common.controls import linked_select
from ict_app.tune import plan

Meta = dict[str, Any]
MEASURES = {"Spearman": "spearman", "top K": "top-k"}
EVERY = "all"
_SAME = (
    "task",
    "backbone",
    "weights",
    "split",
    "images",
    "data",
    "pixel_normalisation",
    "image_size",
)


def families(shown: Store) -> dict[str, list[Meta]]:
    """Score files of two criteria or more on the same images, by what they have in common."""
    found: dict[tuple[Any, ...], list[Meta]] = {}
    for meta in readers.scores_of(shown):
        if choice(meta.get("criterion")).selector != "lowest":  # the same ranking, reversed
            found.setdefault(tuple(str(meta.get(name)) for name in _SAME), []).append(meta)
    groups = [metas for metas in found.values() if len({m.get("criterion") for m in metas}) > 1]
    return {_family(metas[0]): metas for metas in groups}


def _family(meta: Meta) -> str:
    parts = [
        meta.get("task"),
        meta.get("backbone"),
        meta.get("split"),
        f"{meta.get('images')} images",
    ]
    parts += ["random weights"] if meta.get("weights") == "none" else []
    return " · ".join(str(part) for part in parts if part)


def agreement(shown: Store, found: Mapping[str, list[Meta]]) -> None:
    """The matrix over criteria, and one of them against the others block by block."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        metas = found[st.selectbox("Scores", list(found), key="scored", bind="query-params")]
        sites = list(dict.fromkeys(site for meta in metas for site in _sites(meta)))
        site = str(st.selectbox("Site", sites, width=140, key="read_at", bind="query-params"))
        measure = str(
            st.segmented_control(
                "Measure", list(MEASURES), default="Spearman", required=True, key="agree",
                bind="query-params",
            )
        )  # fmt: skip
        share = st.select_slider(
            "K/D", plan.SHARES[:-1], "1/8", width=180, key="kd_criteria", bind="query-params",
            disabled=measure == "Spearman",
        )  # fmt: skip
    read = [meta for meta in metas if site in _sites(meta)]
    ids = {criterion_name(meta, read): str(meta["score_id"]) for meta in read}
    scores = {name: readers.channel_scores(shown, key).site(site) for name, key in ids.items()}
    if len(scores) < 2:
        st.info(
            f"Only one criterion was scored at {words.plain(site)}.", icon=":material/join_inner:"
        )
        return
    ratio, kind = plan.share_of(share), MEASURES[measure]
    values, unit = measured(scores, kind, ratio), measure_unit(kind, ratio)
    how = Choice(site=site, measure=kind, **({"ratio": ratio} if kind == "top-k" else {}))
    left, right = st.columns(2)
    with left:
        _matrix(list(scores), values, unit, Request("agreement", list(ids.values()), how))
    with right:
        _lines(list(scores), values, unit, Request("agreement-lines", list(ids.values()), how))


def _sites(meta: Meta) -> list[str]:
    return [str(site) for site in meta.get("sites") or [meta.get("site") or SITE]]


def _matrix(names: list[str], values: np.ndarray, unit: str, request: Request) -> None:
    blocks = [EVERY, *map(str, range(len(values)))]
    where = st.selectbox("Block", blocks, key="agree_in", bind="query-params", width=120)
    block = None if where == EVERY else int(where)
    mean, n = mean_over_blocks(values, block)
    plot.draw(
        agreement_matrix(names, mean, unit=unit, n=n, theme=shell.theme()), "criteria-agreement",
        f"{unit} of each pair of criteria",
        request=replace(request, choice=replace(request.choice, block=block)),
    )  # fmt: skip
    st.caption(
        "It shows how alike two criteria rank the same channels on the same images; 0 is chance. "
        "It cannot show which of two that disagree is right: that is what the causal check asks."
    )


def _lines(names: list[str], values: np.ndarray, unit: str, request: Request) -> None:
    against = st.selectbox("Against", names, key="against", bind="query-params", width=200)
    rows = against_rows(values, names, against)
    plot.draw(
        agreement_lines(rows, unit=unit, against=against, theme=shell.theme()), "criteria-by-block",
        f"{unit} of each criterion with {against}, by block",
        request=replace(request, choice=replace(request.choice, against=against)),
    )  # fmt: skip
    st.caption(
        "It shows at which depth criteria part; a gap is a block in which one of them cannot rank. "
        "It cannot show noise: two halves of the images would not agree perfectly either (*Overlap*)."
    )


def checks(shown: Store) -> dict[str, Meta]:
    """Readable causal checks of the store by id, newest first."""
    return {str(check["causal_id"]): check for check in readers.causal_checks(shown)}


def _label(check: Meta) -> str:
    parts = [
        check.get("task"),
        check.get("backbone"),
        check.get("site"),
        ", ".join(check["criteria"]),
    ]
    parts.append("zeroed" if check.get("replacement") == "zero" else "replaced by the mean")
    if check.get("blocks"):
        parts.append(f"blocks {', '.join(map(str, check['blocks']))}")
    return " · ".join(str(part) for part in parts if part) + f" · {check['causal_id'][-6:]}"


def causal(found: Mapping[str, Meta]) -> None:
    """Deletion and insertion curves of one check, then score against effect."""
    check = found[linked_select("Check", {key: _label(one) for key, one in found.items()}, "check")]
    for note in check.get("notes") or []:
        st.warning(words.plain(note), icon=":material/warning:")
    for place, mode in zip(st.columns(2), ("deletion", "insertion"), strict=True):
        with place:
            _curve(check, mode)
    n = check.get("validation_images")
    st.caption(
        f"They show accuracy on {n} validation images while channels are replaced (left: the first of "
        "each order; right: all but the first), with the 95 % t interval over random orders. They "
        "cannot show that tuning these channels helps: a channel can carry much and need no change."
    )
    if check.get("scatter"):
        _effects(check)


def _curve(check: Meta, mode: str) -> None:
    figure = causal_curves(check, mode, theme=shell.theme())
    st.markdown(f"**{mode.capitalize()}**")
    plot.draw(
        figure, f"causal-{mode}", f"Accuracy under {mode} in the order of each criterion",
        request=Request(f"causal-{mode}", [check["causal_id"]]),
    )  # fmt: skip


def _effects(check: Meta) -> None:
    """One channel at a time: its score against what its replacement does."""
    rows, ids = check["scatter"], [check["causal_id"]]
    left, right = st.columns(2)
    with left:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            criterion = st.selectbox(
                "Criterion", check["criteria"], key="effect_of", bind="query-params", width=200
            )
            blocks = [EVERY, *(str(b) for b in sorted({row["block"] for row in rows}))]
            where = st.selectbox("Block", blocks, key="effect_in", bind="query-params", width=140)
        block = None if where == EVERY else int(where)
        plot.draw(
            effects_figure(check, criterion, block, theme=shell.theme()), "score-effect",
            f"Score by {criterion} against causal effect",
            request=Request("score-effect", ids, Choice(criterion=criterion, block=block)),
        )  # fmt: skip
        st.caption(
            "It shows single channels: the score against the mean size of the change when that channel "
            "alone is replaced. It cannot show channels that stand in for each other."
        )
    with right:
        st.markdown("**Score and effect, by block**")
        plot.draw(
            effects_by_block(check, theme=shell.theme()), "effect-by-block",
            "Correlation of score and effect by block", request=Request("effect-by-block", ids),
        )  # fmt: skip
        st.caption(
            "It shows where a criterion orders channels by what they do to the prediction. With a few "
            "channels a block each value is rough, and cannot show small differences of criteria."
        )
