"""What a report card is asked for. No torch here: words are checked before anything is loaded."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ict.analysis.report_card import FEWEST_CHANNELS
from ict.catalogue import SITE, Backbone
from ict.criteria import ADAPTER_GRADIENT, CRITERION, get_criterion
from ict.criteria.from_file import FromFile
from ict.errors import InputError, quoted
from ict.selection import resolve_k
from ict.tasks import Task, load_subset
from ict.tasks.limits import TRAIN800, Subset

REFERENCES: Final = (CRITERION, "l2")
"""What others are held against; always on the card."""
DEFAULT: Final = (
    *REFERENCES, "variance", "taylor", "fisher", "gradient", "anova_f", "weight_norm", "grad_x_activation",
)  # fmt: skip
"""Criteria of a card for which none are named: those of few passes."""
LEAST: Final = 200
EACH: Final = 4
"""Images of a card whose limit nobody names: so many, or so many of each class where that is more."""
SCATTER: Final = 8


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a report card is of."""

    task: Task
    backbone: Backbone
    """At its own image size; `image_size` is the one to take."""
    criteria: tuple[str, ...] | None = None
    """Beside the references; None for those of `DEFAULT` that the site and this machine allow."""
    files: tuple[FromFile, ...] = ()
    site: str = SITE
    k: tuple[int, ...] | None = None
    ratio: float | None = None
    limit: int | None = None
    image_size: int | None = None
    weights: str | None = None
    pixel_normalisation: str = "native"
    scatter: int = SCATTER
    """Channels of a block that are replaced, one at a time; 0 for none."""

    def __post_init__(self) -> None:
        names = [one.name for one in self.files]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise InputError(f"two files give a criterion {quoted(twice)}: rename one")
        if 0 < self.scatter < FEWEST_CHANNELS:
            raise InputError(
                f"scatter={self.scatter}: ranks of so few channels say nothing; choose {FEWEST_CHANNELS} or more, or 0 "
                "to leave fidelity out"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """The built-in criteria, each once, references first."""
        named = DEFAULT if self.criteria is None else (*REFERENCES, *self.criteria)
        return tuple(dict.fromkeys(named))

    def ks(self) -> tuple[int, ...]:
        """K of each stage. Raises InputError for what is none."""
        return resolve_k(self.backbone.widths, k=self.k, ratio=self.ratio)

    def own_limit(self) -> int | None:
        """The limit that is asked for, or ours; none where it leaves nothing out, as other scores have it."""
        limit = max(LEAST, EACH * self.task.classes) if self.limit is None else self.limit
        return limit if limit < len(load_subset(Subset(self.task, TRAIN800))) else None


def check_criteria(names: Sequence[str]) -> None:
    """Raises InputError for a name that no ranking of channels has."""
    for name in names:
        if name == ADAPTER_GRADIENT:
            raise InputError(
                f"{ADAPTER_GRADIENT} is no ranking of channels: what chooses by it is always on the card"
            )
        get_criterion(name)
