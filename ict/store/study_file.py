"""The form of a study's TOML file: its keys, its rows, and the lists that each row combines.

```toml
name = "k_ratio"            # the study's folder in the store
recipe = "quick"            # optional
slots = 2                   # optional: runs that share a device
primary = { a = "grid", b = "random-K", ratio = 0.125 }   # optional: the difference it is about,
                            # of accuracies, or with outcome = "loss" of losses
[base]                      # fields of every run
task = "digits"
[grid]                      # lists: every combination is a run
ratio = [0.125, 0.25]
seed = [42, 44, 82]
[[compare]]                 # a control: the grid again, with fields fixed or lists replaced
name = "random-K"
selector = "random"
draws = 5                   # random selections in every seed, none in two seeds
grid = { ratio = [0.125] }
[tune]                      # optional: lists to choose from on val200, for every row
lr_multiplier = [0.333, 1.0, 3.0]
stages = 2                  # the default: rates on one seed, then seeds at the chosen rate
```
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ict.documents.bounded import LONGEST, read_text
from ict.documents.identity import check_id
from ict.errors import InputError, did_you_mean, quoted
from ict.machine import MOST_SLOTS
from ict.store.study_contrast import primary
from ict.store.study_rows import (
    GRID,
    SEED_FIELDS,
    STAGES,
    is_random,
    planned_runs,
    requested,
    row_words,
    tuned_lists,
    two_stages,
)

MOST_DRAWS = 1_000
_KEYS = (
    "name", "title", "recipe", "slots", "base", GRID, "compare", "tune", "primary", "example",
)  # fmt: skip
_MOST_RUNS = 20_000
_MOST_BYTES = 1 << 20  # of a study file


def read_toml(path: Path | str) -> dict[str, Any]:
    """The study in a TOML file, checked and with `stages` said.

    Raises InputError naming the file and what is wrong.
    """
    try:
        document = tomllib.loads(read_text(Path(path), _MOST_BYTES))
    except FileNotFoundError as error:
        raise InputError(f"no study file {quoted(str(path))}") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except RecursionError as error:
        raise InputError(f"{path}: too many brackets within each other") from error
    except ValueError as error:  # not TOML, or a number of more digits than Python reads
        raise InputError(f"{path}: {error}") from error
    document = requested({"name": Path(path).stem, **document})
    try:
        check(document)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return document


def check(document: Mapping[str, Any]) -> None:
    """Raises InputError unless `document` has the form of a study; its fields `expand` checks."""
    for key in document:
        if key not in _KEYS:
            raise InputError(f"no key {quoted(key)} in a study{did_you_mean(key, _KEYS)}")
    if not isinstance(document.get("name"), str):
        raise InputError("a study needs a name")
    check_id(document["name"], "study")
    slots = document.get("slots", 1)
    if not isinstance(slots, int) or isinstance(slots, bool) or not 1 <= slots <= MOST_SLOTS:
        raise InputError(f"slots={quoted(slots)}: choose 1 to {MOST_SLOTS} runs a device")
    for key in ("title", "recipe"):
        _check_text(document, key)
    for part in ("base", GRID, "tune"):
        if not isinstance(document.get(part, {}), Mapping):
            raise InputError(f"[{part}] must be a table of fields")
    _check_lists(document.get(GRID, {}), "[grid]")
    _check_tune(document)
    rows = document.get("compare", [])
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise InputError("write each control as its own [[compare]] table")
    names = [row.get("name") for row in rows]
    if not all(isinstance(name, str) for name in names) or len({GRID, *names}) <= len(names):
        raise InputError(f"each [[compare]] needs a name of its own, other than {quoted(GRID)}")
    for row in rows:
        _check_row(document, row)
    count = planned_runs(document)
    if count > _MOST_RUNS:
        raise InputError(f"{quoted(count)} runs; a study may have up to {_MOST_RUNS}")
    primary(document)


def _check_tune(document: Mapping[str, Any]) -> None:
    table = document.get("tune", {})
    _check_lists(tuned_lists(document), "[tune]")
    stages = table.get(STAGES, 1)
    if isinstance(stages, bool) or stages not in (1, 2):
        raise InputError(f"[tune]: stages={quoted(stages)}: choose 2 (rates first), or 1 (all)")
    if STAGES in table and not tuned_lists(document):
        raise InputError("[tune]: name what to choose from, such as lr_multiplier = [0.3, 1, 3]")
    for name in SEED_FIELDS:
        if name in table:
            raise InputError(f"[tune]: {name} is repeated, not chosen; write it in [grid]")


def _check_row(document: Mapping[str, Any], row: Mapping[str, Any]) -> None:
    where = row_words(row)
    _check_text(row, "recipe")
    _check_lists(row.get(GRID, {}), f"grid of {where}")
    _check_draws(document, row, where)
    if two_stages(document):
        _check_same_search(document, row, where)


def _check_draws(document: Mapping[str, Any], row: Mapping[str, Any], where: str) -> None:
    draws = row.get("draws")
    if draws is None:
        return
    if not isinstance(draws, int) or isinstance(draws, bool) or not 1 <= draws <= MOST_DRAWS:
        raise InputError(f"{where}: draws={quoted(draws)}: choose 1 to {MOST_DRAWS} a seed")
    row_fields = {**document.get("base", {}), **document.get(GRID, {}), **row, **row.get(GRID, {})}
    if "selection_seed" in row_fields:
        raise InputError(
            f"{where}: draws sets selection_seed of every run; leave selection_seed out"
        )
    if not is_random(row_fields):
        raise InputError(
            f"{where}: draws={draws} is of random selections; give selector = 'random', or no draws"
        )


def _check_same_search(document: Mapping[str, Any], row: Mapping[str, Any], where: str) -> None:
    """Every row is searched over the same kind of list: as long, whatever its values."""
    own = row.get(GRID, {})
    for name, values in tuned_lists(document).items():
        if name in row:
            raise InputError(
                f"{where}: {name} is chosen for every row by [tune]; leave {name} out of this row"
            )
        if name in own and len(own[name]) != len(values):
            raise InputError(
                f"{where}: {name} has {len(own[name])} values and {len(values)} in [tune]; every row "
                "is searched over equally many"
            )


def _check_text(table: Mapping[str, Any], key: str) -> None:
    value = table.get(key)
    if value is not None and not (isinstance(value, str) and len(value) <= LONGEST):
        raise InputError(f"{key}={quoted(value)}: give a text of at most {LONGEST} characters")


def _check_lists(grid: Any, where: str) -> None:
    if not isinstance(grid, Mapping):
        raise InputError(f"{where} must be a table of lists")
    for field, values in grid.items():
        if not isinstance(values, list) or not values:
            raise InputError(f"{where}: {field} must be a list with at least one value")
