"""A study in the few fields that a form has, and the document that they stand for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ict.criteria import ADAPTER_GRADIENT, choice

RANDOM = "random-K"


@dataclass(frozen=True, kw_only=True)
class StudyAsk:
    """The fields of the form; None and empty lists stay with the recipe."""

    name: str
    tasks: tuple[str, ...]
    backbone: str
    criterion: str
    ratios: tuple[float, ...]
    seeds: tuple[int, ...]
    rows: tuple[str, ...]
    """Beside [grid], ICT by the criterion: `selector:NAME` or `method:NAME`."""
    draws: int = 5
    recipe: str = "quick"
    epochs: int | None = None
    limit: int | None = None
    slots: int = 1
    weights: str | None = None


def document(ask: StudyAsk) -> dict[str, Any]:
    """The document of the study, as its TOML file says it."""
    base = {
        "task": ask.tasks[0] if len(ask.tasks) == 1 else None,
        "backbone": ask.backbone, "criterion": ask.criterion, "epochs": ask.epochs,
        "limit": ask.limit, "weights": ask.weights,
    }  # fmt: skip
    grid = {
        "task": list(ask.tasks) if len(ask.tasks) != 1 else None,
        "ratio": list(ask.ratios), "seed": list(ask.seeds),
    }  # fmt: skip
    said = {
        "name": ask.name, "recipe": ask.recipe, "slots": ask.slots if ask.slots > 1 else None,
        "base": _known(base), "grid": _known(grid), "compare": [_row(one, ask) for one in ask.rows],
    }  # fmt: skip
    return {key: value for key, value in said.items() if value is not None and value != []}


def _known(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _row(named: str, ask: StudyAsk) -> dict[str, Any]:
    field, _, value = named.partition(":")
    row: dict[str, Any] = {"name": RANDOM if value == "random" else value, field: value}
    if value == "random":
        row["draws"] = ask.draws
    elif choice(f"{value}:{ADAPTER_GRADIENT}").by_gradient_alone:
        row["criterion"] = ADAPTER_GRADIENT  # that of [base] is no gradient
    return row
