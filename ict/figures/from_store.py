"""Figures by name from a store: what `ict figure` and `ict report` draw.

A source is a run id, `study:NAME`, a score id or a score file. The same store gives the same figure
wherever it lies.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ict import studies
from ict.errors import InputError, did_you_mean, quoted
from ict.figures.drawings import FIGURES, Choice, Found, Row
from ict.figures.export import FigureBundle
from ict.figures.theme import caption_of
from ict.store import Store


def look_up(names: Sequence[str], store: Store) -> Found:
    """Runs and score files behind `names`; without names all runs of the store.

    Raises InputError for a source that is not there, with the nearest.
    """
    rows: list[Row] = []
    scores: list[Path] = []
    for name in names:
        if name.startswith("study:"):
            rows += studies.rows(store, studies.load_study(store, name.removeprefix("study:")))
        elif (path := _score_path(name, store)) is not None:
            scores.append(path)
        else:
            run = store.run(name)
            rows += store.table(lambda row, wanted=run.id: row["run_id"] == wanted)  # type: ignore[misc]
    if not names:
        rows = store.table()
    return Found(store, rows, scores, list(names))


def _score_path(name: str, store: Store) -> Path | None:
    if name.endswith(".safetensors"):
        return Path(name)
    path = store.scores_dir / name / "scores.safetensors"
    return path if path.is_file() else None


def bundle(name: str, found: Found, choice: Choice, *, command: str = "") -> FigureBundle:
    """The figure `name` of what was found, with its table, caption and provenance.

    Raises InputError for an unknown name, and with one sentence where the sources lack what the
    figure needs.
    """
    if name not in FIGURES:
        raise InputError(
            f"no figure {quoted(name)}{did_you_mean(name, FIGURES)}; see `ict figure --help`"
        )
    figure, table, best, context = FIGURES[name][0](found, choice)
    return FigureBundle(
        name,
        figure,
        table.reset_index(drop=True),
        caption=f"{caption_of(figure)} {context}".strip(),
        provenance=provenance(found, command),
        best=best,
    )


def provenance(found: Found, command: str) -> dict[str, Any]:
    """Ids, seeds and versions behind a figure, and the command that redraws it."""
    done = [row for row in found.rows if row.get("status") == "done"]
    versions: dict[str, list[str]] = {}
    for row in done:
        result = found.store.run(row["run_id"]).result()
        for package, text in (result.versions if result else {}).items():
            if text is not None and text not in versions.setdefault(package, []):
                versions[package].append(text)
    score_ids = {str(row["score_id"]) for row in done if row.get("score_id")}
    return {
        "sources": found.names,
        "run_ids": sorted({row["run_id"] for row in done}),
        "score_ids": sorted(score_ids | {path.parent.name for path in found.scores}),
        "seeds": sorted({int(row["seed"]) for row in done if row.get("seed") is not None}),
        "command": command,
        "run_versions": {
            name: ", ".join(sorted(texts)) for name, texts in sorted(versions.items())
        },
    }
