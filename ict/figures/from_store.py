"""Figures by name from a store: what `ict figure`, `ict report` and the exports of pages draw.

A source is a run id, `study:NAME`, a score id or a score file, the id of an inspection or a causal
check, `imported` (other people's numbers) or `published` (no run of one's own). The same store gives
the same figure wherever it lies.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ict.analysis.sides import Side, find_side, is_side, named
from ict.errors import InputError, did_you_mean
from ict.figures.asked import Choice, Drawn, Found, Request, one_or_all
from ict.figures.by_name import FIGURES
from ict.figures.draw_causal import load_check
from ict.figures.export import FigureBundle, Provenance
from ict.figures.theme import caption_of
from ict.store import studies
from ict.store.inspect_files import load_inspect
from ict.store.names import score_file
from ict.store.run_rows import RunRow, imported_run_rows, run_rows, study_run_rows
from ict.store.store import Store

IMPORTED, PUBLISHED = "imported", "published"


def look_up(names: Sequence[str], store: Store) -> Found:
    """What is behind `names`, in their order; without names all runs of the store that are not archived.

    Raises InputError for a source that is not there, with the nearest.
    """
    found = Found(store, names=list(names))
    run_ids: list[str] = []
    sides: dict[str, Side] = {}
    filters = any(is_side(name) and not name.startswith("study:") for name in names)
    of_store = run_rows(store) if filters else None  # read once for all of them
    for name in names:
        if is_side(name):
            sides[name] = find_side(name, store, of_store)
            found.rows.extend(sides[name].rows)
        elif name.startswith("study:"):
            study = studies.load_study(store, name.removeprefix("study:"))
            found.rows.extend(study_run_rows(store, study))
        elif name == IMPORTED:
            found.imported.extend(imported_run_rows(store))
        elif name == PUBLISHED:
            continue
        elif (path := _score_path(name, store)) is not None:
            found.scores.append(path)
        elif _is_folder(store.inspect_dir / name):
            found.inspections.append(load_inspect(store.inspect_dir / name))
        elif _is_folder(store.causal_dir / name):
            found.checks.append(load_check(store, name))
        else:
            run_ids.append(store.run(name).id)
    rows = _rows(store, run_ids)
    sides |= {row.run_id: named([row], row.run_id) for row in rows}
    found.sides.extend(sides[name] for name in names if name in sides)
    found.rows.extend(rows)
    if not names:
        everything = run_rows(store)
        found.rows.extend(row for row in everything if not row.archived)
        found.archived.extend(row for row in everything if row.archived)
        found.imported.extend(imported_run_rows(store))
    return found


def _rows(store: Store, run_ids: Sequence[str]) -> list[RunRow]:
    """The store's rows of these runs, in this order; a bare one where a run cannot be read.

    Raises InputError where none of them can.
    """
    asked_ids = set(run_ids)
    rows = run_rows(store, lambda row: row.run_id in asked_ids) if asked_ids else []
    by_id = {row.run_id: row for row in rows}
    if run_ids and not by_id:
        raise InputError(str(store.run(run_ids[0]).trouble()))
    bare = RunRow(status="unreadable")  # as a study has them
    return [by_id.get(run_id, replace(bare, run_id=run_id)) for run_id in run_ids]


def _is_folder(path: Path) -> bool:
    """Whether a name of one part names a folder here."""
    return path.parent.name in ("inspect", "causal") and os.path.isdir(path)


def _score_path(name: str, store: Store) -> Path | None:
    if name.endswith(".safetensors"):
        return Path(name).absolute()
    path = score_file(store.scores_dir / name)
    return path if os.path.isfile(path) else None


def bundle(name: str, found: Found, choice: Choice) -> FigureBundle:
    """The figure `name` of what was found, with its table, caption and provenance.

    The caption ends with what was asked for and is not drawn. Raises InputError for an unknown name,
    and with one sentence where the sources lack what the figure needs.
    """
    if name not in FIGURES:
        raise InputError(
            f"no figure {name!r}{did_you_mean(name, FIGURES)}; see `ict figure --help`"
        )
    drawn = FIGURES[name][0](found, choice)
    left_out = _left_out(found, choice, drawn)
    sentence = left_out_words(left_out)
    words = (caption_of(drawn.figure), drawn.context, sentence)
    return FigureBundle(
        name,
        drawn.figure,
        drawn.table.reset_index(drop=True),
        caption=" ".join(filter(None, words)),
        provenance=_provenance(name, found, choice, drawn, left_out),
        best=drawn.best,
        standings=drawn.standings,
        summary=drawn.summary,
        left_out=sentence,
    )


def _left_out(found: Found, choice: Choice, drawn: Drawn) -> dict[str, list[str]]:
    """Ids of runs and files that were asked for and are not drawn, by the reason.

    A figure gives reasons; what it does not speak of is not of it, so that nothing is forgotten.
    """
    shown = {row.run_id for row in drawn.runs}
    shown |= {record.score_id for record in drawn.scores}
    shown |= {*drawn.facts.get("inspect_ids", ()), *drawn.facts.get("causal_ids", ())}
    files = [path.parent.name for path in found.scores]
    files += [one.path.name for one in found.inspections]
    files += [check.causal_id for check in found.checks]
    rows = [row for row in found.rows if choice.task in (None, row.task)]
    reasons = {row.run_id: "archived" for row in found.archived if choice.task in (None, row.task)}
    reasons |= {row.run_id: _reason(row, drawn) for row in rows}
    reasons |= dict.fromkeys(files, "not of this figure") | dict(drawn.reasons)
    result: dict[str, list[str]] = {}
    for one, reason in reasons.items():
        if one not in shown and reason:
            result.setdefault(reason, []).append(one)
    return result


def _reason(row: RunRow, drawn: Drawn) -> str:
    """Why a run is not drawn; nothing where its scores are."""
    if row.run_id in drawn.reasons:
        return drawn.reasons[row.run_id]
    if row.score_id and any(row.score_id == record.score_id for record in drawn.scores):
        return ""
    return "not of this figure" if row.done else f"not finished ({row.status})"


def left_out_words(left_out: Mapping[str, Sequence[str]]) -> str:
    """One sentence on what was asked for and is not drawn; nothing where all is."""
    parts = [f"{len(ids)} ({reason})" for reason, ids in left_out.items()]
    return f"Left out of what was asked for: {', '.join(parts)}." if parts else ""


def _provenance(
    name: str, found: Found, choice: Choice, drawn: Drawn, left_out: Mapping[str, Sequence[str]]
) -> Provenance:
    """Ids, settings, n and seeds of what is drawn, and the command that draws it again."""
    request = Request(name, _sources(found, drawn), choice)
    rows, scores = drawn.runs, drawn.scores
    seeds = sorted({int(row.seed) for row in rows if row.seed is not None})
    n = {
        "runs": len(rows) or None,
        "seeds": len(seeds) or None,
        "images": one_or_all([record.images for record in scores]),
        **drawn.facts.get("n", {}),
    }
    facts = {
        "task": one_or_all([*(row.task for row in rows), *(r.task for r in scores)]),
        "backbone": one_or_all([*(row.backbone for row in rows), *(r.backbone for r in scores)]),
        "site": one_or_all([row.tune_site for row in rows]),
        "k": one_or_all([row.k for row in rows]),
        **drawn.facts,
        "n": {unit: value for unit, value in n.items() if value is not None},
    }
    return {
        "sources": found.names,
        "store": str(found.store.root),
        "run_ids": sorted(row.run_id for row in rows),
        "score_ids": sorted({record.score_id for record in scores}),
        **{key: value for key, value in facts.items() if value is not None},
        "seeds": seeds,
        "left_out": {reason: list(ids) for reason, ids in left_out.items()},
        "command": request.command(found.store),
        "run_versions": versions(found.store, rows),
    }


def _sources(found: Found, drawn: Drawn) -> list[str]:
    """As they were named; where all runs of a store were looked at, those that are drawn."""
    if found.names:
        kept = {str(path.absolute()): path for path in found.scores}
        return [str(kept.get(str(Path(n).absolute()), n)) for n in found.names]
    runs = [row.run_id for row in drawn.runs]
    if drawn.scores and not runs:
        return [record.score_id for record in drawn.scores]
    sources = runs + ([IMPORTED] if found.imported and "methods" in drawn.facts else [])
    return sources or [PUBLISHED]


def versions(store: Store, rows: Sequence[RunRow]) -> dict[str, str]:
    """Versions of the packages that the runs ran with."""
    by_package: dict[str, list[str]] = {}
    for row in rows:
        result = store.run(row.run_id).result()
        for package, text in (result.versions if result else {}).items():
            if text is not None and text not in by_package.setdefault(package, []):
                by_package[package].append(text)
    return {name: ", ".join(sorted(texts)) for name, texts in sorted(by_package.items())}


def request_bundle(request: Request, store: Store, *, name: str | None = None) -> FigureBundle:
    """The figure of a request, in files called `name`."""
    drawn = bundle(request.name, look_up(request.sources, store), request.choice)
    return replace(drawn, name=name or drawn.name)
