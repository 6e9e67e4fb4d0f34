"""One linear layer from chosen channels of D to chosen channels: what it computes, and its gradients.

It reads R and writes S, which are one set of K channels in the paper (arXiv 2309.08513):

y[..., S] = x[..., S] + s · (W z + b),    z = x[..., R]
y[..., S] = s · x[..., S] + W z + b       with `scale_on_x`

With `rms` each channel of R is divided by its own size before, z = x[..., R] / rms: the same functions
with weights W / rms, reached by other steps.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ict.catalogue import INITS
from ict.errors import InputError, quoted


class ChannelAdapter(nn.Module):
    """Adds Δ of the chosen channels R of D to the channels S, and leaves the others as they are.

    `indices` are R, `writes` S where it is another set. They are buffers, so a checkpoint knows which
    channels they are. `rms` (|R|,) divides what is read. `init` is `trunc_normal` (W std 0.02, as the
    authors) or `zero`, which leaves the network as it was. Raises InputError for channels that are none
    or named twice, an `rms` that is not positive, an unknown `init`, a `scale` that is not finite.
    """

    indices: Tensor
    positions: Tensor
    writes: Tensor | None
    write_positions: Tensor | None
    rms: Tensor | None

    def __init__(
        self,
        indices: Sequence[int],
        width: int,
        *,
        writes: Sequence[int] | None = None,
        rms: Sequence[float] | None = None,
        scale: float = 1.0,
        scale_on_x: bool = False,
        init: str = "trunc_normal",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        chosen = _channels(indices, width)
        written = None if writes is None else _channels(writes, width)
        if isinstance(scale, str) or not math.isfinite(scale):
            raise InputError(f"scale={quoted(scale)}: give a finite number")
        if init not in INITS:
            raise InputError(f"init={quoted(init)}: choose one of {', '.join(INITS)}")
        self.width = width
        self.scale = scale
        self.scale_on_x = scale_on_x
        self.register_buffer("indices", chosen)
        self.register_buffer("positions", _positions(chosen, width), persistent=False)
        self.register_buffer("writes", written)
        at = None if written is None else _positions(written, width)
        self.register_buffer("write_positions", at, persistent=False)
        self.register_buffer("rms", None if rms is None else _sizes(rms, len(chosen)))
        k = len(chosen if written is None else written)
        self.weight = nn.Parameter(torch.zeros(k, len(chosen)))
        self.bias = nn.Parameter(torch.zeros(k))
        if init == "trunc_normal":
            nn.init.trunc_normal_(self.weight, std=0.02, generator=generator)

    def forward(self, values: Tensor, stream: Tensor | None = None) -> Tensor:
        """values (..., D) + Δ(values), in the type of values: Δ is cast back from the adapter's type.

        With `stream` (..., D), to which values are yet to be added: values + Δ(stream + values), in
        the wider type of the two (autocast). Only K channels of that sum are ever computed.
        """
        read_from, write_to = _functions()
        chosen, values = read_from(values, stream, self.indices, self.positions)
        weight: Tensor = self.weight
        bias: Tensor = self.bias
        if not self.scale_on_x and self.scale != 1.0:
            weight, bias = weight * self.scale, bias * self.scale
        read = chosen.to(weight.dtype)
        if self.rms is not None:
            read = read / self.rms
        delta = nn.functional.linear(read, weight, bias).to(chosen.dtype)
        into, places = self.indices, self.positions
        own = chosen
        if self.writes is not None and self.write_positions is not None:
            into, places = self.writes, self.write_positions
            if self.scale_on_x:
                own, values = read_from(values, stream, into, places)
        if self.scale_on_x:
            delta = delta + (self.scale - 1.0) * own
        return write_to(values, delta, into, places)

    def extra_repr(self) -> str:
        written = "" if self.writes is None else f", writes={len(self.writes)}"
        return f"channels={len(self.indices)} of {self.width}{written}, scale={self.scale}"

    @property
    def written(self) -> Tensor:
        """The channels S that are changed."""
        return self.indices if self.writes is None else self.writes

    def _load_from_state_dict(self, *arguments: Any) -> None:
        super()._load_from_state_dict(*arguments)
        self.positions.copy_(_positions(self.indices, self.width))
        if self.writes is not None and self.write_positions is not None:
            self.write_positions.copy_(_positions(self.writes, self.width))


class _TracedRead(torch.autograd.Function):
    """The chosen channels (..., K) of values, or of stream + values; and values themselves.

    autograd's own rules would add up the whole stream first, make a gradient of zeros for each of
    the two, and sort the indices on a GPU that is to be deterministic.
    """

    @staticmethod
    def forward(
        values: Tensor, stream: Tensor | None, indices: Tensor, positions: Tensor
    ) -> tuple[Tensor, Tensor]:
        chosen = values.index_select(-1, indices)
        if stream is not None:
            chosen = stream.index_select(-1, indices) + chosen
        return chosen, values.view_as(values)

    @staticmethod
    def setup_context(context: Any, inputs: Any, output: Any) -> None:
        _, stream, indices, positions = inputs
        context.save_for_backward(indices, positions)
        context.of_stream = stream is not None

    @staticmethod
    def backward(  # type: ignore[override]  # torch declares *gradients
        context: Any, of_chosen: Tensor, of_values: Tensor
    ) -> tuple[Tensor, Tensor | None, None, None]:
        indices, positions = context.saved_tensors
        of_stream = _spread(of_chosen, indices, positions) if context.of_stream else None
        return _add(of_values, of_chosen, indices, positions), of_stream, None, None


class _TracedWrite(torch.autograd.Function):
    """values (..., D) with delta (..., K) added to the chosen channels; backward is a plain gather."""

    @staticmethod
    def forward(values: Tensor, delta: Tensor, indices: Tensor, positions: Tensor) -> Tensor:
        return _add(values, delta, indices, positions)

    @staticmethod
    def setup_context(context: Any, inputs: Any, output: Any) -> None:
        values, delta, indices, _ = inputs
        context.save_for_backward(indices)
        context.dtypes = values.dtype, delta.dtype

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:  # type: ignore[override]  # torch declares *gradients
        (indices,) = context.saved_tensors
        of_values, of_delta = context.dtypes
        chosen = gradient.index_select(-1, indices)
        return gradient.to(of_values), chosen.to(of_delta), None, None


class _Exact(torch.autograd.Function):
    """Base of the two functions below: they go through torch.func's grad, vjp and vmap."""

    generate_vmap_rule = True

    @staticmethod
    def jvp(context: Any, *tangents: Any) -> Any:
        raise InputError(
            "channel adapters have no forward-mode derivative; use torch.func.grad, vjp or jacrev"
        )


class _Read(_Exact, _TracedRead):
    """`_TracedRead` outside of torch.compile, which traces no function with a `jvp`."""


class _Write(_Exact, _TracedWrite):
    """`_TracedWrite` outside of torch.compile."""


def _functions() -> tuple[Callable[..., Any], Callable[..., Any]]:
    """How channels are read and written; the same arithmetic inside torch.compile and outside."""
    if torch.compiler.is_compiling():
        return _TracedRead.apply, _TracedWrite.apply
    return _Read.apply, _Write.apply


def _channels(indices: Sequence[int], width: int) -> Tensor:
    """The indices (K,) int64; InputError unless they are different channels of `width`."""
    chosen = torch.as_tensor(list(indices), dtype=torch.int64)
    if (
        len(chosen) == 0
        or chosen.min() < 0
        or chosen.max() >= width
        or len(chosen.unique()) < len(chosen)
    ):
        raise InputError(
            f"{len(chosen)} channel indices: choose different ones from 0 to {width - 1}"
        )
    return chosen


def _sizes(rms: Sequence[float], k: int) -> Tensor:
    """What K channels are divided by, (K,) float32; InputError unless all are positive numbers."""
    sizes = torch.as_tensor(list(rms), dtype=torch.float32)
    if len(sizes) != k or not (sizes.isfinite() & (sizes > 0)).all():
        raise InputError(f"rms of {len(sizes)} channels: give a positive number for each of {k}")
    return sizes


def _add(values: Tensor, delta: Tensor, indices: Tensor, positions: Tensor) -> Tensor:
    """A new tensor: values with delta added to the channels `indices`, in the wider dtype."""
    dtype = torch.promote_types(values.dtype, delta.dtype)
    if values.is_cuda:
        return values + _spread(delta, indices, positions)
    return values.to(dtype, copy=True).index_add_(-1, indices, delta.to(dtype))


def _spread(delta: Tensor, indices: Tensor, positions: Tensor) -> Tensor:
    """(..., K) to (..., D), zero outside the indices.

    On a GPU a gather, one column of zeros in addition: writing by index sorts the indices first
    where algorithms are to be deterministic, a fifth of a training step of ViT-B/16 on an H200.
    """
    if delta.is_cuda:
        return nn.functional.pad(delta, (0, 1)).index_select(-1, positions)
    spread = delta.new_zeros(*delta.shape[:-1], len(positions))
    return spread.index_copy_(-1, indices, delta)


def _positions(indices: Tensor, width: int) -> Tensor:
    """Of each of the D channels its place among the K indices; K for those not among them."""
    places = torch.full((width,), len(indices), device=indices.device)
    places[indices] = torch.arange(len(indices), device=indices.device)
    return places
