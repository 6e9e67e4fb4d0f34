"""Causal checks: what replacing channels does to the loss."""

from typing import Any

import numpy as np
import pandas as pd

from ict.documents.records import required
from ict.documents.shapes import shown
from ict.errors import InputError
from ict.figures.agreement import agreement_lines
from ict.figures.asked import Choice, Drawn, Found, Meta
from ict.figures.curves import deletion_curves
from ict.figures.overlap_curves import score_against_effect
from ict.store.causal_files import read_check
from ict.store.store import Store


def load_check(store: Store, causal_id: str) -> dict[str, Any]:
    """The causal check of that id. Raises InputError that says why it cannot be read."""
    path = store.causal_file(causal_id)
    return required(read_check(path), lambda: f"{shown(path.parent)}: no causal check")


def _check(found: Found) -> tuple[Meta, dict[str, Any]]:
    if not found.checks:
        raise InputError("name a causal check: an id of `ict causal`, in the store's folder causal")
    check = found.checks[0]
    facts = {
        "causal_ids": [check["causal_id"]],
        **{name: check.get(name) for name in ("task", "backbone", "site")},
        "n": {"images": check.get("validation_images")},
    }
    reasons = {
        str(other["causal_id"]): "another causal check than the one that is drawn"
        for other in found.checks[1:]
    }
    reasons |= {row["run_id"]: "a run is no causal check" for row in found.rows}
    reasons |= {path.parent.name: "scores are no causal check" for path in found.scores}
    return check, {"facts": facts, "reasons": reasons, "context": _of_check(check)}


def _of_check(check: Meta) -> str:
    said = {
        "Task": check.get("task"), "backbone": check.get("backbone"), "site": check.get("site"),
        "channels replaced by": "zero" if check.get("replacement") == "zero" else "their mean",
        "blocks": ", ".join(map(str, check.get("blocks") or [])) or None,
    }  # fmt: skip
    return "; ".join(f"{name}: {value}" for name, value in said.items() if value) + "."


def causal_curves(check: Meta, mode: str, **look: Any) -> Any:
    """Accuracy of a causal check under `deletion` or `insertion`."""
    rows = [row for row in check["curves"] if row["mode"] == mode]
    return deletion_curves(
        rows, direction=mode, untouched=check.get("accuracy"),
        images=check.get("validation_images"),
        split=str(check.get("validation_split") or "val200"), **look,
    )  # fmt: skip


def causal_curve(found: Found, choice: Choice, mode: str) -> Drawn:
    check, more = _check(found)
    table = pd.DataFrame([row for row in check["curves"] if row["mode"] == mode])
    means = table.groupby(["series", "fraction"], sort=False)["accuracy"]
    summary = means.agg(n="size", accuracy="mean").reset_index()
    more["facts"] |= {"criterion": list(check["criteria"]), "mode": mode}
    return Drawn(
        figure=causal_curves(check, mode),
        table=table,
        summary=summary.assign(accuracy=100 * summary["accuracy"]),
        **more,
    )


def deletion(found: Found, choice: Choice) -> Drawn:
    return causal_curve(found, choice, "deletion")


def insertion(found: Found, choice: Choice) -> Drawn:
    return causal_curve(found, choice, "insertion")


def effects_figure(check: Meta, criterion: str, block: int | None, **look: Any) -> Any:
    """Single channels of a check: their score by `criterion` against what replacing them does."""
    part = effect_rows(check, block)
    return score_against_effect(
        np.array([row["scores"][criterion] for row in part]),
        np.array([row["effect_size"] for row in part]),
        criterion=f"score by {criterion}", effect="change of log-probability (nats)",
        names=[f"{row['channel']} of block {row['block']}" for row in part],
        images=check.get("validation_images"), **look,
    )  # fmt: skip


def effect_rows(check: Meta, block: int | None) -> list[dict[str, Any]]:
    return [row for row in check.get("scatter") or [] if block in (None, row["block"])]


def score_effect(found: Found, choice: Choice) -> Drawn:
    check, more = _check(found)
    criterion = choice.criterion or check["criteria"][0]
    if criterion not in check["criteria"]:
        raise InputError(
            f"no criterion {criterion!r} in this check: {', '.join(check['criteria'])}"
        )
    part = effect_rows(check, choice.block)
    if not part:
        raise InputError("this check replaced no single channels there")
    table = pd.DataFrame(
        [{**{n: v for n, v in row.items() if n != "scores"}, **row["scores"]} for row in part]
    )
    summary = table.groupby("block").agg(
        channels=("channel", "size"), mean_effect=("effect_size", "mean"),
        largest_effect=("effect_size", "max"),
    )  # fmt: skip
    more["facts"] |= {"criterion": criterion, "block": choice.block}
    if choice.block is not None:
        more["facts"]["channel"] = [row["channel"] for row in part]
        more["context"] = f"Block {choice.block}. {more['context']}"
    more["facts"]["n"]["channels"] = len(part)
    figure = effects_figure(check, criterion, choice.block)
    return Drawn(figure=figure, table=table, summary=summary.reset_index(), **more)


def effect_lines(check: Meta) -> list[dict[str, Any]]:
    """Correlation of score and effect by block and criterion."""
    return [{**row, "value": row["spearman"]} for row in check.get("agreement") or []]


def effects_by_block(check: Meta, **look: Any) -> Any:
    """That correlation as lines, one a criterion."""
    return agreement_lines(
        effect_lines(check), unit="Spearman with the effect",
        images=check.get("validation_images"), **look,
    )  # fmt: skip


def effect_by_block(found: Found, choice: Choice) -> Drawn:
    check, more = _check(found)
    lines = effect_lines(check)
    if not lines:
        raise InputError("this check replaced no single channels")
    figure = effects_by_block(check)
    more["facts"]["criterion"] = list(check["criteria"])
    table = pd.DataFrame(lines)
    summary = table.pivot_table(index="block", columns="criterion", values="value", sort=False)
    return Drawn(figure=figure, table=table, summary=summary.reset_index(), **more)
