"""Channel adapters of a model: put them on a frozen backbone, take them off, save them, load them."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from numbers import Integral
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from ict.catalogue import QKV_SITES
from ict.documents.tensor_files import header, open_tensors
from ict.errors import InputError, quoted
from ict.methods.registry import REGISTRY
from ict.model.backbones import block_stages, head_modules
from ict.model.before import give_back, head_state, remember
from ict.model.channel_adapter import ChannelAdapter
from ict.model.sites import SITES, Site, attach_site, find_site
from ict.model.timm_types import TimmBlock
from ict.model.wrapping import adaptable, bare, refuse_peft
from ict.selection import Selection

HEADS = ("before", "trained")


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

    The head stays trainable. Weights are drawn from `seed` alone, block by block, in float32 also
    where the model is in half precision: Δ is computed in the adapter's type and cast back. A distilled
    DeiT keeps both heads trainable. Gives the model back, in what was wrapped around it (torch.compile,
    or DataParallel on one device). Raises InputError, and leaves the model as it was, for other wraps, for
    a selection whose widths, blocks, channels or site are not the model's, an unknown `init`, and a site
    that carries an adapter already.
    """
    inner = adaptable(model)
    example = _trainable_example(inner)
    if not isinstance(selection, Selection):
        raise InputError(
            f"attach needs a Selection, as ict.select gives, not {type(selection).__name__}"
        )
    if isinstance(seed, bool) or not isinstance(seed, Integral):
        raise InputError(f"seed={quoted(seed)}: give a whole number")
    blocks = [block for stage in block_stages(inner) for block in stage]
    _check_fits(inner, selection, blocks)
    if not all(isinstance(value, Tensor) for value in head_state(inner).values()):
        raise InputError(
            "the model's head is quantized, so it cannot be trained: attach before it is quantized"
        )
    with torch.inference_mode(False):  # what is made inside it could never be trained
        generator = torch.Generator().manual_seed(int(seed))
        how = {"scale": scale, "scale_on_x": scale_on_x, "init": init, "generator": generator}
        made = [
            ChannelAdapter(one.indices, one.width, writes=one.writes, rms=one.rms, **how)
            for one in selection.blocks
        ]
        places = [blocks[chosen.block] for chosen in selection.blocks]
        kind = torch.promote_types(torch.float32, example.dtype)
        for site, adapter in zip(_opened(places, selection.site), made, strict=True):
            site.adapter = adapter.to(example.device, kind)
        remember(inner)
        freeze_backbone(inner)
    return model


def detach(model: nn.Module, *, head: str = "before") -> nn.Module:
    """Takes all adapters off, in place: the model is again what it was before `attach`.

    What was trainable then is trainable again, and the head has the values that it had; `head`
    "trained" keeps those that it has now. A model without adapters stays as it is. Raises InputError
    for a model that is none of timm's, and for one whose layers PEFT has wrapped since `attach`.
    """
    if head not in HEADS:
        raise InputError(f"head={quoted(head)}: choose one of {', '.join(HEADS)}")
    inner = bare(model)
    stages = block_stages(inner)
    if adapters(inner):
        refuse_peft(inner)
    for stage in stages:
        for block in stage:
            for name in SITES:
                site = (
                    find_site(block, name)
                    if name not in QKV_SITES or hasattr(block, "attn")
                    else None
                )
                if site is not None and site.adapter is not None:
                    site.remove(block)
    give_back(inner, head=head)
    return model


def adapters(model: nn.Module) -> dict[str, ChannelAdapter]:
    """The adapters by their state-dict prefix, in block order."""
    return {name: m for name, m in model.named_modules() if isinstance(m, ChannelAdapter)}


def freeze_backbone(model: nn.Module) -> None:
    """Leaves adapters and head trainable, and nothing else: the one place that says what is."""
    model.requires_grad_(False)
    for adapter in adapters(model).values():
        adapter.requires_grad_(True)
    for head in head_modules(model):
        head.requires_grad_(True)


def count_parameters(model: nn.Module, *, adds: Sequence[str] | None = None) -> dict[str, int]:
    """Trainable parameters: `adapter` (all but the head), `head`, `trainable` (both); `backbone` all else.

    `adds` are the words in the names of parameters that the method added (`Method.adds`); by default
    those of all methods of this package.
    """
    if adds is None:
        adds = [word for method in REGISTRY.values() for word in method.adds]
    heads = [p for head in head_modules(model) for p in head.parameters()]
    head = sum(p.numel() for p in heads if p.requires_grad)
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    everything = sum(p.numel() for p in model.parameters())
    own = sum(p.numel() for n, p in model.named_parameters() if any(word in n for word in adds))
    return {
        "adapter_parameters": trainable - head,
        "head_parameters": head,
        "trainable_parameters": trainable,
        "backbone_parameters": everything - sum(p.numel() for p in heads) - own,
    }


def trained_state(model: nn.Module) -> dict[str, Tensor]:
    """Everything that training changed, and the adapters' buffers (channels, rms): float32, on the CPU."""
    names = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    names |= {
        f"{prefix}.{name}" for prefix, a in adapters(model).items() for name in a.state_dict()
    }
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


@contextmanager
def open_state(path: str | Path) -> Iterator[Any]:
    """A file of trained parameters, opened; the InputError of one that is torn names it."""
    try:
        with open_tensors(path, framework="pt") as file:
            yield file
    except InputError as error:
        said = str(error)
        raise (error if said.startswith(str(path)) else InputError(f"{path}: {said}")) from error


def load_trained_state(model: nn.Module, path: str | Path) -> dict[str, Any]:
    """Reads what `trained_state_bytes` wrote into a model of the same make; gives the metadata.

    Raises InputError if the file names parameters that the model lacks, or other channels.
    """
    state = model.state_dict()
    with open_state(path) as file:
        metadata = header(file)
        missing = [name for name in file.keys() if name not in state]  # noqa: SIM118
        if missing:
            raise InputError(
                f"{path}: the model has no {quoted(missing[0])}; it was made for another one"
            )
        content = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if lacking := [n for n in state if n.endswith((".writes", ".rms")) and n not in content]:
        raise InputError(
            f"{path}: it lacks {lacking[0]}, which the model has: made for another one"
        )
    for name, tensor in content.items():
        both_floats = tensor.is_floating_point() and state[name].is_floating_point()
        if tensor.dtype != state[name].dtype and not both_floats:
            types = " and not ".join(
                str(t.dtype).removeprefix("torch.") for t in (tensor, state[name])
            )
            raise InputError(f"{path}: {name} holds numbers of type {types}")
        if name.endswith((".indices", ".writes")) and not torch.equal(tensor, state[name].cpu()):
            raise InputError(f"{path}: {name} are other channels than the model's")
        if tensor.shape != state[name].shape:
            shapes = f"{tuple(tensor.shape)}, not {tuple(state[name].shape)}"
            raise InputError(
                f"{path}: {name} has the shape {shapes}; it was made for another model"
            )
    with torch.no_grad():
        for name, tensor in content.items():
            state[name].copy_(tensor)
    return metadata


def _opened(blocks: Sequence[TimmBlock], site: str) -> list[Site]:
    """`site` opened in each block, or in none if a block refuses."""
    opened: list[Site] = []
    try:
        for block in blocks:
            opened.append(attach_site(block, site))
    except InputError:
        for here, block in zip(opened, blocks, strict=False):
            here.remove(block)
        raise
    return opened


def _trainable_example(model: nn.Module) -> Tensor:
    """A parameter, for its device and type; InputError if the model has none that could be trained."""
    if not isinstance(model, nn.Module):
        raise InputError(f"attach needs a timm model, not {type(model).__name__}")
    parameters = list(model.parameters())
    if any(parameter.is_inference() for parameter in parameters):
        raise InputError(
            "the model was made inside torch.inference_mode, so it cannot be trained; make it outside"
        )
    if any(parameter.is_meta for parameter in parameters):
        raise InputError("the model has no weights yet (device meta): load them, then attach")
    return parameters[0]


def _check_fits(model: nn.Module, selection: Selection, blocks: Sequence[TimmBlock]) -> None:
    numbers = [chosen.block for chosen in selection.blocks]
    if not numbers or len(set(numbers)) < len(numbers):
        raise InputError(
            f"the selection has the blocks {quoted(numbers)}: give each that is to be tuned once"
        )
    for chosen in selection.blocks:
        if not 0 <= chosen.block < len(blocks):
            raise InputError(f"block {chosen.block}: the model has blocks 0 to {len(blocks) - 1}")
        width = blocks[chosen.block].norm1.weight.shape[0]
        if chosen.width != width:
            raise InputError(
                f"block {chosen.block}: the selection is for {chosen.width} channels, the model has {width}"
            )
        place: Site | None = find_site(blocks[chosen.block], selection.site)
        if place is not None:
            raise InputError(
                f"block {chosen.block} has an adapter at {quoted(selection.site)} already; detach first"
            )
