"""Figures: a table or arrays in, a Plotly figure out. No torch, no streamlit.

What is exported here reads no file; `ict.figures.from_store` finds what a figure is drawn from.

Every function takes `theme="light" | "dark" | "print"` and `title`, draws with the one look of
`theme`, names the unit on every axis, and leaves a caption draft (`caption_of(figure)`) that says
what is shown, n, and the interval.

| function | from |
|---|---|
| `score_map(stage_arrays, view=, selection=)` | scores per stage (blocks, D), chosen channels |
| `block_profile(row, k)` | scores of one block (D,) |
| `training_curves(runs_progress, metric)` | `ict.figures.curves.Curve`: label, seed, epochs |
| `accuracy_against_k(table)` | series, ratio, k, seed, accuracy |
| `deletion_curves(table)` | curves of an `ict.store.causal_files.CausalCheck`, or their columns |
| `overlap_matrix(table, value=, block=, groups=)` | rows of `ict overlap` |
| `overlap_lines(table)` | rows of `ict overlap` of one pair |
| `dendrogram(linkage, labels)` | `ict.analysis.agreement.cluster` |
| `agreement_matrix(names, values)` | `ict.analysis.agreement.spearman` |
| `agreement_lines(table)` | criterion, block, value |
| `stability_lines(table)` | rows of `ict stability` |
| `made_of_lines(table)` | rows of `ict.analysis.made_of` |
| `overlap_at_k(curves, k=)` | {"pair": `ict.analysis.overlap.at_every_k`} |
| `overlap_against_n(tables)` | {"pair": `ict.analysis.ceiling.overlap_against_n`} |
| `first_step_dots(table)` | rows of `ict.analysis.first_step.first_steps` |
| `transfer_matrix(table)` | `ict.analysis.transfer.transfer_table` |
| `score_against_effect(scores, effects)` | two vectors (D,) |
| `energy_split(table)` | `ict.analysis.energy.split_table` |
| `class_map(values, channels, names)` | scores of a block's channels for each class (C, K) |
| `class_profile(values, names)` | one channel's score for each class (C,) |
| `histogram(values)` | values, or counts with `edges` |
| `benchmark_dots(table)` | `ict.analysis.benchmark.average_table` |
| `accuracy_against_parameters(table)` | the same |
| `task_dots(table)` | methods on one task: method, source, mean, low, high, n |

`browser_config(name)` is the Plotly config for a page (`st.plotly_chart(..., theme=None,
config=browser_config(name))`). Files for a paper come from `ict.figures.export`.
"""

from ict.figures.agreement import agreement_lines
from ict.figures.benchmark import accuracy_against_parameters, benchmark_dots, task_dots
from ict.figures.channels import block_profile, class_map, class_profile, energy_split, histogram
from ict.figures.curves import accuracy_against_k, deletion_curves, training_curves
from ict.figures.first_step import first_step_dots
from ict.figures.made_of import made_of_lines
from ict.figures.maps import chosen_in, score_map
from ict.figures.matrices import agreement_matrix, dendrogram, overlap_lines, overlap_matrix
from ict.figures.overlap_curves import (
    overlap_against_n,
    overlap_at_k,
    score_against_effect,
    stability_lines,
)
from ict.figures.theme import Theme, apply, browser_config, caption_of, look
from ict.figures.transfer import transfer_matrix

__all__ = [
    "Theme",
    "accuracy_against_k",
    "accuracy_against_parameters",
    "agreement_lines",
    "agreement_matrix",
    "apply",
    "benchmark_dots",
    "block_profile",
    "browser_config",
    "caption_of",
    "chosen_in",
    "class_map",
    "class_profile",
    "deletion_curves",
    "dendrogram",
    "energy_split",
    "first_step_dots",
    "histogram",
    "look",
    "made_of_lines",
    "overlap_against_n",
    "overlap_at_k",
    "overlap_lines",
    "overlap_matrix",
    "score_against_effect",
    "score_map",
    "stability_lines",
    "task_dots",
    "training_curves",
    "transfer_matrix",
]
