"""Causal checks as files, read without torch: `causal/<id>/causal.json`."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ict.documents.json_form import JsonForm
from ict.documents.records import Odd, names_in, read_record, split
from ict.documents.shapes import (
    fields,
    list_of,
    log_probability,
    measured,
    number,
    one_of,
    table,
    table_of,
    text,
    whole,
)
from ict.store import names
from ict.store.base import BaseStore

T = TypeVar("T")
_AS_THEY_ARE = (
    "task", "backbone", "site", "replacement", "accuracy", "validation_images", "validation_split",
    "created_at",
)  # fmt: skip
_ADVICE = "delete the folder and run `ict causal` again"
_CURVE = fields(
    {"series": text, "mode": one_of("deletion", "insertion"), "fraction": number, "accuracy": number},
    {"seed": whole(), "criterion": text, "order": text, "log_probability": log_probability, "k": list_of(whole())},
)  # fmt: skip
_SCATTER = fields(
    {"block": whole(), "channel": whole(), "scores": table_of(measured), "effect_size": measured},
    {"effect": measured},
)
_AGREEMENT = fields({"criterion": text, "block": whole(), "spearman": measured}, {"n": whole()})
_TEXTS = (
    "task",
    "backbone",
    "site",
    "weights",
    "data",
    "replacement",
    "created_at",
    "device",
    "validation_split",
)
_CHECK = fields(
    {"criteria": list_of(text), "curves": list_of(_CURVE), "accuracy": number},
    {
        **dict.fromkeys(_TEXTS, text),
        "scatter": list_of(_SCATTER),
        "agreement": list_of(_AGREEMENT),
        "blocks": list_of(whole()),
        "notes": list_of(text),
        "validation_images": whole(),
        "train_images": whole(),
        "score_ids": table,
        "log_probability": log_probability,
    },
)


@dataclass(frozen=True, kw_only=True)
class CurvePoint(JsonForm):
    """Accuracy with a share of the channels replaced, in one order."""

    series: str
    criterion: str | None = None
    order: str | None = None
    seed: int = 0
    """Of a random order; one without a seed was drawn once."""
    mode: str
    """`deletion` or `insertion`."""
    fraction: float
    k: list[int] | None = None
    """Of each stage."""
    accuracy: float
    log_probability: float | None = None


@dataclass(frozen=True, kw_only=True)
class ChannelEffect:
    """What replacing one channel alone does to the log-probability of the true class, in nats."""

    block: int
    channel: int
    effect: float | None = None
    effect_size: float
    """The mean size of the change over images."""
    scores: Mapping[str, float]
    """By criterion."""

    @property
    def name(self) -> str:
        return f"{self.channel} of block {self.block}"


@dataclass(frozen=True, kw_only=True)
class EffectAgreement(JsonForm):
    """Spearman's correlation of score and effect over n channels of a block."""

    criterion: str
    block: int
    spearman: float
    n: int | None = None


@dataclass(frozen=True, kw_only=True)
class CausalCheck:
    """One causal check: what was replaced, where, and what that did. None: its file does not say."""

    causal_id: str
    criteria: tuple[str, ...]
    curves: tuple[CurvePoint, ...]
    accuracy: float
    """With nothing replaced, a fraction."""
    scatter: tuple[ChannelEffect, ...] = ()
    agreement: tuple[EffectAgreement, ...] = ()
    task: str | None = None
    backbone: str | None = None
    site: str | None = None
    replacement: str | None = None
    blocks: tuple[int, ...] = ()
    """Empty for all."""
    validation_images: int | None = None
    validation_split: str = "val200"
    notes: tuple[str, ...] = ()
    created_at: str | None = None
    said: Mapping[str, Any]
    """All that the file says."""

    @property
    def is_zeroed(self) -> bool:
        """Whether channels were replaced by zero, and not by their mean."""
        return self.replacement == "zero"

    def effects(self, block: int | None) -> list[ChannelEffect]:
        """Of the single channels of a block, or of all."""
        return [one for one in self.scatter if block in (None, one.block)]


def read_check(path: Path) -> CausalCheck | Odd | None:
    """One causal check; None where it was not finished."""
    check = read_record(path, lambda form: _check_of(form, path.parent.name), advice=_ADVICE)
    return Odd(path.parent, f"{names.CAUSAL}: {check.reason}") if isinstance(check, Odd) else check


def _check_of(form: Any, causal_id: str) -> CausalCheck:
    _CHECK(form, "")
    for i, row in enumerate(form.get("scatter") or ()):
        fields(dict.fromkeys(form["criteria"], measured))(row["scores"], f"scatter[{i}].scores")
    return CausalCheck(
        causal_id=causal_id,
        criteria=tuple(form["criteria"]),
        curves=tuple(_known(CurvePoint, row) for row in form["curves"]),
        scatter=tuple(_known(ChannelEffect, row) for row in form.get("scatter") or ()),
        agreement=tuple(_known(EffectAgreement, row) for row in form.get("agreement") or ()),
        blocks=tuple(form.get("blocks") or ()),
        notes=tuple(form.get("notes") or ()),
        **{name: form[name] for name in _AS_THEY_ARE if form.get(name) is not None},
        said=form,
    )


def _known(kind: type[T], row: dict[str, Any]) -> T:
    """A record of the fields that we know of a row."""
    field_names = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]  # T is one
    return kind(
        **{name: value for name, value in row.items() if name in field_names and value is not None}
    )


def causal_checks(store: BaseStore) -> tuple[list[CausalCheck], list[Odd]]:
    """All finished checks of a store, newest first, and what is none."""
    folders, troubles = names_in(store.causal_dir)
    checks, odd = split(read_check(store.causal_file(name)) for name in folders)
    checks.sort(key=lambda one: str(one.created_at), reverse=True)
    return checks, troubles + odd
