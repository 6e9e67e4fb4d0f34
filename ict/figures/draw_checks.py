"""Figures of criteria against each other, of causal checks, of what a run's adapter learned."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ict.analysis.agreement import spearman, top_k_agreement
from ict.documents.bounded import whole_number
from ict.documents.records import Odd
from ict.documents.shapes import shown
from ict.documents.tensor_files import open_tensors
from ict.errors import InputError, did_you_mean
from ict.figures.agreement import agreement_lines
from ict.figures.asked import Choice, Drawn, Found, of_runs, of_scores
from ict.figures.channels import class_profile
from ict.figures.curves import deletion_curves
from ict.figures.draw_runs import asked
from ict.figures.draw_scores import open_scores, score_files
from ict.figures.matrices import agreement_matrix
from ict.figures.overlap_curves import score_against_effect
from ict.selection import resolve_k
from ict.store.causal_files import FILE, read_check
from ict.store.store import Store

Meta = Mapping[str, Any]
Stages = list[np.ndarray]
MEASURES = {"spearman": "Spearman correlation", "top-k": "Kuncheva's index of the top K"}
_WEIGHTS = {"into": "weights into this channel", "out": "weights out of this channel"}


def criterion_name(meta: Meta, metas: Sequence[Meta]) -> str:
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
    if measure == "spearman":
        values = spearman(clean)
    else:
        widths = [stage.shape[1] for stage in next(iter(clean.values()))]
        values = top_k_agreement(clean, resolve_k(widths, k=None, ratio=ratio))
    values = np.array(values, dtype=float)
    for place, stages in enumerate(scores.values()):
        flat = np.concatenate([~(np.ptp(stage, axis=1) > 0) for stage in stages])
        values[flat, place, :] = values[flat, :, place] = np.nan
    return values


def measure_unit(measure: str, ratio: float) -> str:
    return MEASURES[measure] + (f", K/D = {_share(ratio)}" if measure == "top-k" else "")


def _share(ratio: float) -> str:
    parts = round(1 / ratio)
    return f"1/{parts}" if abs(parts * ratio - 1) < 1e-9 else f"{ratio:g}"


def mean_over_blocks(values: np.ndarray, block: int | None) -> tuple[np.ndarray, str]:
    """Agreement (C, C) of one block or the mean of all that rank, and its n in words."""
    kept = values if block is None else values[[block]]
    known = np.isfinite(kept).sum(axis=0)
    mean = np.where(known > 0, np.nansum(kept, axis=0) / np.maximum(known, 1), np.nan)
    return mean, f"mean over n = {len(kept)} blocks" if len(kept) > 1 else f"block {block or 0}"


def _criteria(found: Found, choice: Choice) -> tuple[dict[str, Stages], list[Meta], str]:
    opened = [
        open_scores(path, found.store, row=None, site=choice.site)
        for path, _ in score_files(found, choice)
    ]
    metas: list[Meta] = [source.meta for source in opened]
    for name in ("task", "backbone", "weights"):
        if len({str(meta.get(name)) for meta in metas}) > 1:
            raise InputError(f"scores of several values of {name}: name score ids that share it")
    names = [criterion_name(meta, metas) for meta in metas]
    scores = {name: source.stages for name, source in zip(names, opened, strict=True)}
    if len(scores) < 2:
        raise InputError("two score files of different criteria are needed")
    return scores, metas, opened[0].site


def _agreement(found: Found, choice: Choice) -> tuple[np.ndarray, list[str], str, dict[str, Any]]:
    if choice.measure not in MEASURES:
        raise InputError(f"measure {choice.measure!r}: choose one of {', '.join(MEASURES)}")
    scores, metas, site = _criteria(found, choice)
    values = measured(scores, choice.measure, choice.ratio)
    facts: dict[str, Any] = {"site": site, "measure": choice.measure, "criterion": list(scores)}
    if choice.measure == "top-k":
        facts["ratio"] = choice.ratio
    more = {"scores": metas, "context": of_scores(metas[0], site=site), "facts": facts}
    return values, list(scores), measure_unit(choice.measure, choice.ratio), more


def agreement(found: Found, choice: Choice) -> Drawn:
    values, names, unit, more = _agreement(found, choice)
    if choice.block is not None and not 0 <= choice.block < len(values):
        raise InputError(f"block {choice.block}: there are blocks 0 to {len(values) - 1}")
    mean, n = mean_over_blocks(values, choice.block)
    more["facts"]["block"] = choice.block
    table = pd.DataFrame(mean, columns=names)
    table.insert(0, "criterion", names)
    return Drawn(figure=agreement_matrix(names, mean, unit=unit, n=n), table=table, **more)


def agreement_by_block(found: Found, choice: Choice) -> Drawn:
    values, names, unit, more = _agreement(found, choice)
    against = choice.against or names[0]
    if against not in names:
        raise InputError(f"no criterion {against!r}{did_you_mean(against, names)}")
    rows = against_rows(values, names, against)
    more["facts"]["against"] = against
    table = pd.DataFrame(rows)
    summary = table.pivot_table(index="block", columns="criterion", values="value", sort=False)
    return Drawn(
        figure=agreement_lines(rows, unit=unit, against=against),
        table=table,
        summary=summary.reset_index(),
        **more,
    )


def against_rows(values: np.ndarray, names: Sequence[str], against: str) -> list[dict[str, Any]]:
    """One row a block and criterion other than `against`."""
    one = list(names).index(against)
    return [
        {"criterion": name, "against": against, "block": block, "value": float(values[block, one, i])}
        for i, name in enumerate(names) if i != one
        for block in range(len(values))
    ]  # fmt: skip


def load_check(store: Store, causal_id: str) -> dict[str, Any]:
    """The causal check of that id. Raises InputError that says why it cannot be read."""
    path = store.causal_dir / causal_id / FILE
    found = read_check(path)
    if isinstance(found, Odd):
        raise InputError(str(found))
    if found is None:
        raise InputError(f"{shown(path.parent)}: no causal check")
    return found


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


def adapter_weights(
    path: Path, block: int, channel: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """What an adapter file does to a channel: indices (K,), weights into and out of it (K,).

    None where the file is not there, or its adapter does not tune the channel.
    """
    try:
        with open_tensors(path) as file:
            names = [name for name in file.keys() if name.endswith(".indices")]  # noqa: SIM118
            found = [name for name in names if _block_of(name) == block]
            if not found:
                return None
            indices = file.get_tensor(found[0])
            weight = file.get_tensor(found[0].replace(".indices", ".weight"))
    except InputError:
        return None
    if weight.shape != (len(indices), len(indices)):
        return None
    at = np.flatnonzero(indices == channel)
    if not len(at):
        return None
    return indices, weight[at[0]], weight[:, at[0]]


def _block_of(name: str) -> int | None:
    """The number after `blocks.`; a hierarchical backbone counts within its stages, so None there."""
    parts = name.split(".")
    return whole_number(parts[1]) if parts[0] == "blocks" else None


def weight_bars(indices: np.ndarray, weights: np.ndarray, way: str, **look: Any) -> Any:
    """Sizes of the weights `into` or `out` of a channel, one bar a channel of the adapter."""
    return class_profile(
        np.abs(weights),
        [str(i) for i in indices],
        unit=f"|{_WEIGHTS[way]}|",
        what="channel",
        **look,
    )


def _weights(found: Found, choice: Choice, way: str) -> Drawn:
    rows = [row for row in asked(found, choice) if row.get("status") == "done"]
    if choice.channel is None or not rows:
        raise InputError(
            "weights are those of a channel in a finished run: name it, with --channel"
        )
    block = choice.block or 0
    for row in rows:
        path = found.store.run(row["run_id"]).path / "adapter.safetensors"
        if (known := adapter_weights(path, block, choice.channel)) is not None:
            break
    else:
        raise InputError(
            f"no run behind these sources tunes channel {choice.channel} of block {block}"
        )
    indices, values = known[0], known[1 if way == "into" else 2]
    table = pd.DataFrame({"channel": indices, "weight": values})
    return Drawn(
        figure=weight_bars(indices, values, way),
        table=table,
        summary=table.iloc[np.argsort(-np.abs(values), kind="stable")[:10]],
        context=f"Block {block}, channel {choice.channel}; the weights are shown by their size. "
        f"{of_runs([row])}",
        runs=[row],
        facts={"block": block, "channel": choice.channel},
        reasons={other["run_id"]: "another run than the one that is drawn" for other in rows},
    )


def weights_into(found: Found, choice: Choice) -> Drawn:
    return _weights(found, choice, "into")


def weights_out(found: Found, choice: Choice) -> Drawn:
    return _weights(found, choice, "out")
