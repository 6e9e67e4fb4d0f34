"""The figures that `ict figure` knows by name, and that pages export: each from what was found.

Each gives a `Drawn`: the figure, the table behind it, a sentence for the caption, and what of the
sources is in it, so that nothing else is said to be and nothing is left out in silence.
"""

from collections.abc import Callable

from ict.figures import (
    draw_answers,
    draw_causal,
    draw_checks,
    draw_classes,
    draw_comparisons,
    draw_curves,
    draw_first_step,
    draw_inspections,
    draw_made_of,
    draw_pairs,
    draw_parallel,
    draw_results,
    draw_runs,
    draw_scores,
    draw_weights,
)
from ict.figures.asked import Choice, Drawn, Found, Request

__all__ = ["FIGURES", "Choice", "Drawn", "Found", "Request"]

FIGURES: dict[str, tuple[Callable[[Found, Choice], Drawn], str]] = {
    "curves": (draw_curves.over_epochs, "a metric over epochs, steps or time, with every seed"),
    "parallel": (draw_parallel.over_fields, "runs over parallel axes: fields, and what came out"),
    "k-ratio": (draw_runs.against_k, "test accuracy against K/D, with controls"),
    "results": (draw_results.of_one_task, "methods on one task (--task), your own data too"),
    "benchmark": (draw_runs.beside_published, "group means beside published methods"),
    "parameters": (draw_runs.against_parameters, "accuracy against trained parameters"),
    "transfer": (draw_runs.transfers, "tasks on each other's channels minus on their own"),
    "compare": (draw_comparisons.differences, "A minus B by task, with intervals and verdicts"),
    "flips": (draw_comparisons.flipped, "images that one of two runs alone gets right, by class"),
    "agreement-methods": (draw_comparisons.agreements, "runs × runs: errors that they share"),
    "power": (draw_comparisons.what_seeds_find, "the difference that n seeds find"),
    "confusion": (draw_answers.confused, "one run: which classes are taken for which"),
    "class-accuracy": (draw_answers.by_class, "one run: accuracy of each class, with its interval"),
    "score-map": (draw_scores.score_map, "scores of all blocks and channels, chosen ones marked"),
    "block-profile": (draw_scores.block_profile, "sorted scores of one block (--block)"),
    "class-profile": (draw_classes.class_bars, "one channel by class (--block, --channel)"),
    "class-map": (draw_classes.classes_by_channel, "chosen channels of a block by class (--block)"),
    "score-histogram": (draw_scores.score_histogram, "scores of a block, one channel marked"),
    "activation-histogram": (
        draw_inspections.activations,
        "activations of a channel over all tokens",
    ),
    "shared-channels": (draw_scores.shared_channels, "choices of two runs or score files by block"),
    "energy": (draw_scores.energies, "offset, class, image and token energy by block"),
    "stability": (draw_scores.steadiness, "stability of the choice over images, by block"),
    "made-of": (
        draw_made_of.made_of_one,
        "what of the choice stays without classes, by other tasks",
    ),
    "overlap": (draw_pairs.overlap, "tasks × tasks, channels shared"),
    "dendrogram": (draw_pairs.dendrogram, "tasks clustered by the channels that they choose"),
    "overlap-lines": (draw_pairs.overlap_lines, "one pair by block, between chance and ceiling"),
    "overlap-at-k": (draw_pairs.overlap_at_every_k, "one pair in one block, at every K"),
    "overlap-against-n": (draw_pairs.overlap_growth, "one pair against the number of images"),
    "agreement": (draw_checks.agreement, "criteria × criteria, how alike they rank"),
    "agreement-lines": (draw_checks.agreement_by_block, "criteria with one (--against) by block"),
    "causal-deletion": (draw_causal.deletion, "accuracy while channels are replaced"),
    "causal-insertion": (draw_causal.insertion, "accuracy while all but some are replaced"),
    "score-effect": (draw_causal.score_effect, "scores of single channels and their causal effect"),
    "effect-by-block": (draw_causal.effect_by_block, "correlation of score and effect by block"),
    "first-step": (
        draw_first_step.first_step,
        "held-out gain of a first step, by how channels are chosen",
    ),
    "weights-into": (draw_weights.weights_into, "a run's weights into one channel (--channel)"),
    "weights-out": (draw_weights.weights_out, "a run's weights out of one channel (--channel)"),
}
