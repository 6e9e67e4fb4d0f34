"""Scores of any timm model's channels, for a notebook."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from torch import Tensor, nn

from ict.catalogue import SITE
from ict.criteria import CRITERION, Progress, Request, get_criterion
from ict.documents.identity import check_finite
from ict.errors import InputError
from ict.scores import ChannelScores


def score(
    model: nn.Module,
    data: Iterable[tuple[Tensor, Tensor]] | Callable[[], Iterable[tuple[Tensor, Tensor]]],
    *,
    site: str | Sequence[str] = SITE,
    criterion: str = CRITERION,
    tokens: str | None = None,
    classes: int | None = None,
    keep_images: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> ChannelScores:
    """Scores every channel of a timm model at one or more sites, for a notebook.

    `data` gives normalised images (B, 3, S, S) and labels (B,) on the model's device: a list, a
    DataLoader, or a function that starts the pass anew (some criteria take more than one). `classes`
    is found in a first look at the labels when it is not given. The model is in evaluation mode while
    it is scored and is left as it was. Raises InputError for an unknown site, criterion or tokens.
    """
    check_finite(options)
    again: Any = data if callable(data) else lambda: data
    if not callable(data) and iter(data) is data:  # a generator is used up after one pass
        kept = list(data)
        again = lambda: kept  # noqa: E731
    if not isinstance(model, nn.Module):
        raise InputError(f"score needs a timm model, not {type(model).__name__}")
    lowest, highest = _label_range(again())
    if lowest < 0 or (classes is not None and highest >= classes):
        raise InputError(
            f"labels from {lowest} to {highest}: give 0 to {(classes or highest + 1) - 1}"
        )
    classes = highest + 1 if classes is None else classes
    chosen = get_criterion(criterion)
    sites = (site,) if isinstance(site, str) else tuple(site)
    request = Request(
        sites=sites,
        classes=classes,
        images=sum(len(labels) for _, labels in again()) if progress else 0,
        tokens=tokens or chosen.default_tokens,
        keep_images=keep_images,
        options=options,
        progress=progress,
    )
    was_training = model.training
    try:
        computed = chosen.compute(model.eval(), again, request)
    finally:
        model.train(was_training)
    meta = {"criterion": criterion, "tokens": request.tokens, "classes": classes, **computed.meta}
    return ChannelScores(computed.arrays, meta, computed.labels)


def _label_range(data: Iterable[Any]) -> tuple[int, int]:
    """The lowest and highest label of all batches; InputError for data that is no batch of both."""
    lows, highs = [], []
    for batch in data:
        if not (isinstance(batch, (tuple, list)) and len(batch) == 2):
            raise InputError("each batch must be a pair: images (B, 3, S, S) and labels (B,)")
        lows.append(int(batch[1].min()))
        highs.append(int(batch[1].max()))
    if not lows:
        raise InputError("the data holds no batch: there is nothing to score")
    return min(lows), max(highs)
