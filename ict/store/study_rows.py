"""The rows of a study's document, and what each of them fixes, combines and searches."""

import math
from collections.abc import Mapping
from typing import Any

from ict.errors import quoted

GRID = "grid"  # name of the members that [grid] itself makes
STAGES = "stages"
SEED_FIELDS = ("seed", "selection_seed")


def is_random(row: Mapping[str, Any]) -> bool:
    """Whether a row draws its channels, however it spells that."""
    words = {name: row.get(name) for name in ("criterion", "selector")}
    values = [one[0] if isinstance(one, list) and len(one) == 1 else one for one in words.values()]
    return "random" in values


def requested(document: Mapping[str, Any]) -> dict[str, Any]:
    """`document` as what is asked for now: a [tune] that does not say otherwise has two stages."""
    translated = dict(document)
    if tuned_lists(document):
        translated["tune"] = {STAGES: 2, **document["tune"]}
    return translated


def stored(document: Mapping[str, Any]) -> dict[str, Any]:
    """`document` as a store keeps it: a [tune] that does not say is of version 0.1.0, one stage."""
    translated = dict(document)
    if tuned_lists(document):
        translated["tune"] = {STAGES: 1, **document["tune"]}
    return translated


def tuned_lists(document: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The lists of [tune]: field → values to choose from."""
    table = document.get("tune")
    if not isinstance(table, Mapping):
        return {}
    return {name: values for name, values in table.items() if name != STAGES}


def two_stages(document: Mapping[str, Any]) -> bool:
    """Whether the rates are chosen first, on one seed and one draw."""
    return bool(tuned_lists(document)) and document["tune"].get(STAGES, 1) == 2


def planned_runs(document: Mapping[str, Any]) -> int:
    """At most how many combinations the rows of a study name, none of them made."""
    return sum(
        row.get("draws", 1) * math.prod(len(values) for values in axes(document, row).values())
        for row in rows_of(document)
    )


def rows_of(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """[grid] as a row of its own, then the [[compare]] tables."""
    return [{"name": GRID}, *document.get("compare", [])]


def fixed_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a run that a row sets."""
    return {key: v for key, v in row.items() if key not in ("name", "recipe", "draws", GRID)}


def axes(document: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The lists that a row combines: those of the study that it does not fix, and its own."""
    shared = {**document.get(GRID, {}), **tuned_lists(document)}
    fixed = fixed_of(row)
    return {key: v for key, v in shared.items() if key not in fixed} | dict(row.get(GRID, {}))


def row_words(row: Mapping[str, Any]) -> str:
    """A row as a sentence names it."""
    return "[grid]" if row["name"] == GRID else f"[[compare]] {quoted(row['name'])}"


def tuned_of(document: Mapping[str, Any], name: str) -> dict[str, list[Any]]:
    """The lists that the row of this name is searched over: those of [tune], or its own for them."""
    lists = tuned_lists(document)
    row = next((row for row in rows_of(document) if row["name"] == name), {"name": name})
    return {key: values for key, values in axes(document, row).items() if key in lists}


def repeats_of(document: Mapping[str, Any], name: str) -> int:
    """How many runs of one setting a row asks for: its seeds, and the draws of each."""
    row = next((row for row in rows_of(document) if row["name"] == name), {"name": name})
    lists = axes(document, row)
    draws = int(row.get("draws", 1))
    return draws * math.prod(len(lists[key]) for key in SEED_FIELDS if key in lists)
