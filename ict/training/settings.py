"""How a run is trained, and its learning rate at every step."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from ict.data import Augment

WARMUP_LR = 1e-6  # where the authors' warm-up begins


FINAL_LR = 1e-5  # where their cosine ends


class Compile(Enum):
    """Whether the blocks of a training step are compiled (`ict.training.compiled`)."""

    NO = "no"
    TRY = "where it can be done"
    MUST = "or the training fails"


@dataclass(frozen=True, kw_only=True)
class Forward:
    """How images go through the model; `threads` are used on a CPU alone."""

    precision: str
    mean: Sequence[float]
    std: Sequence[float]
    threads: int = 1


@dataclass(frozen=True, kw_only=True)
class Settings(Forward):
    """How to train. `lr` is the peak of the schedule, which warms up to it from `warmup_lr`."""

    epochs: int
    batch_size: int
    lr: float
    weight_decay: float
    warmup_epochs: int
    label_smoothing: float
    seed: int
    augment: Augment | None = None
    warmup_lr: float = WARMUP_LR
    schedule: str = "batch"
    """`batch`: a rate for every batch; `released`: one an epoch, as the authors' code has it."""
    head_lr: float | None = None
    """The peak of the head's own rate, on the same schedule; None: it is `lr`."""
    compile: Compile = Compile.NO


def learning_rate(position: float, settings: Settings) -> float:
    """Linear warm-up, then cosine to 1e-5; `position` counts epochs from 0, with fractions.

    Schedule `batch` steps every batch and reaches the full rate. `released` is the authors' code
    (timm's CosineLRScheduler, stepped after each epoch with that epoch's number): a rate for a whole
    epoch, so that the first two are at 1e-6, and a cosine that has run since t = 0 when the warm-up
    ends, so that the peak is 0.976 of the rate and the area a tenth smaller (100 epochs, 10 of
    warm-up).
    """
    if settings.schedule == "released":
        return _released_rate(int(position), settings)
    warmup = min(settings.warmup_epochs, settings.epochs)
    if position < warmup:
        return settings.warmup_lr + (settings.lr - settings.warmup_lr) * position / warmup
    final = min(FINAL_LR, settings.lr)
    share = (position - warmup) / max(settings.epochs - warmup, 1e-9)
    return final + 0.5 * (settings.lr - final) * (1 + math.cos(math.pi * min(share, 1.0)))


def _released_rate(epoch: int, settings: Settings) -> float:
    """The authors' rate in `epoch`, counted from 0; `batch` has the same ends."""
    t = max(epoch - 1, 0)
    if t < settings.warmup_epochs:
        return settings.warmup_lr + (settings.lr - settings.warmup_lr) * t / settings.warmup_epochs
    final = min(FINAL_LR, settings.lr)
    return final + 0.5 * (settings.lr - final) * (1 + math.cos(math.pi * t / settings.epochs))
