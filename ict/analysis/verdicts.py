"""What the data tell about a difference, in the same words everywhere: no other file has them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from ict.analysis.differences import Difference
from ict.analysis.outcomes import ACCURACY, Outcome
from ict.analysis.summary import holm
from ict.documents.number_words import number_words

MARGIN: Final = ACCURACY.margin
"""One point of accuracy: what counts as no difference unless something else is asked for."""
LEVEL: Final = 0.05

DIFFERENT: Final = "different"
EQUIVALENT: Final = "equivalent within {margin}"
SMALL: Final = "different, by less than {margin}"
UNTOLD: Final = "not told by these data"

TO_THE_HIGHEST: Final = f"equivalent to the highest within {number_words(100 * MARGIN)} point"
"""What a dagger in a table means."""

PRIMARY: Final = "primary"
FAMILY: Final = "family"
EXPLORATORY: Final = "exploratory"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The words, and what they were reached by."""

    words: str
    difference: Difference
    margin: float
    role: str
    """`primary`: the contrast that a study declares, tested alone; `family`: its other ratios, under
    Holm's correction; `exploratory`: all else, and whatever has fewer than five seeds."""
    p: float
    """Two-sided, adjusted in a family; NaN without an interval."""

    @property
    def different(self) -> bool:
        return self.words.startswith(DIFFERENT)

    @property
    def equivalent(self) -> bool:
        return self.words == _worded(EQUIVALENT, self.margin, self.outcome)

    @property
    def outcome(self) -> Outcome:
        return self.difference.outcome

    @property
    def sentence(self) -> str:
        """`+1.20 points (95 % −0.30 to +2.70, …): not told by these data`."""
        mean, ends, seeds = self._numbers()
        interval = f"95 % {' to '.join(ends)}, " if ends else "no interval, "
        looked = "; exploratory" if self.role == EXPLORATORY else ""
        told = f"{mean} ({interval}{seeds}, {self.difference.over}): "
        return f"{told}{self.words}{self.outcome.direction}{looked}"

    @property
    def brief(self) -> str:
        """`−0.13 points [−0.44, +0.19], 3 seeds: not told by these data`."""
        mean, ends, seeds = self._numbers()
        interval = f" [{', '.join(ends)}]" if ends else ", no interval"
        return f"{mean}{interval}, {seeds}: {self.words}{self.outcome.direction}"

    def _numbers(self) -> tuple[str, tuple[str, ...], str]:
        """The mean, the ends of the interval, none where there is none, and the seeds, in words."""
        difference, outcome = self.difference, self.outcome
        form = f"+.{outcome.digits}f"
        low, high = difference.interval()
        ends = (outcome.number(low, form), outcome.number(high, form)) if low <= high else ()
        seeds = f"{difference.seeds} seed{'s' * (difference.seeds != 1)}"
        return outcome.said(difference.mean, form), ends, seeds

    def to_dict(self) -> dict[str, Any]:
        return {
            **self.difference.to_dict(),
            "verdict": self.words,
            "margin": self.margin,
            "role": self.role,
            "p_adjusted": None if math.isnan(self.p) else self.p,
        }


def judge(
    difference: Difference, *, margin: float | None = None, role: str = EXPLORATORY
) -> Verdict:
    """*different*: the 95 % interval leaves out 0. *equivalent*: two one-sided tests at 5 %, that is
    the 90 % interval inside ±margin (Schuirmann 1987). Both: different, by less than the margin.

    The margin is that of the outcome unless another is given.
    """
    p, margin = difference.p, difference.outcome.margin if margin is None else margin
    if difference.exploratory:
        role = EXPLORATORY
    return Verdict(
        words=_words(difference, p, margin), difference=difference, margin=margin, role=role, p=p
    )


def judge_family(
    differences: Sequence[Difference], *, margin: float | None = None
) -> list[Verdict]:
    """Verdicts of contrasts that are asked together: *different* only where Holm's p is below 5 %."""
    verdicts = [judge(difference, margin=margin, role=FAMILY) for difference in differences]
    tested = [i for i, verdict in enumerate(verdicts) if not math.isnan(verdict.p)]
    for i, p in zip(tested, holm([verdicts[i].p for i in tested]), strict=True):
        words = _words(differences[i], float(p), verdicts[i].margin)
        verdicts[i] = replace(verdicts[i], words=words, p=float(p))
    return verdicts


def _words(difference: Difference, p: float, margin: float) -> str:
    low, high = difference.interval(1 - 2 * LEVEL)
    apart, inside = p < LEVEL, -margin < low and high < margin
    words = SMALL if apart and inside else DIFFERENT if apart else EQUIVALENT if inside else UNTOLD
    return _worded(words, margin, difference.outcome)


def _worded(words: str, margin: float, outcome: Outcome) -> str:
    return words.format(margin=outcome.margin_words(margin))
