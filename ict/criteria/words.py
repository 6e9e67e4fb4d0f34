"""How a run says which channels it tunes: a selector, and the criterion whose scores it reads."""

from typing import Final, NamedTuple

from ict.errors import InputError, did_you_mean, quoted

CRITERION: Final = "class_l2"
"""The paper's, and the default."""
ADAPTER_GRADIENT: Final = "adapter_gradient"
TOKENS: Final = ("patch", "cls", "all", "head")
"""Which of a model's tokens are read; `head`: those that its head pools."""
NORMS: Final = ("unit", "sign")
"""What a first step is measured by: of length 1, or of one size in every weight, as Adam's first."""
UNIFORM: Final = "uniform"
BUDGETS: Final = (UNIFORM, *NORMS)
"""How K is shared out over blocks: the same in all, or for the largest first step in a norm."""
_OF_GRADIENT: Final = ("gradient", "gradient_rw")
_OF_BOTH: Final = "energy_read_gradient_write"
SELECTORS: Final = ("top", "lowest", "random", *_OF_GRADIENT, _OF_BOTH)
"""How channels are taken.

top: the highest of a criterion's scores; lowest: a dose control; random: reads no scores; gradient: read
and written alike, by the adapter's gradient; gradient_rw: two sets by it;
energy_read_gradient_write: reads the highest scores, writes where the gradient is largest for them.
"""


class Choice(NamedTuple):
    """How channels are chosen: the selector, and by which criterion's scores."""

    selector: str
    criterion: str | None
    """None where none is read: random channels, and methods that choose none."""

    @property
    def reads_gradient(self) -> bool:
        """Whether it needs the gradients of a dense adapter at the tuned site."""
        return self.selector in (*_OF_GRADIENT, _OF_BOTH)

    @property
    def by_gradient_alone(self) -> bool:
        return self.selector in _OF_GRADIENT


def choice(criterion: str | None) -> Choice:
    """What the `criterion` of a run or of scores says; the one reader of `lowest:NAME` and its like."""
    kind, colon, base = str(criterion).partition(":")
    if kind == "lowest":
        return Choice("lowest", base or CRITERION)
    if kind == "random":
        return Choice("random", None)
    if kind == _OF_BOTH:
        return Choice(kind, base or CRITERION)
    return Choice(kind, base) if colon and kind in _OF_GRADIENT else Choice("top", criterion)


def spelled(selector: str, criterion: str | None) -> str:
    """The `criterion` of a run that says both: `random`, `lowest` (of the default), `lowest:NAME`, `NAME`,
    `gradient:adapter_gradient`, `energy_read_gradient_write:NAME`.

    Raises InputError for another selector, or where `criterion` names a selector of its own.
    """
    if selector not in SELECTORS:
        hint = did_you_mean(selector, SELECTORS)
        raise InputError(f"selector={quoted(selector)}: choose one of {', '.join(SELECTORS)}{hint}")
    own = choice(criterion or CRITERION)
    if own.selector not in ("top", selector):
        raise InputError(f"selector={selector} and criterion={criterion} are two choices: give one")
    if selector in _OF_GRADIENT:
        if criterion is not None and own.criterion != ADAPTER_GRADIENT:
            raise InputError(
                f"selector={selector} reads {ADAPTER_GRADIENT}, not {own.criterion}: leave criterion out, "
                f"or choose selector {_OF_BOTH}"
            )
        return f"{selector}:{ADAPTER_GRADIENT}"
    if selector != "random" and own.criterion == ADAPTER_GRADIENT:
        raise no_ranking()
    if selector == _OF_BOTH:
        return f"{selector}:{own.criterion}"
    if selector == "lowest":
        return "lowest" if own.criterion == CRITERION else f"lowest:{own.criterion}"
    return "random" if selector == "random" else str(own.criterion)


def no_ranking() -> InputError:
    """The error where the gradients of dense adapters are to be ranked as scores are."""
    return InputError(
        f"{ADAPTER_GRADIENT} is no ranking of channels, but a gradient for each pair of them: choose "
        f"selector {', '.join(_OF_GRADIENT)} or {_OF_BOTH}"
    )


def is_control(criterion: str | None) -> bool:
    """Whether channels are chosen as a control: the lowest of a criterion, or at random."""
    return choice(criterion).selector in ("lowest", "random")


def named(criterion: str | None) -> str:
    """The `criterion` of a run for people: a gradient selector in a few words, any other as it is."""
    how = choice(criterion)
    if how.by_gradient_alone:
        return "gradient, one set" if how.selector == "gradient" else "gradient, two sets"
    if how.reads_gradient:
        return f"reads {how.criterion}, writes gradient"
    return str(criterion)


def is_ranking(criterion: str | None) -> bool:
    """Whether it ranks channels one by one; the gradient of an adapter is of pairs of them."""
    chosen = choice(criterion)
    return not chosen.reads_gradient and chosen.criterion != ADAPTER_GRADIENT
