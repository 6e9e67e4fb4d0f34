"""Which runs read which fields of a configuration."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ict.catalogue import get_backbone
from ict.criteria import choice

if TYPE_CHECKING:
    from ict.config.record import RunConfig

SEEDLESS: Final = ("linear",)
"""Methods that draw nothing: the probe's head is fitted to convergence from zero on fixed features."""


@dataclass(frozen=True)
class Reader:
    """Which runs read a field: a test of the configuration, and its name for people."""

    words: str
    of: "Callable[[RunConfig], bool]"


def _draws(config: "RunConfig") -> bool:
    """Random channels, and fewer than all of them: with all there is nothing to draw."""
    if config.method != "ict" or choice(config.criterion).selector != "random":
        return False
    return config.k != tuple(get_backbone(config.backbone).widths)


EVERY_RUN = Reader("every run", lambda _: True)
SELECTION = Reader("method ict", lambda c: c.method == "ict")
SCORES = Reader(
    "method ict, unless criterion is random",
    lambda c: c.method == "ict" and choice(c.criterion).selector != "random",
)
DRAWS = Reader("random selections", _draws)
TRAINING = Reader("every method but linear", lambda c: c.method != "linear")
SEED = Reader("methods that draw something", lambda c: c.method not in SEEDLESS)
LORA = Reader("method lora", lambda c: c.method == "lora")
PROBE = Reader("method linear", lambda c: c.method == "linear")
FEW_SHOT = Reader("runs with shots", lambda c: c.shots is not None)
LIMITED = Reader("runs with a limit", lambda c: c.limit is not None)
