"""A frozen forward pass over a set of images: answers, losses, features of the head."""

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ict.data import ImageSet, StreamedSet, batches
from ict.errors import DivergedError
from ict.model import backbones
from ict.model.class_token import last_block_for_class_token
from ict.training.evaluation_batch import EVALUATION_BATCH, evaluation_batch
from ict.training.replicas import Answer, Replicas
from ict.training.settings import Forward
from ict.training.step import autocast

__all__ = ["EVALUATION_BATCH", "Evaluation", "check_finite", "evaluate", "pooled_features"]


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
    check_finite(int(torch.stack(odd).sum()), len(images), "logits")
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
            return backbones.pooled_features(replica, batch[0]).float()

    rows: list[Tensor] = []
    done = 0
    for part in _for_all(model, images, settings, features):
        rows.append(part)
        done += len(part)
        if on_images is not None:
            on_images(done, len(images))
    together = torch.cat(rows).cpu().numpy()
    check_finite(int((~np.isfinite(together)).any(axis=1).sum()), len(together), "features")
    return together


def _for_all(
    model: nn.Module,
    images: ImageSet | StreamedSet,
    settings: Forward,
    work: Callable[[nn.Module, tuple[Tensor, Tensor]], Answer],
) -> Iterator[Answer]:
    """`work` of all batches in order, every thread with batches of about the same size."""
    replicas = Replicas(model, settings.threads if images.device.type == "cpu" else 1)
    replicas.train(False)
    most = evaluation_batch(model, images.device)
    rounds = math.ceil(len(images) / (most * len(replicas)))
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


def check_finite(odd: int, images: int, what: str) -> None:
    """Raises DivergedError unless `odd`, how many images have a value that is not finite, is 0."""
    if odd:
        raise DivergedError(
            f"the {what} of {odd} of {images} images are NaN or infinite: the training diverged "
            "(lower the learning rate), or the backbone's weights or the images hold such values"
        )
