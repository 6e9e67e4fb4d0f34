"""Sums of g xᵀ and of g over tokens and images at all sites of a model, by part of the images."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ict.adapter_gradients import bytes_of
from ict.criteria import Request
from ict.model.backbones import pooled_features
from ict.model.sites import Site
from ict.scoring.memory import backward_bytes, check_fits, images_at_once, memory_limit
from ict.scoring.reading import all_sites

Opened = dict[str, list[list[Site]]]
Widths = dict[str, list[tuple[int, int]]]
"""Of each site (blocks, D) of its stages."""
Receive = Callable[[int, Tensor, Tensor], None]
"""Called with the place of a site, and its value and gradient."""


class Room(NamedTuple):
    """How wide the sites are, and how many images fit into a pass beside their sums."""

    widths: Widths
    at_once: int


def room_for(model: nn.Module, opened: Opened, image: Tensor, request: Request, parts: int) -> Room:
    """What one image (1, 3, S, S) tells of the passes to come. Raises InputError for sums that do not fit.

    A pass has what it keeps for the way back and the values at the sites, and at its peak gradients of
    the same size.
    """
    seen: dict[nn.Module, tuple[int, int]] = {}

    def look(tap: nn.Module, _inputs: object, output: Tensor) -> None:
        seen[tap] = output.shape[-1], output.nbytes

    with _hooked(all_sites(opened), look):
        kept = backward_bytes(
            model, lambda: pooled_features(model, image.detach().clone().requires_grad_())
        )
    widths: Widths = {
        site: [(len(stage), seen[stage[0].tap][0]) for stage in stages]
        for site, stages in opened.items()
    }
    needed = sum(bytes_of(stages, 1, parts) for stages in widths.values())
    limit = memory_limit(request.options, image.device)
    what = f"gradients of adapters at {', '.join(request.sites)}"
    check_fits(needed, limit, what, "score fewer sites at once or raise memory_limit_bytes")
    left = {**request.options, "memory_limit_bytes": max(1, limit - needed)}
    per_image = 2 * (kept + sum(size for _, size in seen.values()))
    return Room(widths, images_at_once(per_image, left, image.device))


class GradientSums:
    """G (blocks, D, D) and g (blocks, D) of every site, stage and part, in float32 on one device.

    `arrays` names them as `ict.adapter_gradients.AdapterGradients` does.
    """

    def __init__(self, widths: Widths, parts: int, device: torch.device) -> None:
        self.arrays: dict[str, Tensor] = {}
        self._places: list[list[tuple[Tensor, Tensor]]] = []  # [block of a site][part]
        for site, stages in widths.items():
            for stage, (blocks, width) in enumerate(stages):
                of_parts = []
                for part in range(parts):
                    weight = torch.zeros(blocks, width, width, device=device)
                    bias = torch.zeros(blocks, width, device=device)
                    self.arrays[f"{site}.{stage}.G.{part}"] = weight
                    self.arrays[f"{site}.{stage}.g.{part}"] = bias
                    of_parts.append(zip(weight, bias, strict=True))
                self._places += [list(block) for block in zip(*of_parts, strict=True)]

    def add(self, place: int, value: Tensor, gradient: Tensor, *, images: Sequence[int]) -> None:
        """Adds images that lie in the order of their parts, `images` of each.

        `value` and `gradient` are (B, …, D), or (B·W, T, D) where the windows of an image lie one after another.
        """
        by_image = (sum(images), -1, value.shape[-1])
        value, gradient = value.float().reshape(by_image), gradient.float().reshape(by_image)
        for (weight, bias), values, gradients in zip(
            self._places[place],
            value.split(list(images)),
            gradient.split(list(images)),
            strict=True,
        ):
            if len(values):
                x, g = values.flatten(0, 1), gradients.flatten(0, 1)
                with _whole_float32():
                    weight.addmm_(g.T, x)
                bias.add_(g.sum(dim=0))


def pass_back(
    model: nn.Module,
    sites: Sequence[Site],
    images: Tensor,
    loss: Callable[[Tensor], Tensor],
    receive: Receive,
) -> None:
    """One pass forth and back: `receive` gets each site's value and gradient as soon as the latter is known.

    So those of all blocks are never alive at once. The sites must carry the stream, the parameters be
    frozen: nothing below the first sites is passed through backwards.
    """
    places: dict[nn.Module, int] = {site.tap: place for place, site in enumerate(sites)}
    values: dict[int, Tensor] = {}
    leaves: list[Tensor] = []

    def keep(tap: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        place = places[tap]
        values[place] = output.detach()
        if output.requires_grad:
            fresh = output.view_as(output)
        else:
            fresh = output.detach().requires_grad_()
            leaves.append(fresh)
        # the value is no part of the closure: a tensor that its own hook holds is never freed
        fresh.register_hook(lambda gradient: receive(place, values.pop(place), gradient.detach()))
        return fresh

    with _hooked(sites, keep), torch.enable_grad():
        torch.autograd.grad(loss(pooled_features(model, images)), leaves)


@contextmanager
def _hooked(sites: Sequence[Site], hook: Callable[..., Any]) -> Iterator[None]:
    """`hook` on the tap of each site; off again afterwards, also after an error."""
    handles = [site.tap.register_forward_hook(hook) for site in sites]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _whole_float32() -> Iterator[None]:
    """No product of float32 in TF32 or bfloat16 inside, whatever was allowed outside; as before afterwards.

    Nothing else is to run inside: who reads the old names of these settings there is refused by torch.
    """
    cuda: Any = torch.backends.cuda.matmul
    mkldnn: Any = torch.backends.mkldnn
    settings: list[tuple[Any, str, Any]] = []
    if hasattr(cuda, "fp32_precision"):  # torch 2.9
        settings += [(place, "fp32_precision", "ieee") for place in (cuda, mkldnn.matmul)]
    else:
        settings.append((cuda, "allow_tf32", False))
    before = [getattr(place, name) for place, name, _ in settings]
    try:
        for place, name, value in settings:
            setattr(place, name, value)
        yield
    finally:
        for (place, name, _), value in zip(settings, before, strict=True):
            setattr(place, name, value)
