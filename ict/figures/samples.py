"""Every figure once, of made-up tables: for the tests, the timing and the pictures in the docs.

Nothing here is a result.
"""

import numpy as np
import plotly.graph_objects as go

from ict.analysis.overlap import at_every_k
from ict.figures import comparison_samples
from ict.figures.agreement import agreement_lines
from ict.figures.benchmark import accuracy_against_parameters, benchmark_dots, task_dots
from ict.figures.channels import block_profile, class_map, class_profile, energy_split, histogram
from ict.figures.curves import accuracy_against_k, deletion_curves, training_curves
from ict.figures.draw_weights import weight_bars
from ict.figures.effects import effect_points
from ict.figures.first_step import first_step_dots
from ict.figures.made_of import made_of_lines
from ict.figures.maps import score_map
from ict.figures.matrices import agreement_matrix, dendrogram, overlap_lines, overlap_matrix
from ict.figures.overlap_curves import (
    overlap_against_n,
    overlap_at_k,
    score_against_effect,
    stability_lines,
)
from ict.figures.parallel import parallel_runs
from ict.figures.sample_data import (
    CRITERIA,
    TASKS,
    agreement_table,
    average_table,
    deletion_table,
    effect_table,
    energy_table,
    first_step_rows,
    linkage,
    made_of_table,
    overlap_table,
    progress,
    ratio_table,
    results_table,
    run_rows,
    stability_table,
    stages,
    top,
    transfer_table,
)
from ict.figures.theme import Theme
from ict.figures.transfer import transfer_matrix


def figures(theme: Theme = "light") -> dict[str, go.Figure]:
    """Every figure of the package drawn from made-up data, by the name of its file."""
    return {
        **_of_scores(theme),
        **_of_runs(theme),
        **_of_tasks(theme),
        **_of_criteria(theme),
        **comparison_samples.figures(theme),
    }


def _of_scores(theme: Theme) -> dict[str, go.Figure]:
    """Maps and profiles of channel scores."""
    arrays, tiny = stages(), stages(((12, 192),))
    swin = stages(((2, 128), (2, 256), (18, 512), (2, 1024)))
    generator = np.random.default_rng(8)
    return {
        "score-map": score_map(arrays, selection=top(arrays), criterion="class_l2", theme=theme),
        "score-map-z": score_map(arrays, view="z", theme=theme, criterion="class_l2"),
        "score-map-swin": score_map(
            swin, view="log", selection=top(swin), criterion="class_l2", theme=theme
        ),
        "score-map-tiny": score_map(tiny, selection=top(tiny), view="rank", theme=theme),
        "block-profile": block_profile(arrays[0][6], 96, criterion="class_l2", theme=theme),
        "class-map": class_map(
            generator.gamma(8, 4, (16, 24)), range(5, 192, 8), criterion="class_l2", theme=theme
        ),
        "class-profile": class_profile(
            generator.gamma(4, 5, 10), [f"digit {i}" for i in range(10)], theme=theme
        ),
        "class-profile-100": class_profile(generator.gamma(4, 5, 100), theme=theme),
        "score-histogram": histogram(
            arrays[0][6], unit="score", what="channels", mark=float(arrays[0][6][3]), theme=theme
        ),
        "activation-histogram": histogram(
            [3, 900, 52_000, 81_000, 7_200, 90, 1],
            edges=np.linspace(-3, 4, 8),
            what="tokens",
            theme=theme,
        ),
        "histogram": histogram(generator.normal(0.4, 1, 1000), unit="token mean", theme=theme),
        "weights-into": weight_bars(
            np.arange(3, 192, 8), generator.normal(0, 0.02, 24), "into", theme=theme
        ),
        "weights-out": weight_bars(
            np.arange(0, 768, 8), generator.normal(0, 0.02, 96), "out", theme=theme
        ),
    }


def _of_runs(theme: Theme) -> dict[str, go.Figure]:
    """What is drawn of runs."""
    return {
        "curves": training_curves(progress(), "train_accuracy", theme=theme),
        "loss": training_curves(progress(), "train_loss", theme=theme),
        "k-ratio": accuracy_against_k(ratio_table(), theme=theme),
        "benchmark": benchmark_dots(average_table(), theme=theme),
        "results": task_dots(results_table(), task="birds", theme=theme),
        "parameters": accuracy_against_parameters(average_table(), theme=theme),
        "parallel": parallel_runs(run_rows(), ("criterion", "k", "seed"), theme=theme),
    }


def _of_tasks(theme: Theme) -> dict[str, go.Figure]:
    """Two tasks or more against each other."""
    arrays = stages()
    tree, names = linkage()
    return {
        "overlap": overlap_matrix(overlap_table(4), groups=TASKS, theme=theme),
        "overlap-19": overlap_matrix(overlap_table(19), value="overlap", groups=TASKS, theme=theme),
        "overlap-lines": overlap_lines(overlap_table(2), theme=theme),
        "shared-channels": overlap_lines(overlap_table(2, blocks=24), theme=theme),
        "dendrogram": dendrogram(tree, names, groups=TASKS, theme=theme),
        "stability": stability_lines(stability_table(), theme=theme),
        "made-of": made_of_lines(
            made_of_table(),
            criterion="class_l2",
            tasks=("cifar", "kitti"),
            shuffles=10,
            theme=theme,
        ),
        "transfer": transfer_matrix(transfer_table(), theme=theme),
        "overlap-at-k": overlap_at_k(
            {"cifar and kitti": at_every_k(arrays[0][0], arrays[0][6])}, k=96, theme=theme
        ),
        "overlap-against-n": overlap_against_n(
            {
                "cifar and kitti": [
                    {"n": n, "kuncheva": 0.5 - 9 / n, "low": 0.45 - 9 / n, "high": 0.55 - 9 / n}
                    for n in (50, 100, 200, 400, 800)
                ]
            },
            theme=theme,
        ),
        "energy": energy_split(energy_table(), theme=theme),
    }


def _of_criteria(theme: Theme) -> dict[str, go.Figure]:
    """Criteria against each other and against what channels do."""
    arrays = stages()
    generator = np.random.default_rng(9)
    agreement = np.clip(np.eye(7) + 0.6 * generator.random((7, 7)) - 0.2, -1, 1)
    return {
        "agreement": agreement_matrix(CRITERIA, (agreement + agreement.T) / 2, theme=theme),
        "agreement-lines": agreement_lines(agreement_table(), against="class_l2", theme=theme),
        "first-step": first_step_dots(first_step_rows(), theme=theme),
        "effect-by-block": effect_points(effect_table(), images=200, theme=theme),
        "causal-deletion": deletion_curves(deletion_table(), untouched=0.9, theme=theme),
        "causal-insertion": deletion_curves(
            deletion_table().assign(accuracy=lambda rows: 1.02 - rows["accuracy"]),
            direction="insertion",
            untouched=0.9,
            theme=theme,
        ),
        "score-effect": score_against_effect(
            arrays[0][3],
            0.01 * arrays[0][3] + generator.normal(0, 0.3, 768),
            criterion="class_l2",
            chosen=top(arrays)[0][3],
            theme=theme,
        ),
    }
