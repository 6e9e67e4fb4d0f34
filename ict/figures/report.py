"""One page that tells a study: readable in any browser, without a server and without a network."""

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from ict.analysis import groups, summary
from ict.errors import InputError
from ict.figures.by_name import Choice, Found, Row
from ict.figures.export import FigureBundle, provenance
from ict.figures.from_store import bundle, look_up, versions
from ict.figures.page import Section, page
from ict.figures.tables import latex_label, readable_cells
from ict.store import studies
from ict.store.store import Store


def study_report(name: str, store: Store) -> str:
    """The page of a study in `store`: what was asked, what ran, figures, tables, provenance.

    What the study does not have (scores, several tasks, a tuned rate) has no section. Raises
    InputError for a study that is not there.
    """
    study = studies.load_study(store, name)
    found = look_up([f"study:{name}"], store)
    drawn = _figures(found)
    sections = [
        _opening(found.rows),
        *(_section(title, one) for title, one in drawn),
        *_tables(found.rows),
        *_failures(found.rows),
        Section(summary="The study as it was asked for", folded=_json(study.document)),
        Section(summary="Provenance", folded=_json(_origin(name, found, drawn))),
    ]
    return page(study.title, sections, heading=study.title)


def _opening(rows: Sequence[Row]) -> Section:
    done = [row for row in rows if row["status"] == "done"]
    states = pd.Series([row["status"] for row in rows], dtype=object).value_counts()
    words = ", ".join(f"{count} {state}" for state, count in states.items()) or "none yet"
    tasks = sorted({str(row["task"]) for row in done})
    backbones = sorted({str(row.get("backbone")) for row in done})
    text = f"Runs: {words}."
    if done:
        text += f" Tasks: {', '.join(tasks)}. Backbone: {', '.join(backbones)}."
    return Section(
        notes=[
            text,
            "Accuracies are those of the epoch that each run's configuration selects, never of the "
            "best epoch on the test set. Intervals are 95 % t intervals over seeds; they do not "
            "contain the error of a small test set, which the tables give as sampling.",
        ]
    )


def _figures(found: Found) -> list[tuple[str, FigureBundle]]:
    """Every figure that the study's runs can be drawn as, by title; what cannot is left out."""
    tasks = sorted({str(row["task"]) for row in found.rows if row["status"] == "done"})
    wanted: list[tuple[str, str, Choice]] = []
    for task in tasks:
        at = f" on {task}" if len(tasks) > 1 else ""
        if len({row.get("k") for row in found.rows if row.get("task") == task}) > 2:
            wanted.append((f"Accuracy against K{at}", "k-ratio", Choice(task=task)))
        wanted.append((f"Training{at}", "curves", Choice(task=task, metric="train_accuracy")))
        wanted.append((f"Scores{at}", "score-map", Choice(task=task)))
    if len(tasks) > 1:
        wanted.append(("Channels that tasks share", "overlap", Choice()))
    drawn = []
    for title, name, choice in wanted:
        try:
            drawn.append((title, bundle(name, found, choice)))
        except InputError:  # these runs have no scores, or no epochs, to draw
            continue
    return drawn


def _section(title: str, drawn: FigureBundle) -> Section:
    shown = go.Figure(drawn.figure).update_layout(margin_t=42)  # room for the mode bar
    origin = _json(provenance(drawn, kind="html"))
    return Section(
        heading=title, figure=shown, name=drawn.name, caption=drawn.caption_text,
        summary="Provenance of this figure", folded=origin,
    )  # fmt: skip


_PERCENT = ("mean", "low", "high", "best", "sampling")
_SHOWN = ("n", "over", *_PERCENT, "train_seconds", "trainable_parameters")


def _tables(rows: Sequence[Row]) -> list[Section]:
    done = [row for row in rows if row["status"] == "done"]
    if not done:
        return []
    names = ["method", *(name for name in groups.telling(done) if name != "method")]
    table = pd.DataFrame([group.to_dict() for group in groups.over_seeds(done)])
    table = table[[*names, *_SHOWN]]
    table[list(_PERCENT)] = 100 * table[list(_PERCENT)].astype(float)
    note = "Accuracies in percent."
    sections = [Section(heading="Results", notes=[note], table=readable_cells(table))]
    if differences := paired_with_controls(rows):
        note = (
            "ICT with its first criterion minus each other series, in points, paired by seed; p values "
            "of paired t tests, corrected by Holm over all rows."
        )
        cells = readable_cells(pd.DataFrame(differences))
        sections.append(Section(heading="Differences on the same seeds", notes=[note], table=cells))
    return sections


def paired_with_controls(rows: Sequence[Row]) -> list[Row]:
    """`ict` minus every other series with the same task and K (or no K), paired by seed."""
    table = pd.DataFrame(summary.study_series(rows))
    if table.empty:
        return []
    own = next((s for s in table["series"] if str(s).startswith(("ict", "class_l2"))), None)
    result: list[Row] = []
    for (task, ratio), part in table[table["series"] == own].groupby(["task", "ratio"]):
        mine = _by_seed(part)
        others = table[(table["task"] == task) & (table["series"] != own)]
        for series, other in others.groupby("series", sort=False):
            same = other[(other["ratio"] == ratio) | other["ratio"].isna()]
            found = summary.paired_difference(mine, _by_seed(same))
            if found.n >= 2:
                result.append(
                    {
                        "task": task, "K/D": ratio, "minus": series, "n": found.n,
                        "difference": 100 * found.mean, "low": 100 * found.low,
                        "high": 100 * found.high, "p": found.p,
                    }
                )  # fmt: skip
    if result:
        for row, p in zip(result, summary.holm([row.pop("p") for row in result]), strict=True):
            row["p (Holm)"] = float(p)
    return result


def _by_seed(part: pd.DataFrame) -> dict[groups.Seed, float]:
    return groups.by_seed(part.to_dict("records"), "accuracy")


def _failures(rows: Sequence[Row]) -> list[Section]:
    failed = [row for row in rows if row["status"] in ("failed", "killed", "missing", "unreadable")]
    if not failed:
        return []
    table = pd.DataFrame(
        [
            {"run": r["run_id"], "status": r["status"], "error": r.get("error") or "–"}
            for r in failed
        ]
    )
    return [Section(heading="Runs without a result", table=readable_cells(table))]


def _origin(
    name: str, found: Found, drawn: Sequence[tuple[str, FigureBundle]]
) -> Mapping[str, Any]:
    """Runs behind the tables, what the figures are of, and the command that makes the page again."""
    done = [row for row in found.rows if row["status"] == "done"]
    out = latex_label(name)
    return {
        "study": name,
        "store": str(found.store.root),
        "run_ids": sorted({row["run_id"] for row in done}),
        "score_ids": sorted({i for _, one in drawn for i in one.provenance["score_ids"]}),
        "seeds": sorted({int(row["seed"]) for row in done if row.get("seed") is not None}),
        "figures": {title: one.name for title, one in drawn},
        "command": shlex.join(["ict", "report", name, f"--out={out}.html"]),
        "run_versions": versions(found.store, done),
    }


def _json(document: Any) -> str:
    return json.dumps(document, indent=1, default=str, sort_keys=True)
