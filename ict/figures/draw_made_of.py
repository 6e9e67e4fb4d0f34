"""The figure of what a choice is made of: a score file beside others of its store."""

from dataclasses import replace

import pandas as pd

from ict.analysis.chosen_sums import Asked
from ict.analysis.families import beside
from ict.analysis.made_of import MadeOf, made_of
from ict.analysis.made_of_words import lacking, same_images_words, warnings
from ict.documents.score_record import ScoreRecord
from ict.figures.asked import Behind, Choice, Drawn, Found
from ict.figures.frames import frame
from ict.figures.made_of import made_of_lines
from ict.figures.score_sources import ScoreFile, ks_of, of_one, opened, said_of
from ict.figures.sources import Source, chosen

_COUNTS = ["block", "k", "chance", "shuffled", "l2", "others", "cls"]


def made_of_one(found: Found, choice: Choice) -> Drawn:
    source, file = opened(found, choice)
    records = [ScoreRecord.of(meta) for meta in found.store.scores()]
    asked = Asked(record=source.record, path=file.path, site=source.site, ks=ks_of(source, choice))
    held = beside(source.record, records, site=source.site)
    made = made_of(asked, held, found.store, keep=found.store)
    table = frame(made.rows)
    return Drawn(
        figure=made_of_lines(
            table, criterion=source.criterion, tasks=made.tasks, shuffles=made.shuffles
        ),
        table=table,
        summary=_summary(table),
        **vars(_behind(found, choice, source, file, made)),
    )


def _summary(table: pd.DataFrame) -> pd.DataFrame:
    """Counts, and shares of energy in percent; columns that are not known are left out."""
    shares = {
        "top channel (%)": 100 * table["top_share"].astype(float),
        "constant offset (%)": 100 * table["offset_share"].astype(float),
    }
    return table[_COUNTS].assign(**shares).dropna(axis="columns", how="all")


def _behind(found: Found, choice: Choice, source: Source, file: ScoreFile, made: MadeOf) -> Behind:
    """The score file, and as facts the files that it was held against."""
    lacks = [lack.columns for lack in lacking(made, site=source.site)]
    words = [*warnings(made), same_images_words(made), said_of(source)]
    words += [f"Not known here: {'; '.join(lacks)}."] if lacks else []
    cls = made.beside.cls
    held = [record.score_id for record in (*made.beside.tasks, *([cls] if cls else []))]
    behind = of_one(
        found,
        choice,
        source,
        file,
        picked=source.own if _is_own(source, [row.k for row in made.rows]) else None,
        context=" ".join(filter(None, words)),
        k=sorted({row.k for row in made.rows}),
        tasks=made.tasks,
        other_score_ids=[record.score_id for record in made.beside.tasks],
        cls_score_id=None if cls is None else cls.score_id,
        shuffles=made.shuffles,
    )
    return replace(behind, reasons={**behind.reasons, **dict.fromkeys(held, "")})


def _is_own(source: Source, ks: list[int]) -> bool:
    """Whether the K highest scores are what the run chose, so that the figure is of that run."""
    own = source.own
    if own is None or [len(block.indices) for block in own.blocks] != ks:
        return False
    top = chosen(source, source.own_ks() or (), "top")
    return [block.indices for block in own.blocks] == [block.indices for block in top.blocks]
