"""Which runs read which fields of a configuration; what a method reads, the method says."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ict.catalogue import get_backbone
from ict.criteria import choice
from ict.methods import method as of_methods
from ict.methods.registry import chooses_channels, get_method, methods_reading

if TYPE_CHECKING:
    from ict.config.record import RunConfig


@dataclass(frozen=True)
class Reader:
    """Which runs read a field: a test of the configuration, and its name for people."""

    of: "Callable[[RunConfig], bool]"
    said: str
    group: str | None = None
    """What methods say of themselves where they read it: then they are named before `said`."""

    def words(self, name: str) -> str:
        """Who reads the field `name`."""
        if self.group is None:
            return self.said
        return methods_reading(self.group, name) + self.said


def _by_method(group: str) -> Reader:
    return Reader(lambda c: group in get_method(c.method).reads, "", group)


def _scores(config: "RunConfig") -> bool:
    return chooses_channels(config.method) and choice(config.criterion).selector != "random"


def _gradient(config: "RunConfig") -> bool:
    return chooses_channels(config.method) and choice(config.criterion).reads_gradient


def _draws(config: "RunConfig") -> bool:
    """Random channels, and fewer than all of them: with all there is nothing to draw."""
    if not chooses_channels(config.method) or choice(config.criterion).selector != "random":
        return False
    return config.k != tuple(get_backbone(config.backbone).widths)


EVERY_RUN = Reader(lambda _: True, "every run")
SELECTION = _by_method(of_methods.SELECTION)
SCORES = Reader(_scores, ", unless criterion is random", of_methods.SELECTION)
GRADIENT = Reader(_gradient, "gradient selectors")
DRAWS = Reader(_draws, "random selections")
TRAINING = _by_method(of_methods.TRAINING)
SEED = Reader(lambda c: get_method(c.method).draws, "methods that draw something")
LORA = _by_method("lora_rank")
PROBE = _by_method(of_methods.PROBE)
FEW_SHOT = Reader(lambda c: c.shots is not None, "runs with shots")
LIMITED = Reader(lambda c: c.limit is not None, "runs with a limit")
