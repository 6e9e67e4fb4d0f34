"""What is asked of a figure, what was found for it, what was drawn, and the command that asks again."""

import dataclasses
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import plotly.graph_objects as go

from ict.analysis.own_test import test_notes
from ict.analysis.sides import Side
from ict.analysis.standings import Standing
from ict.catalogue import RATIO
from ict.documents.score_record import ScoreRecord
from ict.figures.curve_view import Along
from ict.figures.maps import View
from ict.store.causal_files import CausalCheck
from ict.store.inspect_files import Inspection
from ict.store.run_rows import RunRow
from ict.store.store import Store

Order = Literal["own", "top", "lowest", "random"]


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What can be asked of a figure besides its sources: each field is an option of `ict figure`."""

    task: str | None = None
    metric: str | None = None
    smooth: float = 1
    x: Along = "epoch"
    log: bool = False
    xlim: str | None = None
    ylim: str | None = None
    colour: str | None = None
    fields: str | None = None
    view: View = "z"
    beside: str | None = None
    site: str | None = None
    block: int | None = None
    channel: int | None = None
    k: tuple[int, ...] | None = None
    ratio: float = RATIO
    order: Order = "own"
    set: str | None = None
    value: str = "kuncheva"
    pair: tuple[str, str] | None = None
    measure: str = "spearman"
    criterion: str | None = None
    against: str | None = None
    norm: str | None = None
    average: str = "mean_of_tasks"
    outcome: str | None = None
    published: bool = True
    ceiling: bool = True


@dataclass(frozen=True)
class Request:
    """A figure by name with all that it takes to draw it from a store."""

    name: str
    sources: Sequence[str] = ()
    choice: Choice = field(default_factory=Choice)

    def command(self, store: Store) -> str:
        """What a shell takes to draw it again; names the store unless it is the one that `ict` opens."""
        words = ["ict", "figure", self.name, *self.sources]
        for each in dataclasses.fields(Choice):
            value = getattr(self.choice, each.name)
            if value != each.default:
                words += _option(each.name, value)
        if store.root != Store().root:
            words += ["--store", str(store.root)]
        return shlex.join(words)


def _option(name: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [f"--{name}" if value else f"--no-{name}"]
    if name == "k":
        return ["--k", ",".join(map(str, value))]
    if isinstance(value, tuple):
        return [f"--{name}", *map(str, value)]
    return [f"--{name}={value}"]  # a value may begin with a dash


@dataclass(frozen=True)
class Found:
    """Sources, looked up: rows of runs, and files of scores, inspections and causal checks by name."""

    store: Store
    rows: list[RunRow] = field(default_factory=list)
    scores: list[Path] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    inspections: list[Inspection] = field(default_factory=list)
    checks: list[CausalCheck] = field(default_factory=list)
    imported: list[RunRow] = field(default_factory=list)
    """Other people's numbers."""
    sides: list[Side] = field(default_factory=list)
    """Runs by the name of their source, finished ones: what a comparison takes."""
    archived: list[RunRow] = field(default_factory=list)
    """Runs of the store that nobody named and that are archived."""


@dataclass(frozen=True, kw_only=True)
class Behind:
    """What of the sources is in a figure, and what is said of it."""

    context: str = ""
    """A sentence for the caption: which task, backbone, site, block, channel, K."""
    runs: Sequence[RunRow] = ()
    scores: Sequence[ScoreRecord] = ()
    """The score files that are drawn, each with its score_id."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """More for the provenance: site, block, channel, k, n, ids of other files, …"""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """Why runs and score files that were found are not drawn, by their id."""

    def said(self, *, before: str = "", **facts: Any) -> "Behind":
        """The same with more facts, and words before its sentence."""
        context = f"{before} {self.context}" if before else self.context
        return dataclasses.replace(self, context=context, facts={**self.facts, **facts})


@dataclass(frozen=True, kw_only=True)
class Drawn(Behind):
    """A figure, the table behind it, and what of the sources is in it."""

    figure: go.Figure
    table: pd.DataFrame
    summary: pd.DataFrame | None = None
    """The table as a paper prints it, where `table` has a row a channel, an image or an epoch."""
    best: Mapping[str, str] = field(default_factory=dict)
    """Columns in which the best is marked: {"mean": "max"}."""
    standings: Sequence[Standing] = ()
    """One a row of the table, where its means can be told apart (`ict.analysis.standings`)."""


def of_runs(rows: Sequence[RunRow]) -> str:
    """Task, backbone, site and K of runs: those of up to eight values, or how many there are."""
    words = []
    for title, name in (
        ("Task", "task"),
        ("backbone", "backbone"),
        ("site", "tune_site"),
        ("K", "k"),
    ):
        values = list(dict.fromkeys(str(r.get(name)) for r in rows if r.get(name) is not None))
        if values:
            words.append(f"{title}: {', '.join(values) if len(values) <= 8 else len(values)}")
    words += test_notes(rows)
    sentence = "; ".join(words)
    return f"{sentence[0].upper()}{sentence[1:]}." if words else ""


def of_scores(record: ScoreRecord, *, site: str | None) -> str:
    """Task, images, backbone, site and tokens of a score file, as far as it says."""
    images = f" (n = {record.images} images)" if record.images else ""
    words = [f"Task: {record.task or 'unknown'}{images}"]
    said = {"backbone": record.backbone, "site": site, "tokens": record.tokens}
    words += [f"{name}: {value}" for name, value in said.items() if value]
    words += [f"images of {record.image_size} pixels"] if record.image_size else []
    words += ["random weights"] if record.is_random else []
    return "; ".join(words) + "."


def one_or_all(values: Sequence[Any]) -> Any:
    """The value that all share, or each of them once; None where there is none."""
    distinct = list(dict.fromkeys(value for value in values if value is not None))
    return distinct[0] if len(distinct) == 1 else distinct or None
