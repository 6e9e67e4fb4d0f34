"""What is known of criteria and selectors without training: one row each.

regret      1 − held-out gain of a first step ÷ that of the best read and write sets found
            (`ict.analysis.first_step`), means over halvings. Sets by scores are those of all images.
fidelity    Spearman's correlation, over some channels of a block, of the score of a channel with what
            replacing it does to the log-probability of the true class; the mean over blocks
stability   the share of K that is chosen on one half of the images and on the other
as l2       the share of K that plain l2 chooses too
cost        seconds of scoring both halves and choosing, and over those of class_l2

Shares are means over blocks; two independent draws of K of D channels share K/D of them.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Final

import numpy as np
import scipy

from ict.adapter_gradients import AdapterGradients
from ict.analysis.first_step import FirstStep, first_steps
from ict.criteria import CRITERION, NORMS
from ict.documents.json_form import JsonForm
from ict.scores import ChannelScores
from ict.selection import Selection

CRITERION_KIND: Final = "criterion"
FILE_KIND: Final = "file"
SELECTOR_KIND: Final = "selector"
FEWEST_CHANNELS: Final = 3
"""Of two channels there is no rank correlation but ± 1."""


@dataclass(frozen=True)
class Effect:
    """What replacing one channel by its mean does."""

    block: int
    """Counted over all stages."""
    channel: int
    size: float
    """Mean over images of |change of the log-probability of the true class|."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """Something that chooses channels, with what it chose and what that took."""

    name: str
    """As the `criterion` of a run has it, or the name of a user's own."""
    kind: str
    """criterion, file (a user's own), or selector."""
    choices: tuple[Selection, ...]
    """On all images: one, or several draws of what is chosen at random."""
    selector: str | None = None
    """Of `first_steps`; None where the choice is fixed, by scores of all images."""
    halves: tuple[Selection, Selection] | None = None
    """On each half of the images; None where it reads none, or a half could not be scored."""
    scores: Sequence[np.ndarray] | None = None
    """(blocks, D) a stage, on all images; None where there is no score for a channel."""
    seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class CardRow(JsonForm):
    """One candidate. Shares and regrets are fractions; None where something could not be measured."""

    name: str
    kind: str
    regret_unit: float | None
    regret_unit_lowest: float | None
    regret_unit_highest: float | None
    """The range over halvings, which share images: no interval; None where the best gains nothing in one."""
    regret_sign: float | None
    regret_sign_lowest: float | None
    regret_sign_highest: float | None
    fidelity: float | None
    fidelity_blocks: int
    """How many blocks that is a mean over."""
    stability_read: float | None
    stability_write: float | None
    l2_read: float | None
    l2_write: float | None
    chance: float
    """What two independent draws share, K/D: stands for both stability and l2."""
    seconds: float | None
    seconds_over_class_l2: float | None


@dataclass(frozen=True, kw_only=True)
class ReportCard:
    """The rows, and on what they were measured."""

    task: str
    backbone: str
    weights: str
    site: str
    k: tuple[int, ...]
    """Of each stage."""
    channels: tuple[int, ...]
    """Of each stage."""
    blocks: int
    split: str
    images: int
    images_of_halves: tuple[int, int]
    check_split: str
    check_images: int
    check_channels: int
    """How many channels of a block were replaced, one at a time, on `check_images` images."""
    device: str
    rows: tuple[CardRow, ...]
    notes: tuple[str, ...]

    @property
    def fidelity_spread(self) -> float | None:
        """Standard deviation of `fidelity` of scores that say nothing: of ranks, over independent blocks."""
        if self.check_channels < FEWEST_CHANNELS:
            return None
        return float(1 / np.sqrt((self.check_channels - 1) * self.blocks))


def card_rows(
    gradients: AdapterGradients,
    candidates: Sequence[Candidate],
    *,
    site: str,
    k: Sequence[int],
    l2: Selection,
    energy: ChannelScores,
    effects: Sequence[Effect] = (),
) -> list[CardRow]:
    """One row for each of `candidates`, in their order.

    `gradients` are of a dense adapter at `site` on the same images, `k` is K of each stage, `l2` what plain
    l2 chooses, `energy` the scores by class_l2. Raises InputError as `first_steps` does.
    """
    steps = {
        norm: _steps(gradients, candidates, norm=norm, site=site, k=k, energy=energy)
        for norm in NORMS
    }
    base = next((one.seconds for one in candidates if one.name == CRITERION), None)
    return [
        _row(one, {norm: of_norm[place] for norm, of_norm in steps.items()}, l2, effects, base)
        for place, one in enumerate(candidates)
    ]


def _steps(
    gradients: AdapterGradients,
    candidates: Sequence[Candidate],
    *,
    norm: str,
    site: str,
    k: Sequence[int],
    energy: ChannelScores,
) -> list[FirstStep]:
    """The first step of each candidate; a criterion may have the name of a selector, so they go by place."""
    fixed = {place: one.choices[0] for place, one in enumerate(candidates) if not one.selector}
    selectors = {place: one.selector for place, one in enumerate(candidates) if one.selector}
    steps = first_steps(
        gradients,
        {f"set {place}": selection for place, selection in fixed.items()},
        list(selectors.values()),
        site=site,
        k=list(k),
        energy=energy,
        norm=norm,
    )
    by_place = dict(zip((*fixed, *selectors), steps, strict=True))
    return [by_place[place] for place in range(len(candidates))]


def _row(
    one: Candidate,
    steps: Mapping[str, FirstStep],
    l2: Selection,
    effects: Sequence[Effect],
    base: float | None,
) -> CardRow:
    agreement = [] if one.scores is None else fidelities(one.scores, effects)
    stable = (None, None) if one.halves is None else shared(*one.halves)
    as_l2 = np.mean([shared(choice, l2) for choice in one.choices], axis=0)
    regrets = {
        f"regret_{norm}{end}": _known(value)
        for norm, step in steps.items()
        for end, value in (
            ("", step.regret),
            ("_lowest", 1 - step.relative_highest),
            ("_highest", 1 - step.relative_lowest),
        )
    }
    return CardRow(
        name=one.name,
        kind=one.kind,
        **regrets,
        fidelity=float(np.mean(agreement)) if agreement else None,
        fidelity_blocks=len(agreement),
        stability_read=stable[0],
        stability_write=stable[1],
        l2_read=float(as_l2[0]),
        l2_write=float(as_l2[1]),
        chance=float(np.mean([len(block.indices) / block.width for block in l2.blocks])),
        seconds=one.seconds,
        seconds_over_class_l2=one.seconds / base if one.seconds and base else None,
    )


def _known(value: float) -> float | None:
    return value if isfinite(value) else None


def shared(one: Selection, other: Selection) -> tuple[float, float]:
    """The share of the channels read, and of those written, that two choices of one K have in common.

    Means over blocks; both selections are of the same blocks.
    """
    shares = [
        (_share(a.indices, b.indices), _share(a.written, b.written))
        for a, b in zip(one.blocks, other.blocks, strict=True)
    ]
    read, write = np.mean(shares, axis=0)
    return float(read), float(write)


def _share(one: Sequence[int], other: Sequence[int]) -> float:
    return len({*one} & {*other}) / len(one)


def fidelities(scores: Sequence[np.ndarray], effects: Sequence[Effect]) -> list[float]:
    """Spearman's correlation of score and effect in each block of three channels or more that rank.

    `scores` are (blocks, D) a stage. A block whose scores, or effects, are all alike has none.
    """
    rows = [row for stage in scores for row in stage]
    of_block: dict[int, list[Effect]] = defaultdict(list)
    for effect in effects:
        of_block[effect.block].append(effect)
    found = []
    for block, tried in of_block.items():
        pair = [(float(rows[block][one.channel]), one.size) for one in tried]
        flat = any(len(set(side)) == 1 for side in zip(*pair, strict=True))
        if len(pair) >= FEWEST_CHANNELS and not flat:
            found.append(float(scipy.stats.spearmanr(np.array(pair)).statistic))
    return found
