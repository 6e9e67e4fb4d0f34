"""Parallel coordinates of runs from a store: what was asked of each, and what came out."""

from collections.abc import Sequence

import pandas as pd

from ict.analysis.groups import telling
from ict.analysis.run_fields import FIELDS_OF_RUNS, field_value
from ict.analysis.run_names import run_names
from ict.errors import InputError, did_you_mean, quoted
from ict.figures.asked import Choice, Drawn, Found, of_runs
from ict.figures.draw_runs import asked, of_ids
from ict.figures.parallel import OUTCOMES, outcome_of, parallel_runs
from ict.store.run_rows import RunRow

MOST_AXES = 6
"""Fields that are drawn where none are named: on a paper's width more have no room for their words."""
_TOLD = ("weights", "data", "score_data", "score_site", "score_split", "schema")


def over_fields(found: Found, choice: Choice) -> Drawn:
    """Each run a line; by default over the first fields in which the runs differ."""
    outcome = choice.metric or "test_accuracy"
    if outcome not in OUTCOMES:
        near = did_you_mean(outcome, OUTCOMES)
        raise InputError(f"metric {quoted(outcome)}: choose one of {', '.join(OUTCOMES)}{near}")
    rows = asked(found, choice)
    rows = of_ids(rows, [row.run_id for row in rows])
    drawn = [row for row in rows if outcome_of(row, outcome) is not None]
    words = OUTCOMES[outcome][0].split(" (")[0]
    if not drawn:
        raise InputError(f"no run behind these sources has a {words}")
    fields = _named(choice.fields) or usual_fields(drawn)
    names = run_names(drawn)
    table = pd.DataFrame(
        {
            "run": names[row.run_id],
            "run_id": row.run_id,
            **{name: field_value(row, name) for name in fields},
            outcome: row.get(outcome),
        }
        for row in drawn
    )
    return Drawn(
        figure=parallel_runs(drawn, fields, outcome, names=names),
        table=table,
        context=of_runs(drawn),
        runs=drawn,
        facts={"metric": outcome, "fields": list(fields)},
        reasons={row.run_id: f"no {words}" for row in rows if row not in drawn},
    )


def usual_fields(rows: Sequence[RunRow]) -> list[str]:
    """The fields that tell the settings of the runs apart, and their seeds; `task` where none does."""
    seeds = [name for name in ("seed",) if len({row.get(name) for row in rows}) > 1]
    told = [name for name in telling(rows) if name not in _TOLD]
    return [*told[: MOST_AXES - len(seeds)], *seeds] or ["task"]


def _named(text: str | None) -> list[str]:
    """Fields as an option lists them; InputError for one that runs do not have."""
    names = [name.strip() for name in (text or "").split(",") if name.strip()]
    for name in names:
        if name not in FIELDS_OF_RUNS:
            raise InputError(f"no field {quoted(name)} of runs{did_you_mean(name, FIELDS_OF_RUNS)}")
    return list(dict.fromkeys(names))
