"""Batches as people have them, made images (B, 3, S, S) and class numbers (B,) on the model's device.

A batch is a pair or a table; labels are a tensor, an array or a list, (B,), (B, 1) or one-hot. What
has one meaning is taken, all else is refused with the remedy. Batches without images are left out.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ict.errors import InputError, quoted

IMAGES = ("images", "image", "pixel_values", "pixels", "img", "inputs", "input", "x")
LABELS = ("labels", "label", "targets", "target", "y")
Batch = tuple[Tensor, Tensor]


def batches_for(
    model: nn.Module, data: Iterable[Any] | Callable[[], Iterable[Any]]
) -> Callable[[], Iterator[Batch]]:
    """A function that starts a pass over `data` anew; images are in the model's type of number.

    `data` is a list, a loader, or a function that gives one; what can be gone through once is kept.
    Each batch that is none raises InputError when it comes.
    """
    again: Any = data if callable(data) else lambda: data
    if not (callable(data) or hasattr(data, "__iter__") or hasattr(data, "__getitem__")):
        raise InputError(
            f"the data are {quoted(data)}: give batches of images and labels, a list or a loader of them"
        )
    if not callable(data) and iter(data) is data:  # a generator is used up after one pass
        kept = list(data)
        again = lambda: kept  # noqa: E731

    def start() -> Iterator[Batch]:
        example = next(model.parameters())
        if example.is_meta or not example.is_floating_point():
            kind = (
                "no weights yet (device meta)" if example.is_meta else f"{_type(example)} weights"
            )
            raise InputError(f"the model has {kind}: load weights of real numbers first")
        for batch in again():
            images, labels = parts(batch)
            if len(labels):
                check_images(images, model)
                yield _usable(images).to(example), labels.to(example.device)

    return start


def parts(batch: Any) -> Batch:
    """Images and class numbers of one batch, where they lie. Raises InputError if it is none."""
    images, labels = _pair(batch)
    pixels = _tensor(images, "images")
    classes = class_numbers(labels)
    if pixels.ndim == 0 or len(pixels) != len(classes):
        count = len(pixels) if pixels.ndim else 1
        raise InputError(
            f"a batch has {count} images and {len(classes)} labels; give one label each"
        )
    return pixels, classes


def class_numbers(labels: Any) -> Tensor:
    """(B,) int64 from whole numbers (B,) or (B, 1), or from one-hot rows (B, C)."""
    numbers = _tensor(labels, "labels")
    if numbers.ndim == 2 and numbers.shape[1] > 1:
        return _of_rows(numbers)
    if numbers.ndim == 2:
        numbers = numbers[:, 0]
    if numbers.ndim != 1:
        raise InputError(
            f"labels have the shape {tuple(numbers.shape)}: give (B,), one class an image"
        )
    if numbers.is_floating_point() or numbers.is_complex() or numbers.dtype == torch.bool:
        raise InputError(
            f"labels are {_type(numbers)}: give whole numbers, the classes from 0 (labels.long())"
        )
    return _usable(numbers).long()


def check_images(images: Tensor, model: Any) -> None:
    """Raises InputError unless they are (B, channels, S, S) of the size that `model` takes, not bytes."""
    embed = getattr(model, "patch_embed", None)
    projection = getattr(embed, "proj", None)
    channels = getattr(projection, "in_channels", 3)
    size = getattr(embed, "img_size", None) if getattr(embed, "strict_img_size", True) else None
    shape = f"(B, {channels}, {size[0]}, {size[1]})" if size else f"(B, {channels}, S, S)"
    odd = images.ndim != 4 or images.shape[1] != channels
    if odd or (size and tuple(images.shape[2:]) != tuple(size)):
        raise InputError(
            f"images have the shape {tuple(images.shape)}: the model takes {shape}; resize them, or make the "
            "model for their size (timm: img_size=)"
        )
    if not images.is_floating_point():
        raise InputError(
            f"images are {_type(images)}: give normalised numbers, (images / 255 - mean) / std with the mean "
            "and std of timm.data.resolve_model_data_config(model)"
        )


def _pair(batch: Any) -> tuple[Any, Any]:
    if isinstance(batch, Mapping):
        named = [[batch[name] for name in names if name in batch] for names in (IMAGES, LABELS)]
        if not all(named):
            raise InputError(
                f"a batch has the keys {quoted(', '.join(map(str, batch)))}; name its parts images and labels"
            )
        return named[0][0], named[1][0]
    if not (isinstance(batch, (tuple, list)) and len(batch) == 2):
        raise InputError("each batch must be a pair: images (B, 3, S, S) and labels (B,)")
    return batch[0], batch[1]


def _tensor(values: Any, what: str) -> Tensor:
    try:
        tensor = torch.as_tensor(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{what} are a {type(values).__name__} that is no table of numbers ({quoted(str(error))}); give a tensor"
        ) from error
    if tensor.is_meta:
        raise InputError(
            f"{what} are on the device meta, which holds no numbers; give their values"
        )
    return tensor


def _of_rows(rows: Tensor) -> Tensor:
    one_hot = ((rows == 0) | (rows == 1)).all() and (rows.sum(dim=1) == 1).all()
    if not one_hot:
        raise InputError(
            f"labels have the shape {tuple(rows.shape)} and are not one-hot: give one class an image"
        )
    return _usable(rows).to(torch.uint8).argmax(dim=1)


def _usable(values: Tensor) -> Tensor:
    """`values`, or a copy if autograd could not read them: made inside `torch.inference_mode`."""
    return values.clone() if values.is_inference() else values


def _type(values: Tensor) -> str:
    return str(values.dtype).removeprefix("torch.")
