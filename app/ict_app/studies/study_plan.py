"""What the form of a study asks for: its document, the runs of it, and why it cannot be started.

Nothing here knows streamlit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ict.criteria import ADAPTER_GRADIENT, SELECTORS, choice
from ict.errors import InputError
from ict.files import atomic_write_bytes, make_folder
from ict.methods.registry import chooses_channels, methods
from ict.resolve import Resolved
from ict.store import Store, studies
from ict.store.names import STUDY_FILE
from ict.store.study_rows import requested
from ict.store.study_toml import to_toml
from ict_app.tune.plan import MOST_RUNS

RANDOM = "random-K"


@dataclass(frozen=True, kw_only=True)
class StudyAsk:
    """The fields of the form; None and empty lists stay with the recipe."""

    name: str
    tasks: Sequence[str]
    backbone: str
    criterion: str
    ratios: Sequence[float]
    seeds: Sequence[int]
    rows: Sequence[str]
    draws: int = 5
    recipe: str = "quick"
    epochs: int | None = None
    limit: int | None = None
    slots: int = 1
    weights: str | None = None


def rows_offered() -> dict[str, str]:
    """The rows beside [grid], ICT by a criterion: other choices of channels, then other methods."""
    selectors = {f"selector:{one}": RANDOM if one == "random" else one for one in SELECTORS[1:]}
    others = {f"method:{one}": one for one in methods() if not chooses_channels(one)}
    return selectors | others


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


@dataclass(frozen=True)
class Look:
    """The runs of a document as far as they can be told, how many at most, and what is wrong with it."""

    runs: tuple[Resolved, ...]
    at_most: int
    trouble: str | None = None
    primary: str | None = None


def look(said: Mapping[str, Any]) -> Look:
    """What a study would run. Looks at no store."""
    try:
        studies.check(said)
        count = studies.planned_runs(said)
        contrast = studies.primary(said)
        runs: tuple[Resolved, ...] = ()
        if count <= MOST_RUNS:
            asked = studies.asked(said, fetch=False)
            runs = tuple({one.run_id: one for _, one in asked.first + asked.second}.values())
    except InputError as error:
        return Look((), 0, str(error))
    return Look(runs, len(runs) or count, None, _contrast_words(contrast))


def _contrast_words(contrast: studies.Contrast | None) -> str | None:
    if contrast is None:
        return None
    at = "" if contrast.ratio is None else f" at K/D = {contrast.ratio:g}"
    return f"{contrast.a} − {contrast.b}{at}"


def name_taken(store: Store, said: Mapping[str, Any]) -> str | None:
    """Why the name cannot be used: the store has another study of it."""
    name = str(said.get("name"))
    try:
        there = studies.load_study(store, name).document
    except InputError:
        return None
    if there == requested(said):
        return None
    return f"A study {name!r} with other rows is in the store; choose another name."


def file_of(store: Store, name: str) -> Path:
    """Where the study's TOML file lies in the store."""
    return store.studies_dir / name / STUDY_FILE


def write(store: Store, said: Mapping[str, Any]) -> Path:
    """Writes the study's TOML file; raises StoreError."""
    path = file_of(store, str(said["name"]))
    make_folder(path.parent)
    atomic_write_bytes(path, to_toml(said).encode())
    return path


def free_name(store: Store) -> str:
    """`study-1`, or the next that no study of the store has."""
    taken = {study.name for study in studies.list_studies(store)}
    return next(name for n in range(1, len(taken) + 2) if (name := f"study-{n}") not in taken)
