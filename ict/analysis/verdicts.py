"""What the data tell about a difference, in the same words everywhere: no other file has them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from ict.analysis.differences import Difference
from ict.analysis.summary import holm

MARGIN: Final = 0.01
"""One point of accuracy: what counts as no difference unless something else is asked for."""
LEVEL: Final = 0.05

DIFFERENT: Final = "different"
EQUIVALENT: Final = "equivalent within {margin}"
SMALL: Final = "different, by less than {margin}"
UNTOLD: Final = "not told by these data"

TO_THE_HIGHEST: Final = f"equivalent to the highest within {100 * MARGIN:g} point"
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
        return self.words == _worded(EQUIVALENT, self.margin)

    @property
    def sentence(self) -> str:
        """`+1.2 points (95 % −0.3 to 2.7; …): not told by these data`."""
        difference = self.difference
        low, high = (100 * bound for bound in difference.interval())
        seeds = f"{difference.seeds} seed{'s' * (difference.seeds != 1)}"
        interval = f"95 % {low:+.2f} to {high:+.2f}, " if low <= high else "no interval, "
        looked = "; exploratory" if self.role == EXPLORATORY else ""
        return (
            f"{100 * difference.mean:+.2f} points ({interval}{seeds}, {difference.over}): {self.words}{looked}"
        ).replace("-", "−")

    def to_dict(self) -> dict[str, Any]:
        return {
            **self.difference.to_dict(),
            "verdict": self.words,
            "margin": self.margin,
            "role": self.role,
            "p_adjusted": None if math.isnan(self.p) else self.p,
        }


def judge(difference: Difference, *, margin: float = MARGIN, role: str = EXPLORATORY) -> Verdict:
    """*different*: the 95 % interval leaves out 0. *equivalent*: two one-sided tests at 5 %, that is
    the 90 % interval inside ±margin (Schuirmann 1987). Both: different, by less than the margin.
    """
    p = difference.p
    if difference.exploratory:
        role = EXPLORATORY
    return Verdict(
        words=_words(difference, p, margin), difference=difference, margin=margin, role=role, p=p
    )


def judge_family(differences: Sequence[Difference], *, margin: float = MARGIN) -> list[Verdict]:
    """Verdicts of contrasts that are asked together: *different* only where Holm's p is below 5 %."""
    verdicts = [judge(difference, margin=margin, role=FAMILY) for difference in differences]
    tested = [i for i, verdict in enumerate(verdicts) if not math.isnan(verdict.p)]
    for i, p in zip(tested, holm([verdicts[i].p for i in tested]), strict=True):
        words = _words(differences[i], float(p), margin)
        verdicts[i] = replace(verdicts[i], words=words, p=float(p))
    return verdicts


def _words(difference: Difference, p: float, margin: float) -> str:
    low, high = difference.interval(1 - 2 * LEVEL)
    apart, inside = p < LEVEL, -margin < low and high < margin
    words = SMALL if apart and inside else DIFFERENT if apart else EQUIVALENT if inside else UNTOLD
    return _worded(words, margin)


def _worded(words: str, margin: float) -> str:
    return words.format(margin=f"{100 * margin:g} point{'s' * (margin != MARGIN)}")
