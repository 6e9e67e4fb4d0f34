"""Every score, index, ceiling and interval that a page shows: its formula, one sentence, its source.

The texts stand here and nowhere else; a test walks all pages and finds one at each of these words.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Term:
    """A word that a reader may not know."""

    formula: str
    sentence: str
    source: str

    @property
    def help(self) -> str:
        """What stands behind the help icon."""
        return f"{self.sentence}\n\n{self.formula}\n\nSource: {self.source}"


_STUDENT: Final = "Student 1908; docs/statistics.md"
TERMS: Final = {
    "score": Term(
        "class_l2: mean over classes c of √(Σ a²), a over the tokens of the images of c",
        "How important a criterion finds a channel for the task; scores of two blocks, or of two "
        "criteria, do not compare.",
        "the paper's criterion (class_l2); the page Criteria has the others",
    ),
    "rank": Term(
        "1 + the number of channels of the block with a higher score",
        "Where the channel stands among those of its block; 1 is the highest.",
        "definition",
    ),
    "stronger than": Term(
        "(D − rank) / (D − 1)",
        "The share of the other channels of the block that score lower; a full bar is the strongest channel.",
        "definition",
    ),
    "z": Term(
        "(score − mean of the block) / sd of the block",
        "How far a score lies above those of its block, so that blocks compare.",
        "definition",
    ),
    "selectivity": Term(
        "(μ_max − μ_rest) / (μ_max + μ_rest), μ the root mean square activation of a class, μ_rest the mean of "
        "all but the highest",
        "How much a channel is one class's: 0 is active alike in all, 1 in one alone; classes of few images "
        "are above 0 by chance.",
        "Morcos et al. 2018, who take mean activities behind a ReLU",
    ),
    "class share": Term(
        "ε² = (S_between − (C − 1) · S_within / (N − C)) / S_total, S sums of squares of the image means",
        "What of the variance between images their classes explain; around 0 where labels mean nothing.",
        "Kelley 1935; ict.analysis.selectivity",
    ),
    "tasks with it": Term(
        "number of tasks whose K highest scores of the block have the channel",
        "For how many tasks of the store it is chosen: same backbone, weights, criterion, site and K/D.",
        "definition",
    ),
    "z difference": Term(
        "z in its block by A − z in its block by B",
        "How much stronger a channel is for A than for B, each against its own block.",
        "definition",
    ),
    "chance": Term(
        "K² / D, the mean of the hypergeometric distribution",
        "How many channels two random choices of K of D share on average.",
        "hypergeometric distribution",
    ),
    "kuncheva": Term(
        "(r − K²/D) / (K − K²/D), r shared channels",
        "How much two choices share beyond chance: 0 is chance, 1 the same channels.",
        "Kuncheva 2007",
    ),
    "jaccard": Term(
        "r / (2K − r), r shared channels",
        "Shared channels over those that either chose; chance is above 0.",
        "Jaccard 1912",
    ),
    "ceiling": Term(
        "κ_AB / √(κ_AA κ_BB), κ Kuncheva's index of choices on halves of the images",
        "What two tasks share relative to what noise lets one task share with itself; 1 is the noise ceiling.",
        "Spearman 1904, correction for attenuation",
    ),
    "spearman": Term(
        "Pearson's correlation of the ranks of two scores",
        "How alike two criteria order all channels: 1 the same order, 0 none.",
        "Spearman 1904",
    ),
    "interval": Term(
        "mean ± t(n − 1, 97.5 %) · s / √n, cut at 0 and 100 %",
        "Where the mean over new seeds would lie 95 times of 100, on these test images.",
        _STUDENT,
    ),
    "paired interval": Term(
        "mean of d ± t(n − 1, 97.5 %) · s_d / √n, d the differences of equal seeds",
        "Where the mean difference over new seeds would lie 95 times of 100; one that holds 0 tells none.",
        _STUDENT,
    ),
    "difference": Term(
        "mean over seeds of accuracy of the one − accuracy of the other, × 100",
        "A difference in percentage points of test accuracy, seed by seed.",
        "docs/statistics.md",
    ),
    "verdict": Term(
        "different: 95 % interval without 0; equivalent: 90 % interval within ± 1 point",
        "What these data tell of the difference; *not told* is no proof that there is none.",
        "Schuirmann 1987; docs/statistics.md",
    ),
    "sampling": Term(
        "half of Wilson's 95 % interval of an accuracy on N test images",
        "What the number of test images leaves open; seeds do not contain it.",
        "Wilson 1927",
    ),
    "mean of tasks": Term(
        "Σ accuracy of the 19 tasks / 19",
        "The average of VTAB-1K in which each task counts the same.",
        "docs/statistics.md; V-PETL Bench",
    ),
    "mean of groups": Term(
        "(mean of natural + mean of specialized + mean of structured) / 3",
        "The average of VTAB-1K in which each group counts the same.",
        "Jia et al. 2022 (VPT)",
    ),
    "gain": Term(
        "⟨G, step⟩, G the gradient of the loss per image for the adapter's weights",
        "How much one small step of the adapters lowers the loss.",
        "first-order Taylor expansion",
    ),
    "relative gain": Term(
        "held-out gain / that of the best read set and write set found",
        "How much of the best first step a choice of channels has; regret is what is missing to 1.",
        "docs/which-channels.md",
    ),
    "energy": Term(
        "Σ a² of the channel over Σ a² of the block",
        "The share of the block's energy that one channel holds.",
        "ict.analysis.energy",
    ),
    "accuracy": Term(
        "right answers / images",
        "The share of images that are answered rightly, at the epoch that the configuration selects.",
        "definition",
    ),
}  # fmt: skip


def help_of(name: str, more: str = "") -> str:
    """The help of a term, with what a page adds. Raises KeyError for a word that is not explained."""
    return f"{TERMS[name].help}\n\n{more}" if more else TERMS[name].help
