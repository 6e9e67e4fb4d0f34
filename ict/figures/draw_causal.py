"""Causal checks: what replacing channels does to the loss."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ict.analysis.effect_agreement import EffectCorrelation, effect_correlations
from ict.documents.records import required
from ict.documents.shapes import shown
from ict.errors import InputError
from ict.figures.asked import Behind, Choice, Drawn, Found
from ict.figures.curves import deletion_curves
from ict.figures.effects import effect_points
from ict.figures.frames import frame
from ict.figures.overlap_curves import score_against_effect
from ict.store.causal_files import CausalCheck, read_check
from ict.store.store import Store


def load_check(store: Store, causal_id: str) -> CausalCheck:
    """The causal check of that id. Raises InputError that says why it cannot be read."""
    path = store.causal_file(causal_id)
    return required(read_check(path), lambda: f"{shown(path.parent)}: no causal check")


def _first(found: Found) -> tuple[CausalCheck, Behind]:
    """The check that is drawn, and why the other sources are not."""
    if not found.checks:
        raise InputError("name a causal check: an id of `ict causal`, in the store's folder causal")
    check = found.checks[0]
    other_check = "another causal check than the one that is drawn"
    reasons = {other.causal_id: other_check for other in found.checks[1:]}
    reasons |= {row.run_id: "a run is no causal check" for row in found.rows}
    reasons |= {path.parent.name: "scores are no causal check" for path in found.scores}
    facts = {
        "causal_ids": [check.causal_id], "task": check.task, "backbone": check.backbone,
        "site": check.site, "n": {"images": check.validation_images},
    }  # fmt: skip
    return check, Behind(context=_of_check(check), facts=facts, reasons=reasons)


def _of_check(check: CausalCheck) -> str:
    said = {
        "Task": check.task, "backbone": check.backbone, "site": check.site,
        "channels replaced by": "zero" if check.is_zeroed else "their mean",
        "blocks": ", ".join(map(str, check.blocks)),
    }  # fmt: skip
    return "; ".join(f"{name}: {value}" for name, value in said.items() if value) + "."


def causal_curves(check: CausalCheck, mode: str, **look: Any) -> go.Figure:
    """Accuracy of a causal check under `deletion` or `insertion`."""
    return deletion_curves(
        [point for point in check.curves if point.mode == mode], direction=mode,
        untouched=check.accuracy, images=check.validation_images, split=check.validation_split,
        **look,
    )  # fmt: skip


def _curve(found: Found, _choice: Choice, *, mode: str) -> Drawn:
    check, behind = _first(found)
    table = frame([point for point in check.curves if point.mode == mode])
    means = table.groupby(["series", "fraction"], sort=False)["accuracy"]
    summary = means.agg(n="size", accuracy="mean").reset_index()
    return Drawn(
        figure=causal_curves(check, mode),
        table=table,
        summary=summary.assign(accuracy=100 * summary["accuracy"]),
        **vars(behind.said(criterion=list(check.criteria), mode=mode)),
    )


deletion: Callable[[Found, Choice], Drawn] = partial(_curve, mode="deletion")
insertion: Callable[[Found, Choice], Drawn] = partial(_curve, mode="insertion")


def effects_figure(check: CausalCheck, criterion: str, block: int | None, **look: Any) -> go.Figure:
    """Single channels of a check: their score by `criterion` against what replacing them does."""
    effects = check.effects(block)
    return score_against_effect(
        np.array([one.scores[criterion] for one in effects]),
        np.array([one.effect_size for one in effects]),
        criterion=f"score by {criterion}", effect="change of log-probability (nats)",
        names=[one.name for one in effects], images=check.validation_images, **look,
    )  # fmt: skip


def score_effect(found: Found, choice: Choice) -> Drawn:
    check, behind = _first(found)
    criterion = choice.criterion or check.criteria[0]
    if criterion not in check.criteria:
        raise InputError(f"no criterion {criterion!r} in this check: {', '.join(check.criteria)}")
    effects = check.effects(choice.block)
    if not effects:
        raise InputError("this check replaced no single channels there")
    table = pd.DataFrame(
        [
            {"block": one.block, "channel": one.channel, "effect": one.effect,
             "effect_size": one.effect_size, **one.scores}
            for one in effects
        ]
    )  # fmt: skip
    summary = table.groupby("block").agg(
        channels=("channel", "size"), mean_effect=("effect_size", "mean"),
        largest_effect=("effect_size", "max"),
    )  # fmt: skip
    n = {**behind.facts["n"], "channels": len(effects)}
    behind = behind.said(criterion=criterion, block=choice.block, n=n)
    if choice.block is not None:
        channels = [one.channel for one in effects]
        behind = behind.said(before=f"Block {choice.block}.", channel=channels)
    return Drawn(
        figure=effects_figure(check, criterion, choice.block),
        table=table,
        summary=summary.reset_index(),
        **vars(behind),
    )


def effect_table(check: CausalCheck) -> list[EffectCorrelation]:
    """Correlation of score and effect of all blocks together and of each."""
    return effect_correlations(check.effects(None), check.criteria)


def effects_by_block(check: CausalCheck, **look: Any) -> go.Figure:
    """Those correlations as points with their intervals, a colour a criterion."""
    return effect_points(effect_table(check), images=check.validation_images, **look)


def effect_by_block(found: Found, _choice: Choice) -> Drawn:
    check, behind = _first(found)
    table = frame(effect_table(check))
    if table.empty:
        raise InputError("this check replaced no single channels")
    return Drawn(
        figure=effects_by_block(check),
        table=table,
        **vars(behind.said(criterion=list(check.criteria))),
    )
