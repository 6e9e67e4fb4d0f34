"""What two methods are compared by: the accuracy of their answers, or the loss of the true class.

Every number of a comparison is in the form of its outcome, a fraction or nats; sentences and figures
multiply by `scale` and name the `unit`. What holds for one outcome alone (an end that no difference
passes, a least spread, an interval over new images) is said here and nowhere else.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from ict.documents.number_words import number_words
from ict.errors import InputError, quoted
from ict.store.predictions import Predictions


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A number by which a trained model is judged on its test images."""

    name: str
    form: str
    """Of its numbers in files and `--json`: `fraction`, `nats`."""
    unit: str
    """In which people read it: `points`, `nats`."""
    one: str
    """The unit of exactly one."""
    level_unit: str
    """Of a value that is no difference: `%`, `nats`."""
    words: str
    """What an axis shows: `points of test accuracy`."""
    scale: float
    """From its form to its unit."""
    digits: int
    """After the point, in a sentence."""
    margin: float
    """The largest difference that does not matter, unless something else is asked for."""
    most: float
    """What no difference passes, up or down."""
    lower_is_better: bool
    new_images: bool
    """Whether the interval over new images holds (`bench.coverage`): else it is not told."""
    column: str
    """Of a run's row, with its value on all test images."""
    kept_by_image: bool
    """Whether the value is that of the answers' file alone, so that a run without one has none."""
    by_image: Callable[[Predictions], np.ndarray] = field(repr=False)
    """(I,): the value on each test image."""
    least_spreads: Callable[[int], tuple[float, float]] = field(repr=False)
    """Of I images: standard deviations below which no value of a seed, and of an image, is taken to lie."""

    def said(self, value: float, form: str = "g") -> str:
        """A difference, or a size of one, in its unit: `0.5 points`."""
        return f"{self.number(value, form)} {self.unit}"

    def number(self, value: float, form: str) -> str:
        return number_words(self.scale * value, form)

    def level(self, value: float) -> str:
        """A value itself: `94.20 %`, `0.221 nats`."""
        return f"{self.number(value, f'.{self.digits}f')} {self.level_unit}"

    def margin_words(self, margin: float) -> str:
        """`1 point`, `0.05 nats`."""
        return f"{self.number(margin, 'g')} {self.one if margin == 1 / self.scale else self.unit}"

    @property
    def direction(self) -> str:
        """What a reader has to know beside a sign; empty where more is better."""
        return "; lower is better" if self.lower_is_better else ""


def _right(answers: Predictions) -> np.ndarray:
    return np.asarray(answers.predictions == answers.labels)


def _losses(answers: Predictions) -> np.ndarray:
    if answers.losses is None:
        raise InputError("these answers hold no losses")
    return answers.losses.astype(np.float64)


def _of_answers(images: int) -> tuple[float, float]:
    """Half an image, and one image that tells two methods apart: seeds that agree by chance prove nothing."""
    return 0.5 / images, math.sqrt(1 / images)


def _of_float32(images: int) -> tuple[float, float]:
    """Half a step of float32 at one nat, in which losses are kept: seeds do not agree by chance."""
    return 2.0**-24, 2.0**-24


ACCURACY: Final = Outcome(
    name="accuracy", form="fraction", unit="points", one="point", level_unit="%",
    words="points of test accuracy", scale=100, digits=2, margin=0.01, most=1.0,
    lower_is_better=False, new_images=True, column="test_accuracy", kept_by_image=False,
    by_image=_right, least_spreads=_of_answers,
)  # fmt: skip
"""The share of test images that are answered rightly; a margin of one point."""

LOSS: Final = Outcome(
    name="loss", form="nats", unit="nats", one="nat", level_unit="nats",
    words="nats of test loss; lower is better", scale=1, digits=3, margin=0.05, most=math.inf,
    lower_is_better=True, new_images=False, column="test_loss", kept_by_image=True,
    by_image=_losses, least_spreads=_of_float32,
)  # fmt: skip
"""Mean cross entropy of the true class, without label smoothing. The margin is a convention: 0.05 nats
are 5 % of the probability of the true class, in the geometric mean over images."""

OUTCOMES: Final = {one.name: one for one in (ACCURACY, LOSS)}


def find_outcome(name: str | None) -> Outcome:
    """The outcome of that name; accuracy without one. Raises InputError for another."""
    if name is None:
        return ACCURACY
    if name not in OUTCOMES:
        raise InputError(f"outcome {quoted(name)}: choose {' or '.join(OUTCOMES)}")
    return OUTCOMES[name]
