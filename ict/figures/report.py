"""One page that tells a study: readable in any browser, without a server and without a network."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from ict.analysis import groups
from ict.analysis.draws import shared_draw_words
from ict.analysis.rates import any_chosen, rate_cell, rate_words
from ict.analysis.study_contrasts import StudyVerdicts, study_contrasts
from ict.config import DEFAULTS
from ict.documents.number_words import share_words
from ict.errors import InputError
from ict.figures.by_name import Choice, Found
from ict.figures.export import FigureBundle, Provenance, provenance
from ict.figures.from_store import bundle, look_up, versions
from ict.figures.page import Section, page
from ict.figures.tables import latex_label, readable_cells
from ict.methods.registry import chooses_channels
from ict.store import studies
from ict.store.run_rows import RunRow
from ict.store.store import Store
from ict.store.study_search import LOSS, Trial


def study_report(name: str, store: Store) -> str:
    """The page of a study in `store`: what was asked, what ran, figures, tables, provenance.

    What the study does not have (scores, several tasks, a tuned rate) has no section. Raises
    InputError for a study that is not there.
    """
    study = studies.load_study(store, name)
    found = look_up([f"study:{name}"], store)
    contrasts = study_contrasts(store, study)
    drawn = _figures(found)
    sections = [
        Section(heading="Answer", notes=[contrasts.sentence, *contrasts.about_primary]),
        _opening(found.rows, contrasts.about_primary),
        *_searches(studies.searches(store, study)),
        *(_section(title, one) for title, one in drawn),
        *_contrasts(contrasts, chosen=any_chosen(found.rows)),
        *_tables(found.rows),
        *_failures(found.rows),
        Section(summary="The study as it was asked for", folded=_json(study.document)),
        Section(summary="Provenance", folded=_json(_origin(name, found, drawn))),
    ]
    return page(study.title, sections, heading=study.title)


def _opening(rows: Sequence[RunRow], said: Sequence[str]) -> Section:
    """What ran, and how; without what was said already."""
    done = [row for row in rows if row.done]
    states = pd.Series([row.status for row in rows], dtype=object).value_counts()
    words = ", ".join(f"{count} {state}" for state, count in states.items()) or "none yet"
    tasks = sorted({str(row.task) for row in done})
    backbones = sorted({str(row.backbone) for row in done})
    text = f"Runs: {words}."
    if done:
        text += f" Tasks: {', '.join(tasks)}. Backbone: {', '.join(backbones)}."
    fair = (rate_words([row for row in done if row.chosen]), shared_draw_words(done))
    return Section(
        notes=[
            text,
            *(words for words in fair if words and words not in said),
            "Accuracies are those of the epoch that each run's configuration selects, never of the "
            "best epoch on the test set. Intervals are 95 % t intervals over seeds; they do not "
            "contain the error of a small test set, which the tables give as sampling.",
        ]
    )


def _searches(found: Sequence[studies.Search]) -> list[Section]:
    """What [tune] tried for every setting, what it measured on val200, and what it chose."""
    rows = [
        {
            "row": one.member,
            "K/D": _ratio_words(one),
            **each.value,
            "loss on val200": each.val_loss,
            "accuracy on val200": each.val_accuracy and 100 * each.val_accuracy,
            "": "diverged" if each.diverged else _choice_words(one, each),
        }
        for one in found
        for each in one.trials
    ]
    if not rows:
        return []
    note = (
        "Chosen on val200, never on the test set; with the first seed and draw alone where the study has "
        "two stages. Losses equal to four decimals tie, and go to the middle of the list. A choice that "
        "ends its list may have its best beyond."
    )
    cells = readable_cells(pd.DataFrame(rows))
    return [Section(heading="What was tried", notes=[note], table=cells)]


def _tunes_channels(one: studies.Search) -> bool:
    return chooses_channels(one.setting.get("method", DEFAULTS["method"]))


def _ratio_words(one: studies.Search) -> str | None:
    ratio = one.setting.get("ratio") if _tunes_channels(one) else None
    return ratio if ratio is None else share_words(ratio)


def _choice_words(one: studies.Search, each: Trial) -> str:
    if one.chosen != each.value:
        return ""
    by = "" if one.by == LOSS else ", by accuracy"
    return f"chosen{by}" + (f", {one.edge}" if one.edge else "")


def _figures(found: Found) -> list[tuple[str, FigureBundle]]:
    """Every figure that the study's runs can be drawn as, by title; what cannot is left out."""
    tasks = sorted({str(row.task) for row in found.rows if row.done})
    drawings: list[tuple[str, str, Choice]] = [("Differences by contrast", "compare", Choice())]
    for task in tasks:
        at = f" on {task}" if len(tasks) > 1 else ""
        drawings.append((f"Accuracy against K{at}", "k-ratio", Choice(task=task)))
        drawings.append((f"Training{at}", "curves", Choice(task=task, metric="train_accuracy")))
        drawings.append((f"Scores{at}", "score-map", Choice(task=task)))
    if len(tasks) > 1:
        drawings.append(("Channels that tasks share", "overlap", Choice()))
    drawn = []
    at_chosen_rates = replace(found, rows=[row for row in found.rows if row.at_chosen_rate])
    for title, name, choice in drawings:
        try:
            shown = at_chosen_rates if name == "curves" else found
            drawn.append((title, bundle(name, shown, choice)))
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


def _tables(rows: Sequence[RunRow]) -> list[Section]:
    done = [row for row in rows if row.done]
    if not done:
        return []
    names = ["method", *(name for name in groups.telling(done) if name != "method")]
    table = pd.DataFrame([group.to_dict() for group in groups.over_seeds(done)])
    rates = {row.run_id: rate_cell(row) for row in done}
    table["rate"] = [rates[ids[0]] for ids in table["run_ids"]]
    table = table[[*names, "rate", *_SHOWN]]
    table[list(_PERCENT)] = 100 * table[list(_PERCENT)].astype(float)
    note = "Accuracies in percent."
    return [Section(heading="Results", notes=[note], table=readable_cells(table))]


def _contrasts(told: StudyVerdicts, *, chosen: bool) -> list[Section]:
    """Every contrast as a row, each kind of interval by itself."""
    scale = told.outcome.scale
    rows = [
        {
            "contrast": one.name,
            "role": verdict.role,
            "over": verdict.difference.over,
            "seeds": verdict.difference.seeds,
            "draws a seed": one.draws or None,
            told.outcome.unit: scale * verdict.difference.mean,
            "low": scale * verdict.difference.interval()[0],
            "high": scale * verdict.difference.interval()[1],
            "p": verdict.p,
            "verdict": verdict.words,
        }
        for one in told.all
        for verdict in one.verdicts
    ]
    if not rows:
        return []
    words = told.outcome.words
    rates = "at the rates that the study chose" if chosen else "at the rates asked for, untuned"
    note = (
        f"{words[0].upper()}{words[1:]}, paired by seed, {rates}. The primary "
        "contrast is tested alone; its other ratios are one family, their p values under Holm's "
        "correction; everything else is exploratory, and so is whatever has fewer than five seeds."
    )
    cells = readable_cells(pd.DataFrame(rows))
    return [Section(heading="Differences", notes=[note, *told.notes], table=cells)]


def _failures(rows: Sequence[RunRow]) -> list[Section]:
    failed = [row for row in rows if row.status in ("failed", "killed", "missing", "unreadable")]
    if not failed:
        return []
    table = pd.DataFrame(
        [{"run": row.run_id, "status": row.status, "error": row.error or "–"} for row in failed]
    )
    return [Section(heading="Runs without a result", table=readable_cells(table))]


def _origin(name: str, found: Found, drawn: Sequence[tuple[str, FigureBundle]]) -> Provenance:
    """Runs behind the tables, what the figures are of, and the command that makes the page again."""
    done = [row for row in found.rows if row.done]
    out = latex_label(name)
    return {
        "study": name,
        "store": str(found.store.root),
        "run_ids": sorted({row.run_id for row in done}),
        "score_ids": sorted({i for _, one in drawn for i in one.provenance["score_ids"]}),
        "seeds": sorted({int(row.seed) for row in done if row.seed is not None}),
        "figures": {title: one.name for title, one in drawn},
        "command": shlex.join(["ict", "report", name, f"--out={out}.html"]),
        "run_versions": versions(found.store, done),
    }


def _json(document: Any) -> str:
    return json.dumps(document, indent=1, default=str, sort_keys=True)
