"""What the form of a study asks for: the runs of it, its file, and why it cannot be started.

Nothing here knows streamlit.
"""

from dataclasses import dataclass
from pathlib import Path

from ict.criteria import SELECTORS
from ict.documents.number_words import number_words
from ict.errors import InputError, quoted
from ict.files import atomic_write_bytes, make_folder
from ict.methods.registry import chooses_channels, methods
from ict.resolve import Resolved
from ict.store import Store, studies
from ict.store.names import STUDY_FILE
from ict.store.study_asked import RANDOM, StudyAsk, document
from ict.store.study_rows import requested
from ict.store.study_toml import to_toml
from ict_app.tune.plan import MOST_RUNS


def rows_offered() -> dict[str, str]:
    """The rows beside [grid], ICT by a criterion: other choices of channels, then other methods."""
    selectors = {f"selector:{one}": RANDOM if one == "random" else one for one in SELECTORS[1:]}
    others = {f"method:{one}": one for one in methods() if not chooses_channels(one)}
    return selectors | others


@dataclass(frozen=True)
class Look:
    """The runs of a document as far as they can be told, how many at most, and what is wrong with it."""

    runs: tuple[Resolved, ...]
    at_most: int
    trouble: str | None = None
    primary: str | None = None


def look(ask: StudyAsk) -> Look:
    """What a study would run. Looks at no store."""
    said = document(ask)
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
    at = "" if contrast.ratio is None else f" at K/D = {number_words(contrast.ratio)}"
    return f"{contrast.a} − {contrast.b}{at}"


def name_taken(store: Store, ask: StudyAsk) -> str | None:
    """Why the name cannot be used: the store has another study of it."""
    try:
        there = studies.load_study(store, ask.name).document
    except InputError:
        return None
    if there == requested(document(ask)):
        return None
    return f"A study {quoted(ask.name)} with other rows is in the store; choose another name."


def file_of(store: Store, name: str) -> Path:
    """Where the study's TOML file lies in the store."""
    return store.studies_dir / name / STUDY_FILE


def toml(ask: StudyAsk) -> str:
    """The study's file."""
    return to_toml(document(ask))


def write(store: Store, ask: StudyAsk) -> Path:
    """Writes the study's file into the store; raises StoreError."""
    path = file_of(store, ask.name)
    make_folder(path.parent)
    atomic_write_bytes(path, toml(ask).encode())
    return path


def free_name(store: Store) -> str:
    """`study-1`, or the next that no study of the store has."""
    taken = {study.name for study in studies.list_studies(store)}
    return next(name for n in range(1, len(taken) + 2) if (name := f"study-{n}") not in taken)
