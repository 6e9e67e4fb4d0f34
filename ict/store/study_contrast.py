"""The primary contrast of a study: the one difference that it declares before it runs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ict.catalogue import RATIO
from ict.errors import InputError, did_you_mean, quoted
from ict.store.study_rows import GRID, axes, fixed_of, is_random, row_words, rows_of

OUTCOMES: Final = ("accuracy", "loss")
"""Of what the difference is (`ict.analysis.outcomes`), the default first."""


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """The one difference that a study declares: row `a` minus row `b` at one K/D.

    Rows are named as in the file (`grid`, and the names of its [[compare]] tables). `ratio` is None
    where neither row has a K/D.
    """

    a: str
    b: str
    ratio: float | None
    outcome: str = OUTCOMES[0]


def primary(document: Mapping[str, Any]) -> Contrast | None:
    """The contrast that the study declares, or by default [grid] − random at K/D 1/8.

    None where nothing is declared and the study has no random row, or not that K/D. Raises
    InputError for a row that is not there, a K/D that a row of it does not have, and another outcome
    than accuracy or loss.
    """
    named = {str(row["name"]): row for row in rows_of(document)}
    declared = document.get("primary")
    if declared is None:
        return _default_contrast(document, named)
    shape = "write primary = { a = 'grid', b = 'NAME OF A ROW', ratio = 0.125 }"
    if not isinstance(declared, Mapping):
        raise InputError(f"primary={quoted(declared)}: {shape}")
    for key in declared:
        if key not in ("a", "b", "ratio", "outcome"):
            raise InputError(f"no key {quoted(key)} in primary: {shape}")
    a, b = declared.get("a", GRID), declared.get("b")
    for name in (a, b):
        if not isinstance(name, str) or name not in named:
            raise InputError(
                f"primary: no row {quoted(name)}; there are {', '.join(named)}"
                f"{did_you_mean(str(name), list(named))}"
            )
    if a == b:
        raise InputError(f"primary: a and b are both {quoted(a)}; name two rows")
    outcome = declared.get("outcome", OUTCOMES[0])
    if outcome not in OUTCOMES:
        raise InputError(
            f"primary: outcome={quoted(outcome)}: choose {' or '.join(map(quoted, OUTCOMES))}"
        )
    ratio = _contrast_ratio(document, named, (a, str(b)), declared)
    return Contrast(a=a, b=str(b), ratio=ratio, outcome=outcome)


def _contrast_ratio(
    document: Mapping[str, Any],
    named: Mapping[str, Mapping[str, Any]],
    pair: tuple[str, str],
    declared: Mapping[str, Any],
) -> float | None:
    """The K/D that is declared, or the default; None where no row of the pair has one."""
    have = {name: ratios for name in pair if (ratios := _ratios(document, named[name])) is not None}
    ratio = declared.get("ratio", RATIO if have else None)
    if ratio is None:
        return None
    if isinstance(ratio, bool) or not isinstance(ratio, (int, float)) or not 0 < ratio <= 1:
        raise InputError(f"primary: ratio={quoted(ratio)}: choose more than 0 and at most 1")
    for name, ratios in have.items():
        if not any(math.isclose(ratio, one) for one in ratios):
            raise InputError(
                f"primary: {row_words(named[name])} has no ratio {ratio:g}; it has "
                f"{', '.join(f'{one:g}' for one in ratios)}"
            )
    return float(ratio)


def _default_contrast(
    document: Mapping[str, Any], named: Mapping[str, Mapping[str, Any]]
) -> Contrast | None:
    own = _ratios(document, named[GRID])
    for name, row in named.items():
        other = _ratios(document, row)
        if not is_random(row) or own is None or other is None:
            continue
        if RATIO in own and RATIO in other:
            return Contrast(a=GRID, b=name, ratio=RATIO)
    return None


def _ratios(document: Mapping[str, Any], row: Mapping[str, Any]) -> list[float] | None:
    """The K/D that a row asks for; None where it names K, or a method that has none."""
    row_fields = {**document.get("base", {}), **fixed_of(row)}
    lists = axes(document, row)
    from ict.config import DEFAULTS
    from ict.methods.registry import chooses_channels

    named = lists.get("method", [row_fields.get("method", DEFAULTS["method"])])
    if not any(map(chooses_channels, named)) or "k" in row_fields or "k" in lists:
        return None
    ratios = lists.get("ratio", [row_fields.get("ratio", RATIO)])
    return [float(one) for one in ratios if isinstance(one, (int, float))]
