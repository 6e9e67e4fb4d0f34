"""Figures of criteria against each other: how alike they rank the channels of one task."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ict.analysis.agreement import against_rows, mean_over_blocks, measured
from ict.analysis.families import criterion_name
from ict.criteria import is_ranking
from ict.documents.number_words import share_words
from ict.errors import InputError, did_you_mean
from ict.figures.agreement import agreement_lines
from ict.figures.asked import Behind, Choice, Drawn, Found, of_scores
from ict.figures.frames import frame
from ict.figures.matrices import agreement_matrix
from ict.figures.score_sources import NO_RANKING, ScoreFile, open_scores, score_files
from ict.figures.sources import Source

MEASURES = {"spearman": "Spearman correlation", "top-k": "Kuncheva's index of the top K"}


def measure_unit(measure: str, ratio: float) -> str:
    return MEASURES[measure] + (f", K/D = {share_words(ratio)}" if measure == "top-k" else "")


def _rankings(found: Found, choice: Choice) -> tuple[list[Source], dict[str, str]]:
    """Score files of one task and backbone, and why others are left out.

    Raises InputError for those of several, or for one criterion.
    """
    sources, reasons = [], {}
    for file in score_files(found, choice):
        source = open_scores(ScoreFile(file.path), found.store, site=choice.site)
        if is_ranking(source.record.criterion):
            sources.append(source)
        else:
            reasons[file.id] = NO_RANKING
    for name in ("task", "backbone", "weights"):
        if len({str(getattr(source.record, name)) for source in sources}) > 1:
            raise InputError(f"scores of several values of {name}: name score ids that share it")
    if len(sources) < 2:
        raise InputError("two score files of different criteria are needed")
    return sources, reasons


@dataclass(frozen=True)
class Agreement:
    """How alike criteria rank: (L, C, C), in the order of their names."""

    values: np.ndarray
    names: Sequence[str]
    unit: str
    behind: Behind


def _agreement(found: Found, choice: Choice) -> Agreement:
    if choice.measure not in MEASURES:
        raise InputError(f"measure {choice.measure!r}: choose one of {', '.join(MEASURES)}")
    sources, reasons = _rankings(found, choice)
    records = [source.record for source in sources]
    scores = {criterion_name(one.record, records): one.stages for one in sources}
    site = sources[0].site
    share = {"ratio": choice.ratio} if choice.measure == "top-k" else {}
    return Agreement(
        measured(scores, choice.measure, choice.ratio),
        list(scores),
        measure_unit(choice.measure, choice.ratio),
        Behind(
            scores=records,
            context=of_scores(records[0], site=site),
            facts={"site": site, "measure": choice.measure, "criterion": list(scores), **share},
            reasons=reasons,
        ),
    )


def agreement(found: Found, choice: Choice) -> Drawn:
    of = _agreement(found, choice)
    if choice.block is not None and not 0 <= choice.block < len(of.values):
        raise InputError(f"block {choice.block}: there are blocks 0 to {len(of.values) - 1}")
    mean, n = mean_over_blocks(of.values, choice.block)
    table = pd.DataFrame(mean, columns=of.names)
    table.insert(0, "criterion", of.names)
    return Drawn(
        figure=agreement_matrix(of.names, mean, unit=of.unit, n=n),
        table=table,
        **vars(of.behind.said(block=choice.block)),
    )


def agreement_by_block(found: Found, choice: Choice) -> Drawn:
    of = _agreement(found, choice)
    against = choice.against or of.names[0]
    if against not in of.names:
        raise InputError(f"no criterion {against!r}{did_you_mean(against, of.names)}")
    rows = against_rows(of.values, of.names, against)
    table = frame(rows)
    summary = table.pivot_table(index="block", columns="criterion", values="value", sort=False)
    return Drawn(
        figure=agreement_lines(rows, unit=of.unit, against=against),
        table=table,
        summary=summary.reset_index(),
        **vars(of.behind.said(against=against)),
    )
