"""*Criteria*: agreement of rankings on one task, and what replacing their channels does."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from ict.analysis.agreement import spearman, top_k_agreement
from ict.figures import (
    agreement_lines,
    agreement_matrix,
    deletion_curves,
    score_against_effect,
)
from ict.files import read_json
from ict.selection import resolve_k
from ict.store import Store
from ict_app import plan, plot, readers, shell, words
from ict_app.controls import linked_select

Meta = dict[str, Any]
Stages = list[np.ndarray]
MEASURES = {"Spearman": "Spearman correlation", "top K": "Kuncheva's index of the top K"}
EVERY = "all"
_SAME = ("task", "backbone", "weights", "split", "images", "data", "pixel_normalisation")
_CURVES = ("series", "mode", "fraction", "accuracy")


def families(shown: Store) -> dict[str, list[Meta]]:
    """Score files of two criteria or more on the same images, by what they have in common."""
    found: dict[tuple[Any, ...], list[Meta]] = {}
    for meta in readers.scores_of(shown):
        if str(meta.get("criterion")).partition(":")[0] != "lowest":  # the same ranking, reversed
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
    ids = {_name(meta, metas): str(meta["score_id"]) for meta in metas if site in _sites(meta)}
    scores = {name: readers.channel_scores(shown, key).site(site) for name, key in ids.items()}
    if len(scores) < 2:
        st.info(
            f"Only one criterion was scored at {words.plain(site)}.", icon=":material/join_inner:"
        )
        return
    values = measured(scores, measure, plan.share_of(share))
    unit = MEASURES[measure] + (f", K/D = {share}" if measure == "top K" else "")
    origin = {"score_ids": list(ids.values())}
    left, right = st.columns(2)
    with left:
        _matrix(list(scores), values, unit, origin)
    with right:
        _lines(list(scores), values, unit, origin)


def _sites(meta: Meta) -> list[str]:
    return [str(site) for site in meta.get("sites") or [meta.get("site") or "attn"]]


def _name(meta: Meta, metas: Sequence[Meta]) -> str:
    """The criterion, with the tokens and the end of the id where it stands for several files."""
    name = str(meta.get("criterion"))
    alike = [other for other in metas if other.get("criterion") == meta.get("criterion")]
    if len(alike) > 1:
        name += f", {meta.get('tokens')} tokens"
    if len([other for other in alike if other.get("tokens") == meta.get("tokens")]) > 1:
        name += f", {str(meta['score_id'])[-6:]}"
    return name


def measured(scores: Mapping[str, Stages], measure: str, ratio: float) -> np.ndarray:
    """Agreement (L, C, C); NaN in blocks where a criterion gives no ranking, or one score for all."""
    clean = {name: [np.nan_to_num(stage) for stage in stages] for name, stages in scores.items()}
    if measure == "Spearman":
        values = spearman(clean)
    else:
        widths = [stage.shape[1] for stage in next(iter(clean.values()))]
        values = top_k_agreement(clean, resolve_k(widths, k=None, ratio=ratio))
    values = np.array(values, dtype=float)
    for place, stages in enumerate(scores.values()):
        flat = np.concatenate([~(np.ptp(stage, axis=1) > 0) for stage in stages])
        values[flat, place, :] = values[flat, :, place] = np.nan
    return values


def _matrix(names: list[str], values: np.ndarray, unit: str, origin: dict[str, Any]) -> None:
    blocks = [EVERY, *map(str, range(len(values)))]
    where = st.selectbox("Block", blocks, key="agree_in", bind="query-params", width=120)
    kept = values if where == EVERY else values[[int(where)]]
    known = np.isfinite(kept).sum(axis=0)
    mean = np.where(known > 0, np.nansum(kept, axis=0) / np.maximum(known, 1), np.nan)
    n = f"mean over n = {len(kept)} blocks" if len(kept) > 1 else f"block {where}"
    plot.draw(
        agreement_matrix(names, mean, unit=unit, n=n, theme=shell.theme()), "criteria-agreement",
        f"{unit} of each pair of criteria", origin=origin,
        table=lambda: pd.DataFrame(mean, columns=names).assign(criterion=names),
    )  # fmt: skip
    st.caption(
        "It shows how alike two criteria rank the same channels on the same images; 0 is chance. "
        "It cannot show which of two that disagree is right: that is what the causal check asks."
    )


def _lines(names: list[str], values: np.ndarray, unit: str, origin: dict[str, Any]) -> None:
    against = st.selectbox("Against", names, key="against", bind="query-params", width=200)
    one = names.index(against)
    rows = [
        {"criterion": name, "against": against, "block": block, "value": float(values[block, one, i])}
        for i, name in enumerate(names) if i != one
        for block in range(len(values))
    ]  # fmt: skip
    plot.draw(
        agreement_lines(rows, unit=unit, against=against, theme=shell.theme()), "criteria-by-block",
        f"{unit} of each criterion with {against}, by block", table=lambda: rows, origin=origin,
    )  # fmt: skip
    st.caption(
        "It shows at which depth criteria part; a gap is a block in which one of them cannot rank. "
        "It cannot show noise: two halves of the images would not agree perfectly either (*Overlap*)."
    )


def checks(shown: Store) -> dict[str, Meta]:
    """Readable causal checks of the store by id, newest first."""
    files = [readers.stamp(path) for path in shown.causal_dir.glob("*/causal.json")]
    found = [document for of in files if (document := _check(of)) is not None]
    found.sort(key=lambda document: str(document.get("created_at")), reverse=True)
    return {str(document["causal_id"]): document for document in found}


@st.cache_resource(max_entries=200, show_spinner=False)
def _check(of: readers.Stamp) -> Meta | None:
    document = read_json(Path(of[0]))
    lists = ("curves", "criteria")
    if not isinstance(document, dict) or any(type(document.get(n)) is not list for n in lists):
        return None
    whole = all(isinstance(row, dict) and set(_CURVES) <= set(row) for row in document["curves"])
    return {"causal_id": Path(of[0]).parent.name, **document} if whole else None


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
    rows = [row for row in check["curves"] if row["mode"] == mode]
    figure = deletion_curves(rows, direction=mode, theme=shell.theme())
    figure.add_hline(
        y=100 * check["accuracy"], line={"width": 1, "dash": "dot"},
        annotation_text="nothing replaced",
        annotation_position="bottom right" if mode == "deletion" else "bottom left",
    )  # fmt: skip
    st.markdown(f"**{mode.capitalize()}**")
    plot.draw(
        figure, f"causal-{mode}", f"Accuracy under {mode} in the order of each criterion",
        table=lambda: rows, origin={"causal_id": check["causal_id"]},
    )  # fmt: skip


def _effects(check: Meta) -> None:
    """One channel at a time: its score against what its replacement does."""
    rows, origin = check["scatter"], {"causal_id": check["causal_id"]}
    left, right = st.columns(2)
    with left:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            criterion = st.selectbox(
                "Criterion", check["criteria"], key="effect_of", bind="query-params", width=200
            )
            blocks = [EVERY, *(str(b) for b in sorted({row["block"] for row in rows}))]
            where = st.selectbox("Block", blocks, key="effect_in", bind="query-params", width=140)
        part = [row for row in rows if where in (EVERY, str(row["block"]))]
        figure = score_against_effect(
            np.array([row["scores"][criterion] for row in part]),
            np.array([row["effect_size"] for row in part]),
            criterion=f"score by {criterion}", theme=shell.theme(),
            effect="change of log-probability (nats)",
        )  # fmt: skip
        figure.update_traces(
            customdata=[f"{row['channel']} of block {row['block']}" for row in part]
        )
        plot.draw(
            figure, "score-effect", f"Score by {criterion} against causal effect", origin=origin,
            table=lambda: [{**row, **row["scores"]} for row in part],
        )  # fmt: skip
        st.caption(
            "It shows single channels: the score against the mean size of the change when that channel "
            "alone is replaced. It cannot show channels that stand in for each other."
        )
    with right:
        st.markdown("**Score and effect, by block**")
        lines = [{**row, "value": row["spearman"]} for row in check.get("agreement") or []]
        plot.draw(
            agreement_lines(lines, unit="Spearman with the effect", theme=shell.theme()),
            "effect-by-block", "Correlation of score and effect by block",
            table=lambda: lines, origin=origin,
        )  # fmt: skip
        st.caption(
            "It shows where a criterion orders channels by what they do to the prediction. With a few "
            "channels a block each value is rough, and cannot show small differences of criteria."
        )
