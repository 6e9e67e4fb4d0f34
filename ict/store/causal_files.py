"""Causal checks as files, read without torch: `causal/<id>/causal.json`."""

from pathlib import Path
from typing import Any

from ict.documents.records import Odd, names_in, read_record, split
from ict.documents.shapes import (
    fields,
    list_of,
    log_probability,
    measured,
    number,
    one_of,
    reader,
    table,
    table_of,
    text,
    whole,
)
from ict.store import names
from ict.store.base import BaseStore

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
_TEXTS = ("task", "backbone", "site", "weights", "data", "replacement", "created_at", "device")
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


def read_check(path: Path) -> dict[str, Any] | Odd | None:
    """One causal check with its `causal_id`; None where it was not finished."""
    found = read_record(path, reader(_check), advice=_ADVICE)
    if isinstance(found, dict):
        return {**found, "causal_id": path.parent.name}
    return Odd(path.parent, f"{names.CAUSAL}: {found.reason}") if isinstance(found, Odd) else None


def _check(document: Any, name: str) -> None:
    _CHECK(document, name)
    for i, row in enumerate(document.get("scatter") or ()):
        fields(dict.fromkeys(document["criteria"], measured))(row["scores"], f"scatter[{i}].scores")


def causal_checks(store: BaseStore) -> tuple[list[dict[str, Any]], list[Odd]]:
    """All finished checks of a store, newest first, and what is none."""
    found, troubles = names_in(store.causal_dir)
    checks, odd = split(read_check(store.causal_file(name)) for name in found)
    checks.sort(key=lambda one: str(one.get("created_at")), reverse=True)
    return checks, troubles + odd
