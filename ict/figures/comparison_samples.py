"""Made-up comparisons, to look at their figures: three tasks, five seeds, ten classes."""

import numpy as np
import plotly.graph_objects as go

from ict.analysis.answers import Answered
from ict.analysis.differences import over_seeds, over_seeds_and_images, over_tasks
from ict.analysis.flips import agreement, flips, flips_by_class
from ict.analysis.power import spread
from ict.analysis.verdicts import judge
from ict.figures.answers import class_accuracy, confusion
from ict.figures.comparisons import Line, agreement_matrix, flip_bars, forest, power_curves
from ict.figures.theme import Theme
from ict.store.predictions import Predictions

IMAGES, CLASSES = 700, 10
TASKS = ("cifar", "dtd", "kitti")


def gains(task: int, seeds: int = 5) -> np.ndarray:
    """d (S, I): what A gains over B, with images that one method always gets right."""
    generator = np.random.default_rng([7, task])
    own = generator.normal(0.3 - 0.25 * task, 0.8, IMAGES)
    noise = generator.normal(generator.normal(0, 0.15, (seeds, 1)), 0.7, (seeds, IMAGES))
    return np.clip(np.round((own + noise) / 1.6), -1, 1)


def lines() -> list[Line]:
    """Rows of a forest, each with both intervals, and their mean."""
    both = []
    for task in range(len(TASKS)):
        d = gains(task) / 4
        both.append([over_seeds(d.mean(axis=1), IMAGES), over_seeds_and_images(d)])
    rows = [
        Line(name, [judge(one) for one in differences])
        for name, differences in zip(TASKS, both, strict=True)
    ]
    together = [judge(over_tasks([differences[i] for differences in both])) for i in (0, 1)]
    return [*rows, Line("mean of 3 tasks", together)]


def answers(models: int = 3) -> tuple[np.ndarray, list[np.ndarray]]:
    """Labels (I,) and the predictions (I,) of models that err on similar images."""
    generator = np.random.default_rng(8)
    labels = generator.integers(0, CLASSES, IMAGES)
    hard = generator.random(IMAGES) < 0.15
    said = [
        np.where(generator.random(IMAGES) < 0.05 + 0.5 * hard, (labels + 1 + i) % CLASSES, labels)
        for i in range(models)
    ]
    return labels, said


def figures(theme: Theme = "light") -> dict[str, go.Figure]:
    """Each figure of a comparison, by its name in `ict figure`."""
    labels, said = answers()
    names = [f"digit {i}" for i in range(CLASSES)]
    classes = flips_by_class(said[0], said[1], labels)
    certain = np.full(IMAGES, 0.9, np.float32)
    one = Answered(Predictions(said[0], labels, certain, classes=CLASSES))
    d = gains(0)[:3]
    kinds = [over_seeds(d.mean(axis=1), IMAGES).over, over_seeds_and_images(d).over]
    return {
        "compare": forest(lines(), "ict", "random", theme=theme),
        "flips": flip_bars(
            flips(said[0], said[1], labels), classes, names, "ict", "lora", theme=theme
        ),
        "agreement-methods": agreement_matrix(
            agreement(said, labels), ["ict", "lora", "full"], IMAGES, theme=theme
        ),
        "confusion": confusion(one, names, "ict", theme=theme),
        "class-accuracy": class_accuracy(one, names, "ict", theme=theme),
        "power": power_curves(spread(d), IMAGES, kinds, "ict", "random", theme=theme),
    }
