"""What a method of training says about itself; its folder, or another package, has one `Method`."""

import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ict.catalogue import Backbone
from ict.errors import InputError, quoted

if TYPE_CHECKING:
    from torch import nn

    from ict.config import RunConfig
    from ict.selection import Selection

SELECTION: Final = "selection"
"""Criterion, K, site, start and scale of the adapter: methods that tune chosen channels."""
TRAINING: Final = "training"
"""Rate, epochs, batch size and all else of training in steps."""
SEED: Final = "seed"
PROBE: Final = "probe_version"
"""Of methods whose head alone is fitted, to convergence, as a linear probe."""
GROUPS: Final = (SELECTION, TRAINING, SEED)
SYMBOLS: Final = (
    "circle", "square", "diamond", "triangle-up", "cross", "x", "star", "triangle-down",
)  # fmt: skip
DASHES: Final = ("solid", "dash", "dot", "dashdot")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_TITLE = re.compile(r"[^\s,]{1,40}")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_FUNCTION = re.compile(r"[\w.]+:\w+")


@dataclass(frozen=True, kw_only=True)
class Method:
    """Everything about one method. Raises InputError for what no table, figure or run could use."""

    name: str
    """In configurations and ids: small letters, digits and _."""
    title: str
    """One word, for tables."""
    words: str
    """In forms."""
    trains: str
    """What is trained beside the head, for people."""
    source: str
    tuning: str
    """`module:function` of `prepare`, which may import torch, and is imported when it is called."""
    count: Callable[[Backbone, Mapping[str, Any]], int]
    """Parameters trained beside the head, from the architecture and the run's fields alone."""
    reads: tuple[str, ...] = (TRAINING, SEED)
    """Groups of fields (`GROUPS`) and single fields that its runs read; all others stay out of the id."""
    quick: Mapping[str, Any] = field(default_factory=dict)
    """Fields that recipe `quick` sets for it."""
    quick_rate: Callable[[int], float] | None = None
    """Its learning rate in recipe `quick` at the largest K of its adapters, where it follows from K."""
    authors_rate: bool = False
    """Whether the rates of recipes `paper` and `released` were searched for it."""
    adds: tuple[str, ...] = ()
    """Words that are in the names of the parameters that it adds to the backbone, and in no others."""
    folds: bool = False
    """Whether a trained model can be written as a plain timm checkpoint."""
    colour: str
    """`#rrggbb`, legible on white and on dark."""
    symbol: str = "circle"
    dash: str = "solid"

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise InputError(f"name={quoted(self.name)}: give small letters, digits and _")
        if not _TITLE.fullmatch(self.title):
            raise InputError(f"title={quoted(self.title)}: give one word")
        if not _COLOUR.fullmatch(self.colour):
            raise InputError(f"colour={quoted(self.colour)}: give #rrggbb")
        for what, allowed in (("symbol", SYMBOLS), ("dash", DASHES)):
            if getattr(self, what) not in allowed:
                word = quoted(getattr(self, what))
                raise InputError(f"{what}={word}: choose one of {', '.join(allowed)}")
        if not _FUNCTION.fullmatch(self.tuning):
            raise InputError(f"tuning={quoted(self.tuning)}: give module:function")
        if (TRAINING in self.reads) == (PROBE in self.reads):
            raise InputError(f"reads={quoted(self.reads)}: give either {TRAINING} or {PROBE}")

    @property
    def chooses_channels(self) -> bool:
        return SELECTION in self.reads

    @property
    def trains_in_steps(self) -> bool:
        """If not, its head is fitted to convergence as a linear probe."""
        return TRAINING in self.reads

    @property
    def draws(self) -> bool:
        """Whether a seed changes its result."""
        return SEED in self.reads

    def prepare(
        self, model: "nn.Module", config: "RunConfig", selection: "Selection | None"
    ) -> None:
        """Makes trainable, in place, what it trains beside the head, and freezes the rest."""
        module, _, function = self.tuning.partition(":")
        getattr(importlib.import_module(module), function)(model, config, selection)
