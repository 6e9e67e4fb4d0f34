"""Made-up numbers behind `ict.figures.samples`, from seeded generators. Nothing here is a result."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from ict.analysis.first_step import FirstStep
from ict.catalogue import RATIO
from ict.figures.curves import Curve
from ict.scores import ranked
from ict.store.epoch_rows import as_epochs
from ict.store.run_rows import RunRow

TASKS = {
    "cifar": "natural", "caltech101": "natural", "dtd": "natural", "oxford_flowers102": "natural",
    "oxford_iiit_pet": "natural", "svhn": "natural", "sun397": "natural",
    "patch_camelyon": "specialized", "eurosat": "specialized", "resisc45": "specialized",
    "diabetic_retinopathy": "specialized", "clevr_count": "structured",
    "clevr_dist": "structured", "dmlab": "structured", "kitti": "structured",
    "dsprites_loc": "structured", "dsprites_ori": "structured", "smallnorb_azi": "structured",
    "smallnorb_ele": "structured",
}  # fmt: skip
CRITERIA = ("class_l2", "l2", "variance", "taylor", "fisher", "anova_f", "integrated_gradients")
SEEDS = (42, 44, 82, 100, 800)


def stages(shape: tuple[tuple[int, int], ...] = ((12, 768),), seed: int = 0) -> list[np.ndarray]:
    """Score arrays (blocks, width) with a heavy tail, as activations have."""
    generator = np.random.default_rng(seed)
    return [
        np.exp(generator.normal(0.5, 0.55, (1, width)) + generator.normal(0, 0.25, (blocks, width)))
        * np.linspace(6, 30, blocks)[:, None]
        for blocks, width in shape
    ]


def top(arrays: list[np.ndarray], ratio: float = RATIO) -> list[list[list[int]]]:
    """The highest ratio · D channels of each block, as `score_map` takes them."""
    return [
        [sorted(ranked(row)[: int(len(row) * ratio)].tolist()) for row in scores]
        for scores in arrays
    ]


def progress(epochs: int = 30) -> list[Curve]:
    """Three methods × five seeds of training curves."""
    generator = np.random.default_rng(1)
    runs = []
    for label, final in (("ict", 0.86), ("linear", 0.62), ("full", 0.9)):
        for seed in SEEDS:
            reached = final + generator.normal(0, 0.012)
            lines = [
                {
                    "epoch": e,
                    "train_loss": 2.3 * np.exp(-e / 8) + generator.normal(0, 0.02) + 0.1,
                    "train_accuracy": reached * (1 - np.exp(-e / 6)) + generator.normal(0, 0.008),
                }
                for e in range(1, epochs + 1)
            ]
            runs.append(Curve(label, seed, as_epochs(lines)))
    return runs


def ratio_table() -> pd.DataFrame:
    """K-ratio ablation: top, random and lowest channels at seven ratios, and two level lines."""
    generator = np.random.default_rng(2)
    rows = []
    for series, gain in (("ict", 0.26), ("random", 0.2), ("lowest", 0.15)):
        for power in range(6, -1, -1):
            for seed in SEEDS:
                accuracy = 0.62 + gain * (1 - 0.12 * power) + generator.normal(0, 0.012)
                rows.append((series, 2.0**-power, 192 // 2**power, seed, accuracy))
    for series, accuracy in (("linear", 0.62), ("full", 0.9)):
        rows += [(series, np.nan, None, s, accuracy + generator.normal(0, 0.01)) for s in SEEDS]
    return pd.DataFrame(rows, columns=["series", "ratio", "k", "seed", "accuracy"])


def run_rows() -> list[RunRow]:
    """Runs of three criteria at three K with two seeds each."""
    generator = np.random.default_rng(4)
    return [
        RunRow(
            run_id=f"{criterion}-{k}-{seed}", status="done", task="birds", method="ict", criterion=criterion,
            k=k, seed=seed, test_accuracy=0.8 + 0.02 * np.log2(k / 24) + float(generator.normal(0, 0.01)),
        )
        for criterion in ("class_l2", "random", "taylor") for k in (24, 48, 96) for seed in (42, 44)
    ]  # fmt: skip


def overlap_table(tasks: int = 4, blocks: int = 12, k: int = 96) -> pd.DataFrame:
    """Rows as `ict overlap` gives them."""
    generator = np.random.default_rng(3)
    names = list(TASKS)[:: max(len(TASKS) // tasks, 1)][:tasks]
    rows = []
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            near = 0.75 if TASKS[a] == TASKS[b] else 0.5
            for block in range(blocks):
                ceiling = k * (0.86 - 0.01 * block)
                half = ceiling * (near + 0.04 * generator.normal())
                rows.append(
                    {
                        "task_a": a, "task_b": b, "block": block, "k": k, "channels": 768,
                        "overlap": min(half * 1.08, k), "half_overlap": half,
                        "jaccard": half / (2 * k - half), "kuncheva": (half / k - 0.125) / 0.875,
                        "floor": 12.0, "floor_low": 6, "floor_high": 18, "ceiling": ceiling,
                        "ratio_to_ceiling": near, "splits": 50,
                    }
                )  # fmt: skip
    return pd.DataFrame(rows)


def linkage() -> tuple[np.ndarray, list[str]]:
    """A tree of the 19 tasks."""
    generator = np.random.default_rng(4)
    names = list(TASKS)
    group = np.array([list(dict.fromkeys(TASKS.values())).index(g) for g in TASKS.values()])
    distance = 0.25 + 0.35 * (group[:, None] != group[None]) + 0.1 * generator.random((19, 19))
    distance = (distance + distance.T) / 2
    np.fill_diagonal(distance, 0)
    return hierarchy.linkage(squareform(distance), "average"), names


def average_table() -> pd.DataFrame:
    """Twenty methods, one of them run here."""
    generator = np.random.default_rng(5)
    names = ("Full fine-tuning", "Linear probing", "Adapter", "VPT-Shallow", "VPT-Deep", "BitFit",
             "LoRA", "AdaptFormer", "SSF", "NOAH", "SCT", "FacT", "RepAdapter", "Hydra", "LST",
             "DTL", "HST", "GPS", "LAST", "ict")  # fmt: skip
    millions = (85.8, 0, 0.16, 0.08, 0.56, 0.1, 0.29, 0.16, 0.21, 0.43, 0.11, 0.07, 0.22, 0.28, 2.38,
                0.04, 0.78, 0.22, 0.66, 0.112)  # fmt: skip
    rows: list[dict[str, Any]] = []
    for name, size in zip(names, millions, strict=True):
        mean = 66 + 2.5 * len(rows) ** 0.5 + generator.normal(0, 1)
        rows.append(
            {
                "method": name, "source": "this store" if name == "ict" else "published",
                "natural": mean + 6, "specialized": mean + 9, "structured": mean - 9,
                "mean_of_tasks": mean, "mean_of_groups": mean + 2, "tasks": 19,
                "parameters": size * 1e6,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def results_table() -> pd.DataFrame:
    """Four settings on one task, of which one reads no seed."""
    rows = [
        ("ict · K 96", "this store", 81.2, 80.1, 82.3, 5, 111_744.0),
        ("lora", "this store", 80.9, 79.6, 82.2, 5, 294_912.0),
        ("ict · K 96 · random", "this store", 78.4, 76.9, 79.9, 5, 111_744.0),
        ("linear", "this store", 74.0, np.nan, np.nan, 1, 0.0),
    ]
    return pd.DataFrame(rows, columns="method source mean low high n parameters".split())


def agreement_table() -> pd.DataFrame:
    """Rank correlation of five criteria with a sixth, by block."""
    generator = np.random.default_rng(11)
    rows = [
        {"criterion": name, "block": b, "value": base - 0.2 * generator.random(), "n": 768}
        for name, base in zip(CRITERIA[1:6], (0.95, 0.7, 0.4, 0.35, 0.1), strict=True)
        for b in range(12)
    ]
    return pd.DataFrame(rows)


def effect_table() -> pd.DataFrame:
    """Correlations of two criteria with the effects of eight channels in each of twelve blocks."""
    rows: list[tuple[str, int | None, float, float, float, int]] = []
    for name, base in (("class_l2", 0.3), ("taylor", 0.55)):
        rows.append((name, None, base, base - 0.17, base + 0.15, 96))
        for b in range(12):
            value = base + 0.3 * np.sin(3 * b + 10 * base)
            rows.append((name, b, value, max(value - 0.7, -0.9), min(value + 0.5, 0.98), 8))
    return pd.DataFrame(rows, columns=["criterion", "block", "spearman", "low", "high", "n"])


def deletion_table() -> pd.DataFrame:
    """Accuracy while channels are replaced, for three orders."""
    fractions = np.array([0.01, 1 / 64, 0.02, 1 / 32, 0.05, 1 / 16, 0.1, 1 / 8, 1 / 4, 1 / 2, 1])
    rows = []
    for series, power in (("class_l2", 0.6), ("taylor", 0.4), ("lowest", 2.4)):
        rows += [(series, f, 0, 0.9 - 0.78 * f**power) for f in fractions]
    generator = np.random.default_rng(6)
    for seed in range(5):
        rows += [("random", f, seed, 0.9 - 0.78 * f + generator.normal(0, 0.02)) for f in fractions]
    return pd.DataFrame(rows, columns=["series", "fraction", "seed", "accuracy"])


def energy_table() -> pd.DataFrame:
    """Energy split of twelve blocks."""
    generator = np.random.default_rng(7)
    parts = generator.dirichlet((6, 1, 2, 8), 12)
    table = pd.DataFrame(parts, columns=["offset", "class", "image", "token"])
    return table.assign(block=range(12), shuffled=0.02)


def first_step_rows() -> list[FirstStep]:
    """Six ways to choose channels, by both norms."""
    generator = np.random.default_rng(12)
    shares = {
        "class_l2": 0.55, "taylor": 0.7, "gradient": 0.88, "gradient_rw": 1.0,
        "energy_read_gradient_write": 0.81, "random": 0.35,
    }  # fmt: skip
    rows = []
    for norm, scale in (("unit", 0.01), ("sign", 0.4)):
        for name, share in shares.items():
            of = share * (1 + 0.1 * generator.normal() * (share < 1))
            low, high = (of - 0.04, of + 0.04) if share < 1 else (1.0, 1.0)
            rows.append(
                FirstStep(
                    name=name, norm=norm, k=(24,), predicted=scale * of * 1.1, held_out=scale * of,
                    lowest=scale * low, highest=scale * high, relative_to_best=of,
                    relative_lowest=low, relative_highest=high, regret=1 - of, halvings=10,
                )
            )  # fmt: skip
    return rows


def stability_table() -> pd.DataFrame:
    """Rows as `ict stability` gives them, of two tasks."""
    generator = np.random.default_rng(9)
    rows = [
        {"task": task, "block": b, "k": 96, "stability": s, "low": s - 0.01, "high": s + 0.01,
         "how": "bootstrap", "resamples": 100, "images": 1000}
        for task, base in (("cifar", 0.94), ("kitti", 0.88))
        for b, s in enumerate(base - 0.05 * generator.random(12))
    ]  # fmt: skip
    return pd.DataFrame(rows)


def made_of_table() -> pd.DataFrame:
    """Rows as `ict.analysis.made_of` gives them: nearly all stays without the classes, less by others."""
    generator = np.random.default_rng(12)
    rows = [
        {"task": "svhn", "stage": 0, "block": b, "k": 48, "channels": 384, "chance": 6.0,
         "shuffled": 46 + 2 * generator.random(), "l2": int(generator.integers(46, 49)),
         "others": int(46 - b + generator.integers(-2, 3)), "cls": int(24 + generator.integers(-5, 6)),
         "top_channel": 7, "top_share": 0.52 / (b + 1), "offset_share": 0.9 - 0.03 * b}
        for b in range(12)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def transfer_table() -> pd.DataFrame:
    """Four tasks on each other's channels."""
    generator = np.random.default_rng(10)
    names = ["digits", "sprites_loc", "sprites_ori", "count"]
    rows = []
    for task in names:
        for source in names:
            if task != source:
                d = generator.normal(-1.2, 1.5)
                rows.append((task, source, d, d - 1, d + 1, 5))
    return pd.DataFrame(rows, columns=["task", "source", "difference", "low", "high", "n"])
