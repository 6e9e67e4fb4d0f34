"""The channel adapter: one K×K linear layer on the chosen channels of a block.

    y[..., S] = x[..., S] + s · (W x[..., S] + b)                     (FACTS §1; arXiv 2309.08513)
    y[..., S] = s · x[..., S] + W x[..., S] + b                       with `scale_on_x`

Attach it to a frozen backbone, take it off again, save it, load it.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn

from ict.backbones import block_stages, classification_head, head_name
from ict.errors import InputError
from ict.selection import Selection
from ict.sites import Site, attach_site, find_site

QKV = ("q", "k", "v")
_BEFORE = "ict_trainable_before"  # attribute of an adapted model: what detach makes trainable again


class ChannelAdapter(nn.Module):
    """Adds Δ of K chosen channels of D to these channels, and leaves the others as they are.

    The indices are a buffer, so a checkpoint knows which channels they are. `init` is
    `trunc_normal` (W std 0.02, as the authors) or `zero`, which leaves the network as it was.
    """

    indices: Tensor
    positions: Tensor

    def __init__(
        self,
        indices: Sequence[int],
        width: int,
        *,
        scale: float = 1.0,
        scale_on_x: bool = False,
        init: str = "trunc_normal",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
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
        k = len(chosen)
        self.width = width
        self.scale = scale
        self.scale_on_x = scale_on_x
        self.register_buffer("indices", chosen)
        self.register_buffer("positions", _positions(chosen, width), persistent=False)
        self.weight = nn.Parameter(torch.zeros(k, k))
        self.bias = nn.Parameter(torch.zeros(k))
        if init == "trunc_normal":
            nn.init.trunc_normal_(self.weight, std=0.02, generator=generator)

    def forward(self, values: Tensor, stream: Tensor | None = None) -> Tensor:
        """values (..., D) + Δ(values), in the wider of their dtypes.

        With `stream` (..., D), to which values are yet to be added: values + Δ(stream + values).
        Only K channels of that sum are ever computed.
        """
        chosen, values = _Read.apply(values, stream, self.indices, self.positions)
        weight, bias = self.weight, self.bias
        if not self.scale_on_x and self.scale != 1.0:
            weight, bias = weight * self.scale, bias * self.scale
        delta = nn.functional.linear(chosen, weight, bias).to(chosen.dtype)
        if self.scale_on_x:
            delta = delta + (self.scale - 1.0) * chosen
        return _Write.apply(values, delta, self.indices, self.positions)

    def extra_repr(self) -> str:
        return f"channels={len(self.indices)} of {self.width}, scale={self.scale}"

    def _load_from_state_dict(self, *arguments: Any) -> None:
        super()._load_from_state_dict(*arguments)
        self.positions.copy_(_positions(self.indices, self.width))


class _Read(torch.autograd.Function):
    """The chosen channels (..., K) of values, or of stream + values; and values themselves.

    autograd's own rules would add up the whole stream first, make a gradient of zeros for each of
    the two, and sort the indices on a GPU that is to be deterministic.
    """

    @staticmethod
    def forward(
        context: Any, values: Tensor, stream: Tensor | None, indices: Tensor, positions: Tensor
    ) -> tuple[Tensor, Tensor]:
        context.set_materialize_grads(False)
        context.save_for_backward(indices, positions)
        context.of_stream = stream is not None
        chosen = values.index_select(-1, indices)
        if stream is not None:
            chosen = stream.index_select(-1, indices) + chosen
        return chosen, values.view_as(values)

    @staticmethod
    def backward(  # type: ignore[override]
        context: Any, of_chosen: Tensor | None, of_values: Tensor | None
    ) -> tuple[Tensor | None, Tensor | None, None, None]:
        indices, positions = context.saved_tensors
        if of_chosen is None:
            return of_values, None, None, None
        of_stream = _spread(of_chosen, indices, positions) if context.of_stream else None
        if of_values is not None:
            return _add(of_values, of_chosen, indices, positions), of_stream, None, None
        if of_stream is None:
            return _spread(of_chosen, indices, positions), None, None, None
        return of_stream, of_stream, None, None


class _Write(torch.autograd.Function):
    """values (..., D) with delta (..., K) added to the chosen channels; backward is a plain gather."""

    @staticmethod
    def forward(
        context: Any, values: Tensor, delta: Tensor, indices: Tensor, positions: Tensor
    ) -> Tensor:
        context.save_for_backward(indices)
        context.dtypes = values.dtype, delta.dtype
        return _add(values, delta, indices, positions)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:  # type: ignore[override]
        (indices,) = context.saved_tensors
        of_values, of_delta = context.dtypes
        chosen = gradient.index_select(-1, indices)
        return gradient.to(of_values), chosen.to(of_delta), None, None


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


def attach(
    model: nn.Module,
    selection: Selection,
    *,
    scale: float = 1.0,
    scale_on_x: bool = False,
    init: str = "trunc_normal",
    seed: int = 0,
) -> nn.Module:
    """Puts an adapter on the selected channels of a timm model, in place, and freezes the rest.

    The head stays trainable. Weights are drawn from `seed` alone, block by block. Gives the model
    back. Raises InputError if the selection's widths or blocks are not the model's, or if the site
    carries an adapter already.
    """
    if not isinstance(selection, Selection):
        raise InputError(
            f"attach needs a Selection, as ict.select gives, not {type(selection).__name__}"
        )
    blocks = [block for stage in block_stages(model) for block in stage]
    generator = torch.Generator().manual_seed(seed)
    device = next(model.parameters()).device
    _check_fits(model, selection, blocks)
    for chosen in selection.blocks:
        site = attach_site(blocks[chosen.block], selection.site)
        site.adapter = ChannelAdapter(
            chosen.indices,
            chosen.width,
            scale=scale,
            scale_on_x=scale_on_x,
            init=init,
            generator=generator,
        ).to(device)
    if not hasattr(model, _BEFORE):
        before = {n: p.requires_grad for n, p in model.named_parameters() if ".adapter." not in n}
        setattr(model, _BEFORE, before)
    freeze_backbone(model)
    return model


def detach(model: nn.Module) -> nn.Module:
    """Takes all adapters off, in place: the model is again what it was before `attach`.

    What was trainable then is trainable again.
    """
    for stage in block_stages(model):
        for block in stage:
            for name in ("attn", "attn_branch", "mlp_branch", "block", *QKV):
                site = find_site(block, name) if name not in QKV or hasattr(block, "attn") else None
                if site is not None and site.adapter is not None:
                    site.remove(block)
    before: dict[str, bool] = model.__dict__.pop(_BEFORE, {})
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(before.get(name, parameter.requires_grad))
    return model


def adapters(model: nn.Module) -> dict[str, ChannelAdapter]:
    """The adapters by their state-dict prefix, in block order."""
    return {name: m for name, m in model.named_modules() if isinstance(m, ChannelAdapter)}


def freeze_backbone(model: nn.Module) -> None:
    """Leaves adapters and head trainable, and nothing else: the one place that says what is."""
    model.requires_grad_(False)
    for adapter in adapters(model).values():
        adapter.requires_grad_(True)
    head = classification_head(model)
    if isinstance(head, nn.Module):
        head.requires_grad_(True)


def count_parameters(model: nn.Module) -> dict[str, int]:
    """Trainable parameters: `adapter` (all but the head), `head`, `trainable` (both); `backbone` all else."""
    prefix = head_name(model) + "."
    head = sum(
        p.numel() for n, p in model.named_parameters() if n.startswith(prefix) and p.requires_grad
    )
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    everything = sum(p.numel() for p in model.parameters())
    heads = sum(p.numel() for n, p in model.named_parameters() if n.startswith(prefix))
    own = sum(p.numel() for m in adapters(model).values() for p in m.parameters())
    own += sum(p.numel() for n, p in model.named_parameters() if ".lora_" in n)
    return {
        "adapter_parameters": trainable - head,
        "head_parameters": head,
        "trainable_parameters": trainable,
        "backbone_parameters": everything - heads - own,
    }


def trained_state(model: nn.Module) -> dict[str, Tensor]:
    """Everything that training changed, and the adapters' index buffers: float32, on the CPU."""
    names = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    names |= {f"{prefix}.indices" for prefix in adapters(model)}
    return {
        name: (tensor.detach().float() if tensor.is_floating_point() else tensor.detach())
        .cpu()
        .contiguous()
        for name, tensor in model.state_dict().items()
        if name in names
    }


def trained_state_bytes(model: nn.Module, metadata: dict[str, Any]) -> bytes:
    """The safetensors file of `trained_state`, with `metadata` as JSON in its header."""
    return save(trained_state(model), metadata={"meta": json.dumps(metadata, sort_keys=True)})


def load_trained_state(model: nn.Module, path: str | Path) -> dict[str, Any]:
    """Reads what `trained_state_bytes` wrote into a model of the same make; gives the metadata.

    Raises InputError if the file names parameters that the model lacks, or other channels.
    """
    state = model.state_dict()
    with safe_open(path, framework="pt") as file:
        metadata = json.loads((file.metadata() or {}).get("meta", "{}"))
        missing = [name for name in file.keys() if name not in state]  # noqa: SIM118
        if missing:
            raise InputError(
                f"{path}: the model has no {missing[0]!r}; it was made for another one"
            )
        content = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    for name, tensor in content.items():
        if name.endswith(".indices") and not torch.equal(tensor, state[name].cpu()):
            raise InputError(f"{path}: {name} are other channels than the model's")
    with torch.no_grad():
        for name, tensor in content.items():
            state[name].copy_(tensor)
    return metadata


def _check_fits(model: nn.Module, selection: Selection, blocks: list[nn.Module]) -> None:
    for chosen in selection.blocks:
        if not 0 <= chosen.block < len(blocks):
            raise InputError(f"block {chosen.block}: the model has blocks 0 to {len(blocks) - 1}")
        width = blocks[chosen.block].norm1.weight.shape[0]
        if chosen.width != width:
            raise InputError(
                f"block {chosen.block}: the selection is for {chosen.width} channels, the model has {width}"
            )
        here: Site | None = find_site(blocks[chosen.block], selection.site)
        if here is not None:
            raise InputError(
                f"block {chosen.block} has an adapter at {selection.site!r} already; detach first"
            )


def load(run: str | Path, *, store: str | Path | None = None) -> nn.Module:
    """The adapted model of a finished run, in evaluation mode: `run` is an id or a run's folder.

    Needs the backbone's weights on this machine. Raises InputError if the run is not done.
    """
    from ict.run import load_run

    return load_run(run, store=store)
