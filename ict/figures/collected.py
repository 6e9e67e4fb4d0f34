"""Figures that were collected in a store (`ict.store.basket`): drawn, printed as LaTeX, exported in one zip."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, cast

from ict.catalogue import BUNDLED_WEIGHTS
from ict.errors import IctError, InputError, quoted
from ict.figures.asked import Choice, Request
from ict.figures.by_name import FIGURES
from ict.figures.export import FORMATS, FigureBundle, Printed, export_each
from ict.figures.from_store import request_bundle
from ict.figures.styles import STYLES, Span, get_style
from ict.figures.tables import escape, latex_label
from ict.store.basket import Entry, entries
from ict.store.store import Store

EXAMPLE = BUNDLED_WEIGHTS.parents[1] / "example_store"
_CHOICE = {one.name: one for one in fields(Choice)}


def request_text(request: Request) -> str:
    """A request as an entry keeps it, in JSON: only the fields of its choice that are not their default."""
    kept = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in asdict(request.choice).items()
        if value != _CHOICE[name].default
    }
    return json.dumps({"name": request.name, "sources": list(request.sources), "choice": kept})


def request_of(text: str) -> Request:
    """The request of an entry, from JSON; raises InputError for a figure or an option that this version lacks."""
    form = json.loads(text)
    name, sources, choice = (form.get(key) for key in ("name", "sources", "choice"))
    if not isinstance(name, str) or name not in FIGURES:
        raise InputError(f"no figure {quoted(name)} in this version; remove it")
    if not isinstance(sources, list) or not all(isinstance(one, str) for one in sources):
        raise InputError(f"the sources of {quoted(name)} are no list of names; remove it")
    if not isinstance(choice, dict) or not all(_fits(key, v) for key, v in choice.items()):
        raise InputError(f"the options of {quoted(name)} are not of this version; remove it")
    plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in choice.items()}
    return Request(cast("str", name), sources, Choice(**plain))


def _fits(option: str, value: object) -> bool:
    """Whether an option of a choice is one of this version, with a value of its type."""
    if option in ("block", "channel"):
        return isinstance(value, int)
    if option in ("ratio", "smooth"):
        return isinstance(value, (int, float))
    if option in ("published", "ceiling", "log"):
        return isinstance(value, bool)
    if option == "k":
        return isinstance(value, list) and all(isinstance(one, int) for one in value)
    if option == "pair":
        return isinstance(value, list) and [type(one) for one in value] == [str, str]
    return option in _CHOICE and isinstance(value, str)


def entry_of(request: Request, name: str, *, example: bool = False) -> Entry:
    """What is collected of a figure that a page shows."""
    place = "example" if example else "own"
    return Entry(name=name, request=json.loads(request_text(request)), store=cast("Any", place))


def draw(entry: Entry, own: Store, example: Store | None = None) -> FigureBundle:
    """The figure of an entry as its store is now, under the entry's name and caption.

    Raises InputError where a source of it is gone.
    """
    shown = own if entry.store == "own" else example or Store(EXAMPLE)
    return named(
        request_bundle(request_of(json.dumps(entry.request)), shown, name=entry.name), entry
    )


def named(bundle: FigureBundle, entry: Entry) -> FigureBundle:
    """A figure under the name and the caption of its entry."""
    return replace(bundle, name=entry.name, caption=entry.caption or bundle.caption_text)


def printed(bundle: FigureBundle, entry: Entry, style: str) -> Printed:
    """How an entry goes on paper: in its own style, else in `style`."""
    own = entry.style if entry.style in STYLES else None  # of another version
    return Printed(bundle, own or style, cast("Span | None", entry.span))


def latex(sheet: Printed) -> str:
    """What puts the figure of a zip into a paper: at its true size, with caption and label."""
    bundle, style = sheet.bundle, get_style(sheet.style)
    span = sheet.span or (bundle.figure.layout.meta or {}).get("span", "column")
    over_both = span == "text" and style.text_inches > style.column_inches
    place = "figure*" if over_both else "figure"
    return "\n".join(
        [
            f"\\begin{{{place}}}[t]",
            "  \\centering",
            f"  \\includegraphics{{{bundle.name}/{bundle.name}.pdf}}",
            f"  \\caption{{{escape(bundle.caption_text)}}}",
            f"  \\label{{fig:{latex_label(bundle.name)}}}",
            f"\\end{{{place}}}",
        ]
    )


@dataclass(frozen=True)
class Collection:
    """A zip of all figures, and why some are not in it: a sentence by the name of each."""

    content: bytes
    missing: Mapping[str, str]


def export_collected(
    store: Store, style: str = "iclr", formats: Sequence[str] = FORMATS
) -> Collection:
    """All figures that were collected in `store`, in their order.

    Raises InputError for an unknown style, and where there is no figure that can be drawn.
    """
    get_style(style)
    sheets, missing = [], {}
    for entry in entries(store):
        try:
            sheets.append(printed(draw(entry, store), entry, style))
        except IctError as error:
            missing[entry.name] = str(error)
    if not sheets:
        why = f": {next(iter(missing.values()))}" if missing else ""
        raise InputError(f"no figure is collected in {store.root} that can be drawn{why}")
    return Collection(export_each(sheets, formats, missing=missing), missing)
