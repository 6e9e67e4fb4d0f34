"""Figures of criteria against each other, of causal checks, of what a run's adapter learned."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ict.analysis.agreement import spearman, top_k_agreement
from ict.errors import InputError, did_you_mean
from ict.figures.agreement import agreement_lines
from ict.figures.asked import Choice, Drawn, Found, Meta, of_scores
from ict.figures.matrices import agreement_matrix
from ict.figures.score_sources import open_scores, score_files
from ict.selection import resolve_k

Stages = list[np.ndarray]
MEASURES = {"spearman": "Spearman correlation", "top-k": "Kuncheva's index of the top K"}


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
