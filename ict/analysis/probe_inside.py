"""ICT with W = b = 0 is the linear probe: what it means where it ends below the converged one."""

from typing import Final

from ict.analysis import groups
from ict.analysis.differences import Difference
from ict.analysis.outcomes import Outcome
from ict.analysis.sides import Side
from ict.analysis.verdicts import judge
from ict.criteria import is_control

WHY: Final = "trained too little, or at too high a rate"
BELOW: Final = f"lies below the converged probe that it contains: {WHY}."
PERHAPS: Final = (
    f"lies below the converged probe that it contains; if other seeds say so too, it was {WHY}."
)
_SAME: Final = (
    "backbone", "weights", "data", "image_size", "pixel_normalisation", "train_split", "limit", "shots",
    "shot_seed",
)  # fmt: skip
"""What the probe and a network that contains it are trained on."""


def below_probe(a: Side, b: Side, difference: Difference, outcome: Outcome) -> list[str]:
    """The sentence, where A and B are ICT and the probe of one task, and ICT has the lower accuracy.

    It is certain where the seeds tell them apart, and a guess from the margin on; less is noise. Methods of
    other packages may start elsewhere, and nothing is said of them.
    """
    kinds = [{row.method for row in side.rows} for side in (a, b)]
    if outcome.lower_is_better or kinds not in ([{"ict"}, {"linear"}], [{"linear"}, {"ict"}]):
        return []
    ours, sign = (a, 1) if kinds[0] == {"ict"} else (b, -1)
    lower = sign * difference.mean < 0
    told = judge(difference).different
    matters = told or abs(difference.mean) >= outcome.margin
    if not (lower and matters) or groups.varying([*a.rows, *b.rows], _SAME):
        return []
    control = any(is_control(row.criterion) for row in ours.rows)
    return [f"{ours.name if control else 'ICT'} {BELOW if told else PERHAPS}"]
