"""First steps of the sets that the score files of a store choose, from gradients of adapters."""

from dataclasses import replace
from pathlib import Path

from ict.analysis.families import gradients_of, rankings_beside
from ict.analysis.first_step_files import Asked, first_steps_of_files
from ict.catalogue import SITE
from ict.criteria import ADAPTER_GRADIENT, NORMS
from ict.documents.score_record import ScoreRecord
from ict.errors import InputError, did_you_mean, quoted
from ict.figures.asked import Choice, Drawn, Found, of_scores
from ict.figures.draw_runs import asked
from ict.figures.first_step import first_step_dots, told
from ict.figures.frames import frame
from ict.scores import load_scores

_PRINTED = {
    "name": "channels chosen by", "norm": "step", "k": "K", "held_out": "held-out gain",
    "relative_to_best": "relative to the best", "regret": "regret",
}  # fmt: skip


def first_step(found: Found, choice: Choice) -> Drawn:
    """Of the first gradients among the sources, with all rankings beside them, or those that are named."""
    norms = NORMS if choice.norm is None else (choice.norm,)
    if not set(norms) <= set(NORMS):
        raise InputError(
            f"norm={quoted(choice.norm)}: choose one of {', '.join(NORMS)}{did_you_mean(norms[0], NORMS)}"
        )
    of, named = _asked(found, choice)
    rows = [row for norm in norms for row in first_steps_of_files(of, norm, store=found.store)]
    table = frame(rows).assign(k=[", ".join(map(str, row.k)) for row in rows])
    with_rows = [one for name, one in of.named.items() if name in set(table["name"])]
    return Drawn(
        figure=first_step_dots(rows),
        table=table,
        summary=table.assign(name=table["name"].map(told))[list(_PRINTED)].rename(columns=_PRINTED),
        context=of_scores(of.gradients, site=of.site),
        scores=[of.gradients, *with_rows],
        facts={"site": of.site, "criterion": table["name"].unique().tolist(), "norm": list(norms)},
        reasons={one.score_id: _reason(one, of) for one in named},
    )


def _asked(found: Found, choice: Choice) -> tuple[Asked, list[ScoreRecord]]:
    """What is measured, and all score files that were named."""
    stored = [ScoreRecord.of(meta) for meta in found.store.scores()]
    named = _named(found, choice)
    gradients = gradients_of(named if found.names else stored)
    gradients = [one for one in gradients if choice.task in (None, one.task)]
    if not gradients:
        raise InputError(
            f"no gradients of adapters behind these sources: `ict score TASK --criterion {ADAPTER_GRADIENT}`"
        )
    rankings = [one for one in named if one.criterion != ADAPTER_GRADIENT]
    site = choice.site or (gradients[0].sites or (SITE,))[0]
    of = Asked(
        gradients=gradients[0],
        others=rankings_beside(gradients[0], rankings or stored, site=site),
        site=site,
        k=choice.k,
        ratio=choice.ratio if choice.k is None else None,
    )
    return of, named


def _named(found: Found, choice: Choice) -> list[ScoreRecord]:
    """Score files that were named, and those of the runs that were, each once."""
    if not found.names:
        return []
    paths = dict.fromkeys(found.scores)
    for row in asked(found, choice):
        if row.score_id:
            paths.setdefault(found.store.score_file(row.score_id))
    return [_record(path) for path in paths]


def _record(path: Path) -> ScoreRecord:
    record = ScoreRecord.of(load_scores(path, kinds=()).meta, score_id=path.parent.name)
    return replace(record, path=str(path))


def _reason(record: ScoreRecord, of: Asked) -> str:
    """Why a score file that was named is not drawn, if it is not."""
    if record.criterion == ADAPTER_GRADIENT:
        return "other gradients than those that are drawn"
    if record.score_id in {one.score_id for one in of.others}:
        return "leaves no choice of channels"
    return "no ranking of the images, backbone and weights that the gradients are of"
