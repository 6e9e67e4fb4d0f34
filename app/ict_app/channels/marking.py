"""Which channels are marked, at which K: what the controls of *Channels* say, wherever it is followed."""

from fractions import Fraction
from typing import Literal, cast

from ict.documents.number_words import share_words
from ict.selection import Selection, resolve_k
from ict_app.channels import sets_view
from ict_app.common.fields import a_number, one_of
from ict_app.common.sources import RATIOS, Source, chosen, default_ks

Marking = Literal["own", "top", "lowest", "random", "set"]
ORDERS: dict[Marking, str] = {
    "own": "the run's own",
    "top": "top K",
    "lowest": "lowest K",
    "random": "random K",
    "set": "a saved set",
}


def orders(source: Source, *, with_sets: bool) -> dict[Marking, str]:
    """What can be marked on these scores."""
    absent: set[Marking] = {"own"} if source.own is None else set()
    absent |= set() if with_sets else {"set"}
    return {name: label for name, label in ORDERS.items() if name not in absent}


def ratios(source: Source) -> tuple[dict[str, str], str]:
    """The shares K/D to choose from where stages differ in width, and that of the default."""
    own = Fraction(default_ks(source)[0], source.widths[0])
    shares = sorted({*RATIOS, own})
    return {str(ratio): share_words(float(ratio)) for ratio in shares}, str(own)


def said(source: Source) -> tuple[Selection, tuple[int, ...]]:
    """The marked channels and K of each stage as the address says, where no control is drawn."""
    ks = _ks(source)
    sets = {one.name: one.selection for one in sets_view.fitting(source)}
    names = cast("dict[str, str]", orders(source, with_sets=bool(sets)))
    order = one_of(names, "order", default=None, noun="marking").value()
    if order == "set":
        return sets[one_of(list(sets), "set", default=None, noun="set").value()], ks
    return chosen(source, ks, order), ks


def _ks(source: Source) -> tuple[int, ...]:
    default = default_ks(source)
    if len(source.widths) == 1:
        field = a_number(1, source.widths[0], "k", default=default[0], noun="K")
        return (int(field.value() or default[0]),)
    shares, own = ratios(source)
    share = one_of(shares, "kd", default=own, noun="K/D").value()
    return resolve_k(source.widths, k=None, ratio=float(Fraction(share)))
