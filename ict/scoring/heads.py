"""Heads for criteria that need a prediction: linear, fitted on other images than they judge.

On images that a head was fitted on, gradients vanish; under a random head they mean nothing. So the
images of each class are dealt into two folds, and each fold is judged by the head of the other:
`probe` (logistic regression on standardised features) or `ncm` (nearest class mean). One temperature,
found on the held-out predictions, calibrates both.
"""

import hashlib
import warnings
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from ict.errors import InputError, quoted
from ict.model.backbones import pooled_features
from ict.scoring.reading import Meter, check_finite

if TYPE_CHECKING:
    from ict.criteria import Batches

HEADS = ("probe", "ncm")
INVERSE_PENALTY = 0.1  # scikit-learn's C: 768 features of 500 images need a firm one
_NEVER = -np.inf  # logit of a class that the other fold has no image of
_TOO_FEW = "a cross-fitted head needs two classes with at least two images each; score more images"


@dataclass(frozen=True)
class LinearHead:
    """Logits features @ weight.T + bias; weight (C, F) and bias (C,) in float64."""

    weight: np.ndarray
    bias: np.ndarray

    def logits(self, features: np.ndarray) -> np.ndarray:
        return features @ self.weight.T + self.bias


@dataclass(frozen=True)
class CrossFittedHeads:
    """Two heads, and for every image which one may judge it.

    `fold_of` knows an image by its content, so passes may batch and order the images as they like.
    """

    kind: str
    weight: Tensor  # (2, C, F)
    bias: Tensor  # (2, C)
    fold_of: dict[bytes, int]
    meta: dict[str, Any]
    judged_of_class: tuple[tuple[int, ...], ...]
    """Of each head, how many images of each class it may judge."""

    def folds(self, images: Tensor) -> Tensor:
        """(B,) the head that may judge each image, −1 for one that none can."""
        try:
            folds = [self.fold_of[digest] for digest in digests(images)]
        except KeyError:
            raise InputError(
                "the second pass over the images gave other images than the first; score without augmentation"
            ) from None
        return torch.tensor(folds, device=images.device)

    def log_probabilities(self, features: Tensor, folds: Tensor) -> Tensor:
        """(B, C) natural logarithms, each image by its own head; in float32 for half-precision features."""
        features = features.to(self.weight.dtype)
        logits = torch.where(
            folds[:, None] == 0,
            features @ self.weight[0].T + self.bias[0],
            features @ self.weight[1].T + self.bias[1],
        )
        return logits.log_softmax(dim=1)


def digests(images: Tensor) -> list[bytes]:
    """A fingerprint of the content of each image (B, 3, S, S)."""
    pixels = images.detach().float().cpu().contiguous()  # equal images in another type are equal
    return [
        hashlib.blake2b(image.view(torch.uint8).numpy().tobytes(), digest_size=16).digest()
        for image in pixels
    ]


def cross_fit(
    model: nn.Module, batches: "Batches", *, classes: int, kind: str, meter: Meter
) -> CrossFittedHeads:
    """One pass for the features, then the two heads. Raises InputError if no class has two images."""
    if kind not in HEADS:
        raise InputError(f"head={quoted(kind)}: choose one of {', '.join(HEADS)}")
    features, labels, names = collect_features(model, batches, meter)
    order = sorted(range(len(names)), key=lambda i: names[i])
    features, labels, names = features[order], labels[order], [names[i] for i in order]
    fold = deal(labels)
    fit = fit_probe if kind == "probe" else fit_class_means
    heads = [_fit_or_refuse(fit, features[fold != f], labels[fold != f], classes) for f in (0, 1)]
    answered = np.array(
        [np.isin(label, labels[fold != f]) for label, f in zip(labels, fold, strict=True)]
    )
    if not answered.any():
        raise InputError(_TOO_FEW)
    logits = np.stack([heads[f].logits(x) for x, f in zip(features, fold, strict=True)])
    temperature = calibrate(logits[answered], labels[answered])
    held_out = _log_softmax(logits[answered] / temperature)
    device = next(model.parameters()).device
    meta = {
        "head": kind,
        "head_folds": 2,
        "head_temperature": temperature,
        "head_held_out_accuracy": float((held_out.argmax(axis=1) == labels[answered]).mean()),
        "head_held_out_log_probability": float(_of(held_out, labels[answered]).mean()),
        "head_images_left_out": int((~answered).sum()),
    }
    return CrossFittedHeads(
        kind,
        torch.tensor(
            np.stack([h.weight / temperature for h in heads]), dtype=torch.float32, device=device
        ),
        torch.tensor(
            np.stack([h.bias / temperature for h in heads]), dtype=torch.float32, device=device
        ),
        {n: int(f) if k else -1 for n, f, k in zip(names, fold, answered, strict=True)},
        meta,
        tuple(_counted(labels[answered & (fold == f)], classes) for f in (0, 1)),
    )


def _counted(labels: np.ndarray, classes: int) -> tuple[int, ...]:
    return tuple(np.bincount(labels, minlength=classes).tolist())


@torch.inference_mode()
def collect_features(
    model: nn.Module, batches: "Batches", meter: Meter
) -> tuple[np.ndarray, np.ndarray, list[bytes]]:
    """Pooled features (N, F) float64, labels (N,) and fingerprints of all images, in one pass.

    Raises InputError if there are none, or a feature is not finite.
    """
    features, labels, names = [], [], []
    for images, targets in batches():
        features.append(pooled_features(model, images).double().cpu().numpy())
        labels.append(targets.cpu().numpy())
        names += digests(images)
        meter.add(len(targets))
    if not names:
        raise InputError("there are no images to score")
    rows = np.concatenate(features)
    check_finite(rows, "features")
    return rows, np.concatenate(labels), names


def deal(labels: np.ndarray) -> np.ndarray:
    """(N,) fold 0 or 1: the images of each class by turns; odd classes begin alternately."""
    seen: dict[int, int] = defaultdict(int)
    folds = np.empty(len(labels), dtype=np.int64)
    for i, label in enumerate(labels.tolist()):
        folds[i] = (seen[label] + label) % 2
        seen[label] += 1
    return folds


def fit_probe(features: np.ndarray, labels: np.ndarray, classes: int) -> LinearHead:
    """L2-penalised logistic regression on standardised features, rewritten for the raw ones."""
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    deviation[deviation == 0] = 1
    with (
        warnings.catch_warnings(),
        threadpool_limits(1, user_api="blas"),
    ):  # one: same numbers again
        warnings.simplefilter("ignore", ConvergenceWarning)  # a flat valley is a good head too
        fitted = LogisticRegression(C=INVERSE_PENALTY, max_iter=300).fit(
            (features - mean) / deviation, labels
        )
    coefficients, intercepts = fitted.coef_, fitted.intercept_
    if len(coefficients) == 1:  # two classes: scikit-learn keeps the difference of the logits
        coefficients = np.concatenate([np.zeros_like(coefficients), coefficients])
        intercepts = np.concatenate([np.zeros_like(intercepts), intercepts])
    weight = np.zeros((classes, features.shape[1]))
    bias = np.full(classes, _NEVER)
    weight[fitted.classes_] = coefficients / deviation
    bias[fitted.classes_] = intercepts - (coefficients / deviation) @ mean
    return LinearHead(weight, bias)


def fit_class_means(features: np.ndarray, labels: np.ndarray, classes: int) -> LinearHead:
    """Nearest class mean as a linear head: −½‖f − m_k‖² up to what all classes share."""
    weight = np.zeros((classes, features.shape[1]))
    bias = np.full(classes, _NEVER)
    for label in np.unique(labels):
        weight[label] = features[labels == label].mean(axis=0)
        bias[label] = -0.5 * weight[label] @ weight[label]
    return LinearHead(weight, bias)


def calibrate(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature that gives the true classes (N,) the highest likelihood."""

    def loss(log_temperature: float) -> float:
        return -float(_of(_log_softmax(logits / np.exp(log_temperature)), labels).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-7, 9), method="bounded").x))


def _fit_or_refuse(
    fit: Callable[[np.ndarray, np.ndarray, int], LinearHead],
    features: np.ndarray,
    labels: np.ndarray,
    classes: int,
) -> LinearHead:
    if len(np.unique(labels)) < 2:
        raise InputError(_TOO_FEW)
    return fit(features, labels, classes)


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def _of(table: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return table[np.arange(len(labels)), labels]
