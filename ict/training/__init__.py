"""The training loop and what each method trains. Needs torch."""

from ict.training.evaluation import EVALUATION_BATCH, Evaluation, evaluate, pooled_features
from ict.training.loop import EpochReport, Trainer, halve_frozen_layers
from ict.training.methods import prepare
from ict.training.settings import Settings, learning_rate
from ict.training.step import autocast, make_repeatable, make_step

__all__ = [
    "EVALUATION_BATCH",
    "EpochReport",
    "Evaluation",
    "Settings",
    "Trainer",
    "autocast",
    "evaluate",
    "halve_frozen_layers",
    "learning_rate",
    "make_repeatable",
    "make_step",
    "pooled_features",
    "prepare",
]
