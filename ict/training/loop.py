"""Training and evaluation: one loop for every method.

Nothing in a step waits for the device: losses and hits are summed there and read once an epoch.
Every epoch draws its randomness from (seed, epoch), so a resumed run repeats an unbroken one.
"""

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ict.data import Augment, ImageSet, StreamedSet, batches
from ict.errors import DivergedError
from ict.model.adapters import adapters
from ict.model.backbones import classification_head
from ict.model.class_token import last_block_for_class_token
from ict.training.replicas import Answer, Replicas
from ict.training.step import autocast, make_step

WARMUP_LR, FINAL_LR = 1e-6, 1e-5  # the authors' ends of warm-up and cosine
EVALUATION_BATCH = 64


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


@dataclass(frozen=True)
class EpochReport:
    """One line of `progress.jsonl`. Accuracies are fractions, None where nothing was measured."""

    epoch: int
    train_loss: float
    train_accuracy: float
    val_accuracy: float | None
    val_loss: float | None
    lr: float
    seconds: float
    images_per_second: float

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Evaluation:
    """Answers for N images in their order: labels, most probable class, its probability.

    `losses` (N,) are the cross entropies of the images, `loss` is their mean.
    """

    labels: np.ndarray
    predictions: np.ndarray
    probabilities: np.ndarray
    losses: np.ndarray
    loss: float

    @property
    def accuracy(self) -> float:
        return float((self.labels == self.predictions).mean())

    @property
    def balanced_accuracy(self) -> float:
        """Mean of the accuracies of the classes that occur."""
        hits = self.labels == self.predictions
        return float(np.mean([hits[self.labels == c].mean() for c in np.unique(self.labels)]))

    @property
    def majority_accuracy(self) -> float:
        """What naming the most frequent class of this very split would reach."""
        return float(np.bincount(self.labels).max() / len(self.labels))


class Trainer:
    """A model with its optimizer, trained one epoch at a time, so that a run can save in between."""

    def __init__(self, model: nn.Module, train: ImageSet, settings: Settings) -> None:
        self.model = model
        self.train = train
        self.settings = settings
        self.device = train.images.device
        self.drop_last = len(train) >= settings.batch_size
        self.steps = max(1, _steps(len(train), settings.batch_size, self.drop_last))
        groups, head = _groups(model, settings)
        self._schedules = [settings, *head]
        self.optimizer = torch.optim.AdamW(
            groups,
            lr=settings.lr,
            weight_decay=settings.weight_decay,
            fused=self.device.type == "cuda",
        )
        if settings.precision == "bf16":
            halve_frozen_layers(model)
        self.step = make_step(
            model,
            self.device,
            precision=settings.precision,
            label_smoothing=settings.label_smoothing,
            threads=settings.threads,
        )

    def epoch(
        self, epoch: int, *, on_step: Callable[[int, int], None] | None = None
    ) -> tuple[float, float, float]:
        """Trains epoch `epoch`, counted from 1; gives mean loss, accuracy and the last lr.

        Raises DivergedError if the loss is not finite: the run has diverged.
        """
        s = self.settings
        torch.manual_seed(_epoch_seed(s.seed, epoch))  # drop path, dropout
        generator = torch.Generator().manual_seed(_epoch_seed(s.seed, epoch) + 1)
        self.model.train()
        loss_sum = torch.zeros((), device=self.device, dtype=torch.float64)
        hits = torch.zeros((), device=self.device, dtype=torch.int64)
        seen, lr = 0, 0.0
        stream = batches(
            self.train,
            s.batch_size,
            mean=s.mean,
            std=s.std,
            generator=generator,
            drop_last=self.drop_last,
            augment=s.augment,
        )
        for step, (images, labels) in enumerate(stream):
            lr = self._set_lr((epoch - 1) + step / self.steps)
            loss, right = self.step(images, labels)
            self.optimizer.step()
            loss_sum += loss * len(labels)
            hits += right
            seen += len(labels)
            if on_step is not None:
                on_step(step + 1, self.steps)
        mean_loss = float(loss_sum) / seen  # the one wait for the device
        if not math.isfinite(mean_loss):
            raise DivergedError(
                f"the loss became {mean_loss} in epoch {epoch}: lower the learning rate ({s.lr:g})"
            )
        return mean_loss, float(hits) / seen, lr

    def _set_lr(self, position: float) -> float:
        """Sets the rates; gives that of what is not the head."""
        for group, schedule in zip(self.optimizer.param_groups, self._schedules, strict=True):
            group["lr"] = learning_rate(position, schedule)
        rate: float = self.optimizer.param_groups[0]["lr"]
        return rate

    def state(self) -> dict[str, Tensor]:
        """Trained parameters and optimizer moments as flat tensors, by name."""
        tensors = {}
        for name, parameter in self._trainable():
            tensors[f"parameter.{name}"] = parameter.detach().cpu().contiguous()
            for key, value in self.optimizer.state.get(parameter, {}).items():
                tensors[f"{key}.{name}"] = torch.as_tensor(value).detach().cpu().contiguous()
        return tensors

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Puts back what `state` gave, for the same model and settings."""
        with torch.no_grad():
            for name, parameter in self._trainable():
                parameter.copy_(tensors[f"parameter.{name}"])
                moments = {}
                for key in ("step", "exp_avg", "exp_avg_sq"):
                    if f"{key}.{name}" in tensors:
                        value = tensors[f"{key}.{name}"].clone()
                        moments[key] = value.to(parameter.device)
                if moments:
                    self.optimizer.state[parameter] = moments

    def _trainable(self) -> list[tuple[str, nn.Parameter]]:
        return [(n, p) for n, p in self.model.named_parameters() if p.requires_grad]


def _groups(model: nn.Module, settings: Settings) -> tuple[list[dict[str, Any]], list[Settings]]:
    """What the optimizer trains, and the schedule of the head where it is a group of its own, the last.

    A rate of 0 is 0 in the warm-up as well.
    """
    trained = [p for p in model.parameters() if p.requires_grad]
    if settings.head_lr is None:
        return [{"params": trained}], []
    own = {id(p) for p in classification_head(model).parameters()}
    parts = [p for p in trained if id(p) not in own], [p for p in trained if id(p) in own]
    warmup = min(settings.warmup_lr, settings.head_lr)
    schedule = dataclasses.replace(settings, lr=settings.head_lr, warmup_lr=warmup)
    return [{"params": part} for part in parts], [schedule]


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


def evaluate(model: nn.Module, images: ImageSet | StreamedSet, settings: Forward) -> Evaluation:
    """Answers of the model for all images; the same arithmetic as in training, without its noise.

    Raises DivergedError if a logit is not finite: such answers mean nothing.
    """

    def answer(replica: nn.Module, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, ...]:
        pixels, labels = batch
        with _inference(replica, pixels.device, settings):
            logits = replica(pixels).float()
            top = logits.softmax(dim=1).max(dim=1)
            odd = (~logits.isfinite()).any(dim=1).sum()
            losses = F.cross_entropy(logits, labels, reduction="none")
            loss = F.cross_entropy(logits, labels, reduction="sum")  # as 0.1.0 did, to the last bit
            return top.indices, top.values, losses, loss, odd

    answers = _for_all(model, images, settings, answer)
    predictions, probabilities, losses, sums, odd = zip(*answers, strict=True)
    _check_finite(int(torch.stack(odd).sum()), len(images), "logits")
    loss = float(torch.stack(sums).double().sum()) / len(images)
    if not math.isfinite(loss):
        raise DivergedError(f"the loss on {len(images)} images is {loss}: lower the learning rate")
    return Evaluation(
        images.labels.cpu().numpy(),
        torch.cat(predictions).cpu().numpy(),
        torch.cat(probabilities).cpu().numpy(),
        torch.cat(losses).cpu().numpy(),
        loss,
    )


def pooled_features(
    model: nn.Module,
    images: ImageSet,
    settings: Forward,
    *,
    on_images: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """What the head reads, (N, F) float32, for all images. Raises DivergedError if it is not finite."""

    def features(replica: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        with _inference(replica, images.device, settings):
            tokens = replica.forward_features(batch[0])
            return replica.forward_head(tokens, pre_logits=True).float()

    rows: list[Tensor] = []
    done = 0
    for part in _for_all(model, images, settings, features):
        rows.append(part)
        done += len(part)
        if on_images is not None:
            on_images(done, len(images))
    found = torch.cat(rows).cpu().numpy()
    _check_finite(int((~np.isfinite(found)).any(axis=1).sum()), len(found), "features")
    return found


def _check_finite(odd: int, images: int, what: str) -> None:
    """Raises DivergedError unless `odd`, how many images have a value that is not finite, is 0."""
    if odd:
        raise DivergedError(
            f"the {what} of {odd} of {images} images are NaN or infinite: the training diverged "
            "(lower the learning rate), or the backbone's weights or the images hold such values"
        )


def _for_all(
    model: nn.Module,
    images: ImageSet | StreamedSet,
    settings: Forward,
    work: Callable[[nn.Module, tuple[Tensor, Tensor]], Answer],
) -> Iterator[Answer]:
    """`work` of all batches in order, every thread with batches of about the same size."""
    replicas = Replicas(model, settings.threads if images.device.type == "cpu" else 1)
    replicas.train(False)
    rounds = math.ceil(len(images) / (EVALUATION_BATCH * len(replicas)))
    size = math.ceil(len(images) / (rounds * len(replicas)))
    return replicas.map(work, batches(images, size, mean=settings.mean, std=settings.std))


@contextlib.contextmanager
def _inference(model: nn.Module, device: torch.device, settings: Forward) -> Iterator[None]:
    with (
        torch.inference_mode(),
        autocast(device, settings.precision),
        last_block_for_class_token(model),
    ):
        yield


def halve_frozen_layers(model: nn.Module) -> None:
    """Stores frozen linear and convolution weights in bfloat16, to which autocast rounds them anyway.

    Saves the copy in every step; results are the same. Adapters, norms and the head stay float32.
    """
    inside_adapters = {id(m) for adapter in adapters(model).values() for m in adapter.modules()}
    for module in model.modules():
        if id(module) in inside_adapters or module is classification_head(model):
            continue
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            for parameter in module.parameters(recurse=False):
                if not parameter.requires_grad:
                    parameter.data = parameter.data.to(torch.bfloat16)


def _steps(images: int, batch_size: int, drop_last: bool) -> int:
    return images // batch_size if drop_last else math.ceil(images / batch_size)


def _epoch_seed(seed: int, epoch: int) -> int:
    return (seed * 1_000_003 + epoch * 7919) % (2**62)
