"""An attached model's adapters and head as one file, and back onto a model of the same make."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from ict.documents.selection_files import check_selection
from ict.documents.shapes import fields, flag, list_of, number, shown, table, text, whole
from ict.documents.tensor_files import header
from ict.errors import InputError
from ict.files import write_new
from ict.model.adapters import adapters, attach, detach, load_trained_state, open_state
from ict.model.backbones import block_stages
from ict.model.before import head_state
from ict.model.channel_adapter import ChannelAdapter
from ict.model.sites import SITES, find_site
from ict.model.wrapping import adaptable, bare
from ict.provenance import package_versions
from ict.selection import BlockSelection, Selection

FORMAT = "ict adapter 1"
_PLACED = fields({"selection": check_selection, "scale": number, "scale_on_x": flag})
_META = fields(
    {
        "format": text,
        "architecture": text,
        "stages": list_of(list_of(whole(), length=2)),
        "weights": text,
        "heads": table,
        "adapters": list_of(_PLACED),
    },
    {"versions": table},
)


def save_adapter(model: nn.Module, path: str | Path, *, overwrite: bool = False) -> Path:
    """Writes the adapters and the head of an attached model to a safetensors file; gives its path.

    The backbone is not in it: the header holds its make and a digest of its weights, by which
    `load_adapter` knows it again. Numbers keep their type. Raises InputError if the model has no
    adapter, or if the file is there and `overwrite` is not set.
    """
    model = bare(model)
    placed = _placed(model)
    if not placed:
        raise InputError(
            f"{type(model).__name__} has no channel adapter: there is nothing to save; ict.attach first"
        )
    meta = {**_make(model), "weights": backbone_digest(model), "adapters": placed}
    meta |= {"format": FORMAT, "versions": package_versions()}
    meta["heads"] = {name: list(value.shape) for name, value in head_state(model).items()}
    state = {n: v.detach().cpu().contiguous() for n, v in _own_state(model).items()}
    content = save(state, metadata={"meta": json.dumps(meta, sort_keys=True)})
    return write_new(path, content, overwrite=overwrite)


def load_adapter(model: nn.Module, path: str | Path, *, other_weights: bool = False) -> nn.Module:
    """Attaches what `save_adapter` wrote to a model of the same make, head included; gives it back.

    The model must have the weights that the adapters were trained on, to the bit and in the same
    type of number, unless `other_weights` allows others. As after `attach`, adapters and head are
    trainable. Raises InputError, and leaves the model as it was, if the file is none of
    `save_adapter` or was made for another model.
    """
    inner = adaptable(model)
    meta = _read_meta(path)
    _check_make(inner, meta, path)
    if not other_weights and meta["weights"] != backbone_digest(inner):
        raise InputError(
            f"{shown(path)}: its adapters were trained on other weights than this model's (or of another "
            "type of number); load those first, or allow it with other_weights=True"
        )
    carried = bool(adapters(inner))
    try:
        for one in meta["adapters"]:
            chosen = Selection.from_dict(one["selection"])
            attach(inner, chosen, scale=one["scale"], scale_on_x=one["scale_on_x"])
        load_trained_state(inner, path)
    except InputError:
        if not carried:
            detach(inner)
        raise
    return model


def backbone_digest(model: nn.Module) -> str:
    """SHA-256 over names, types, shapes and bytes of all parameters and buffers but adapters' and heads'."""
    digest = hashlib.sha256()
    own = _own_state(model)
    for name, value in sorted(model.state_dict().items()):
        if name not in own:
            digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
            digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _own_state(model: nn.Module) -> dict[str, Tensor]:
    """Adapters (indices too) and heads by their names in the model."""
    inside = tuple(f"{prefix}." for prefix in adapters(model))
    state = {n: v for n, v in model.state_dict(keep_vars=True).items() if n.startswith(inside)}
    return {**state, **head_state(model)}


def _placed(model: nn.Module) -> list[dict[str, Any]]:
    """For each site with adapters, and each way they are scaled, where they are."""
    by_place: dict[tuple[str, float, bool], list[BlockSelection]] = {}
    number = 0
    for stage, blocks in enumerate(block_stages(model)):
        for block in blocks:
            for site in SITES:
                adapter = _adapter_at(block, site)
                if adapter is not None:
                    key = (site, float(adapter.scale), bool(adapter.scale_on_x))
                    place = _selection_of(adapter, stage, number)
                    by_place.setdefault(key, []).append(place)
            number += 1
    return [
        {
            "selection": Selection(site, tuple(places)).to_dict(),
            "scale": scale,
            "scale_on_x": scale_on_x,
        }
        for (site, scale, scale_on_x), places in by_place.items()
    ]


def _selection_of(adapter: ChannelAdapter, stage: int, block: int) -> BlockSelection:
    """What the adapter of a block reads and writes."""
    writes, rms = (
        None if one is None else tuple(one.tolist()) for one in (adapter.writes, adapter.rms)
    )
    read = tuple(adapter.indices.tolist())
    return BlockSelection(stage, block, adapter.width, read, writes, rms)


def _adapter_at(block: Any, site: str) -> Any:
    if site in ("q", "k", "v") and not hasattr(block, "attn"):
        return None
    site_here = find_site(block, site)
    return None if site_here is None else site_here.adapter


def _make(model: nn.Module) -> dict[str, Any]:
    """What a model is, as far as an adapter cares: its name, and width and number of its blocks."""
    configuration = getattr(model, "pretrained_cfg", None) or {}
    name = str(configuration.get("architecture") or type(model).__name__)
    stages = [[len(stage), int(stage[0].norm1.weight.shape[0])] for stage in block_stages(model)]
    return {"architecture": name, "stages": stages}


def _read_meta(path: str | Path) -> dict[str, Any]:
    with open_state(path) as file:
        meta = header(file)
        if not str(meta.get("format")).startswith("ict adapter"):
            raise InputError(f"{shown(path)}: not a file of ict.save_adapter")
        if meta["format"] != FORMAT:
            raise InputError(
                f"{shown(path)}: {shown(meta['format'])} of a newer version; install that"
            )
        _META(meta, "")
    return meta


def _check_make(model: nn.Module, meta: Mapping[str, Any], path: str | Path) -> None:
    mine = _make(model)
    if mine["stages"] != meta["stages"]:
        raise InputError(
            f"{shown(path)}: made for {shown(meta['architecture'])} of {_words(meta['stages'])}, and this is "
            f"{mine['architecture']} of {_words(mine['stages'])}"
        )
    heads = {name: list(value.shape) for name, value in head_state(model).items()}
    if heads != meta["heads"]:
        raise InputError(
            f"{shown(path)}: its head is {_heads(meta['heads'])}, this model's {_heads(heads)}; make the model "
            "with num_classes as it was"
        )


def _words(stages: list[list[int]]) -> str:
    return " + ".join(f"{blocks} blocks × {width} channels" for blocks, width in stages)


def _heads(heads: Mapping[str, Any]) -> str:
    sizes = (" × ".join(map(str, size)) for name, size in heads.items() if name.endswith("weight"))
    return " and ".join(sizes) or "none"
