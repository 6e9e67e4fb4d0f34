"""Values at the sites of a model: which tokens count, and the passes that read them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from ict.criteria import Progress
from ict.errors import InputError, quoted
from ict.model.backbones import block_kind, block_stages, pooled_features, prefix_tokens
from ict.model.pooling import head_tokens
from ict.model.sites import Site, open_sites

if TYPE_CHECKING:
    from ict.criteria import Batches

_NORM_FIRST = {
    ("vision_transformer", "Block"),
    ("swin_transformer", "SwinTransformerBlock"),
    ("beit", "Block"),
    ("eva", "EvaBlock"),
}


class Meter:
    """Counts images over all passes of a criterion and tells `progress`."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self.progress = progress
        self.total = total
        self.done = 0

    def add(self, images: int) -> None:
        self.done += images
        if self.progress is not None:
            self.progress(self.done, max(self.total, self.done))


def check_finite(values: np.ndarray, what: str) -> None:
    """Raises InputError unless all of `values`, which `what` names, are finite."""
    if not np.isfinite(values).all():
        raise InputError(
            f"the {what} are not finite: an image, or the model's weights, hold NaN, infinity or "
            "numbers that are too large"
        )


def choose_tokens(values: Tensor, model: nn.Module, tokens: str) -> Tensor:
    """The tokens that are scored: (B, T, D) from (B, P+T, D), or from Swin's (B, H, W, D).

    `patch` leaves the P prefix tokens out (the paper), `cls` keeps the first alone, `all` keeps all,
    `head` keeps those that the model's head pools: the class token, the patch tokens, or all.
    Raises InputError for `cls` where there is no class token.
    """
    if values.ndim == 4:
        values = values.flatten(1, 2)
    prefix = prefix_tokens(model)
    if tokens == "cls" and prefix == 0:
        raise InputError(
            f"tokens='cls': {type(model).__name__} has no class token; choose patch or all"
        )
    if tokens == "head":
        return values[:, head_tokens(model)]
    if tokens == "patch":
        return values[:, prefix:]
    return values[:, :1] if tokens == "cls" else values


class _Stop(Exception):  # noqa: N818
    """Ends a forward pass behind the last site that was asked for."""


Taps = dict[str, list[list[Tensor]]]


def read_taps(
    model: nn.Module, batches: "Batches", sites: tuple[str, ...]
) -> Iterator[tuple[Taps, Tensor]]:
    """For each batch the values at the sites, `{site: [stage][block]}`, and the labels.

    All values of one batch are alive at once; those of the batch before are not, once they are let go.
    """
    with tap_reader(model, sites) as read:
        for images, labels in batches():
            yield read(images), labels


@contextmanager
def tap_reader(model: nn.Module, sites: tuple[str, ...]) -> Iterator[Callable[[Tensor], Taps]]:
    """A function that passes images through the model, up to the last site, and gives the values there."""
    with open_sites(model, sites) as opened:
        order = all_sites(opened)
        values: dict[int, Tensor] = {}

        def keep(tap: nn.Module, _inputs: object, output: Tensor) -> None:
            values[id(tap)] = output
            if len(values) == len(order):
                raise _Stop

        def read(images: Tensor) -> Taps:
            values.clear()
            with suppress(_Stop):
                model(images)
            arranged = _arrange(opened, values, len(images))
            values.clear()
            return arranged

        handles = [site.tap.register_forward_hook(keep) for site in order]
        try:
            yield read
        finally:
            for handle in handles:
                handle.remove()


@contextmanager
def exact_float32(model: nn.Module) -> Iterator[None]:
    """On a GPU, float32 products of float32 numbers: TF32 keeps 10 bits of them, in torch's default of convolutions."""
    if not next(model.parameters()).is_cuda:
        yield
        return
    places: tuple[Any, ...] = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [place.allow_tf32 for place in places]
    for place in places:
        place.allow_tf32 = False
    try:
        yield
    finally:
        for place, allowed in zip(places, before, strict=True):
            place.allow_tf32 = allowed


def all_sites(opened: dict[str, list[list[Site]]]) -> list[Site]:
    """The sites in the order of `open_sites`: by name, stage and block."""
    return [site for stages in opened.values() for stage in stages for site in stage]


def following_norms(model: Any, site: str) -> list[list[nn.Module]]:
    """The LayerNorm that reads a residual site next, [stage][block]: the `normed` view.

    Raises InputError for a site or a family where no LayerNorm of that width follows.
    """
    stages: list[list[Any]] = block_stages(model)
    if site not in ("attn", "block"):
        raise InputError(
            f"normed: no LayerNorm reads site {quoted(site)} next; choose attn or block"
        )
    kinds = {block_kind(block) for stage in stages for block in stage}
    if not kinds <= _NORM_FIRST:
        raise InputError(
            f"normed: {type(model).__name__} normalises after its branches, not before them"
        )
    if site == "attn":
        return [[block.norm2 for block in stage] for stage in stages]
    norms = [[block.norm1 for block in stage[1:]] for stage in stages]
    if len(stages) > 1:
        raise InputError(
            f"normed: behind the last block of a stage {type(model).__name__} normalises merged patches "
            "of another width; choose site attn"
        )
    return [[*norms[0], model.norm]]


def _arrange(opened: dict[str, list[list[Site]]], values: dict[int, Tensor], images: int) -> Taps:
    return {
        site: [[_by_image(values[id(s.tap)], images) for s in stage] for stage in stages]
        for site, stages in opened.items()
    }


def _by_image(values: Tensor, images: int) -> Tensor:
    """(B, …, D): inside Swin's attention the windows of an image lie one after another, (B·W, T, D)."""
    if len(values) == images:
        return values
    return values.reshape(images, -1, values.shape[-1])


def read_gradients(
    model: nn.Module, sites: list[Site], images: Tensor, loss: Callable[[Tensor], Tensor]
) -> list[tuple[Tensor, Tensor]]:
    """Value a and gradient g of a scalar `loss(features)` at every site, in the order of `sites`.

    The sites must carry the stream (`open_sites(..., whole_stream=True)`); one backward pass.
    """
    values: dict[int, Tensor] = {}

    def keep(tap: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        fresh = output.view_as(output) if output.requires_grad else output.detach().requires_grad_()
        values[id(tap)] = fresh
        return fresh

    handles = [site.tap.register_forward_hook(keep) for site in sites]
    try:
        with torch.enable_grad():
            scalar = loss(pooled_features(model, images))
            order = [values[id(site.tap)] for site in sites]
            gradients = torch.autograd.grad(scalar, order)
    finally:
        for handle in handles:
            handle.remove()
    return [(value.detach(), g) for value, g in zip(order, gradients, strict=True)]


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """No parameter asks for a gradient inside, so none is kept for it; as before afterwards.

    Raises InputError for a model through which no gradient can flow.
    """
    if any(parameter.is_inference() for parameter in model.parameters()):
        raise InputError(
            "the model was made inside torch.inference_mode, so no gradient flows through it; make it outside"
        )
    asking = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in asking:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in asking:
            parameter.requires_grad_(True)
