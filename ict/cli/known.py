"""What can be named: `ict backbones`, `ict fields`, `ict methods`."""

import math
from typing import Any

import click

from ict.catalogue import get_backbone, known
from ict.cli.common import command, emit, table
from ict.config import ABOUT, NEUTRAL, SHOWN_DEFAULTS, TYPES
from ict.config.values import type_words
from ict.errors import InputError, quoted
from ict.methods.registry import find_method, outside
from ict.methods.registry import methods as all_methods


@command("backbones")
@click.argument("name", required=False)
@click.option("--family", help="Only this family.")
@click.option(
    "--all", "everything", is_flag=True, help="All of timm's, not only those on this machine."
)
def backbones(name: str | None, *, family: str | None, everything: bool, as_json: bool) -> None:
    """Backbones: family, stages, sites, and whether their weights are on this machine."""
    from ict.weights import on_this_machine

    chosen = [get_backbone(name)] if name else [b for b in known() if family in (None, b.family)]
    if family and not chosen:
        families = sorted({b.family for b in known()})
        raise InputError(f"no family {quoted(family)}; there are {', '.join(families)}")
    rows: list[dict[str, Any]] = [
        {
            "name": b.name,
            "family": b.family,
            "blocks": b.blocks,
            "widths": list(b.widths),
            "image_size": b.image_size,
            "parameters": b.parameters,
            "sites": list(b.sites),
            "weights_here": on_this_machine(b),
        }
        for b in chosen
    ]
    if as_json:
        emit(rows, as_json=True)
        return
    ready = [row for row in rows if row["weights_here"]]
    shown = rows if everything or name or family else ready
    emit(shown, as_json=False)
    if shown is ready:
        counts: dict[str, int] = {}
        for row in rows:
            counts[row["family"]] = counts.get(row["family"], 0) + 1
        families_text = ", ".join(f"{family} ({count})" for family, count in counts.items())
        click.echo(
            f"\nWith weights on this machine. Known in all: {families_text}; see --all or --family."
        )


@command("fields")
def fields(*, as_json: bool) -> None:
    """Every field of a run: type, default, limits or choices, who reads it, and what it means."""
    rows = [
        {
            "field": name,
            "type": type_words(TYPES[name]),
            "default": SHOWN_DEFAULTS[name],
            "choices": list(one.all_choices) or None,
            "limits": None if math.inf in one.limits else list(one.limits),
            "read_by": one.read_by.words(name),
            "before": NEUTRAL.get(name),
            "help": one.help,
        }
        for name, one in ABOUT.items()
        if one.settable
    ]
    columns = ("field", "default", "read_by", "help")
    text = f"{table(rows, columns)}\n\n{_BEFORE_RECIPES}"
    emit(rows, as_json=as_json, text=text)


_BEFORE_RECIPES = "default: before a recipe; `ict train TASK --dry-run` shows what a run gets"


@command("methods")
def methods(*, as_json: bool) -> None:
    """Methods of training: what each trains beside the head, and which fields its runs read."""
    rows = [_about_method(name) for name in all_methods()]
    emit(rows, as_json=as_json, text=table(rows, ("name", "title", "trains", "source")))


def _about_method(name: str) -> dict[str, Any]:
    """One that cannot be used says why in the place of what it trains."""
    method = find_method(name)
    if method is None:
        return {"name": name, "title": None, "trains": outside()[name], "source": None, "reads": []}
    about = {field: getattr(method, field) for field in ("name", "title", "trains", "source")}
    return {**about, "reads": list(method.reads)}


COMMANDS = {"backbones": backbones, "fields": fields, "methods": methods}
