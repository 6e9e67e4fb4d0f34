"""Where channels are read and tuned in a timm block, without a line of the block restated.

timm's blocks compute `x + drop_path1(branch)` and then `x + drop_path2(branch)`. A `Site` stands in
for one of these `drop_path` modules, or hooks the block's output or its `attn.qkv`, and holds

- `tap`: an identity on the values of the site (B, T, D) or (B, H, W, D); scoring reads it, captum
  attributes to it;
- `adapter`: what tunes the values, None until one is attached;
- `carries_stream`: on for attribution alone, routes all that the block computes through the tap, so
  that a gradient there, or a value put there by captum, is that of the whole site.

Backbone keys of the state dict stay as they are: what is replaced has no parameters.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ict.catalogue import QKV_SITES, STREAM_SITES
from ict.errors import InputError, quoted
from ict.model.backbones import block_kind, block_stages, calls_qkv
from ict.model.timm_types import TimmBlock

SITES = STREAM_SITES + QKV_SITES
_BRANCH = {"attn": "drop_path1", "attn_branch": "drop_path1", "mlp_branch": "drop_path2"}


class Site(nn.Module):
    """Base of all sites: the tap, the adapter, and how to leave the block as it was."""

    def __init__(self) -> None:
        super().__init__()
        self.tap = nn.Identity()
        self.adapter: nn.Module | None = None
        self.carries_stream = False

    def remove(self, block: TimmBlock) -> None:
        """Puts `block` back exactly as it was before the site was attached."""
        raise NotImplementedError

    def tune(self, values: Tensor) -> Tensor:
        tapped = self.tap(values)
        return tapped if self.adapter is None else self.adapter(tapped)


class BranchSite(Site):
    """Site `attn_branch` or `mlp_branch`: the branch's output after LayerScale, before the add."""

    def __init__(self, place: str, drop_path: nn.Module) -> None:
        super().__init__()
        self.place = place
        self.drop_path = drop_path

    @classmethod
    def attach(cls, block: TimmBlock, place: str) -> "BranchSite":
        site = cls(place, getattr(block, place))
        setattr(block, place, site)
        return site

    def remove(self, block: TimmBlock) -> None:
        setattr(block, self.place, self.drop_path)

    def forward(self, branch: Tensor) -> Tensor:
        return self.drop_path(self.tune(branch))


class StreamSite(Site):
    """Site `attn`: the residual stream after the attention branch was added (the paper's default).

    The block itself adds what this returns to its input x, so it returns a + Δ(x + a). x comes from
    a pre-hook of the block, a bound method so that copies and pickles carry their own.
    `carries_stream` costs exactness of a rounding error.
    """

    def __init__(self, drop_path: nn.Module) -> None:
        super().__init__()
        self.drop_path = drop_path
        self._x: Tensor | None = None

    @classmethod
    def attach(cls, block: TimmBlock) -> "StreamSite":
        site = cls(block.drop_path1)
        block.drop_path1 = site
        block.register_forward_pre_hook(site.remember)
        return site

    def remember(self, _block: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self._x = inputs[0]

    def remove(self, block: TimmBlock) -> None:
        block.drop_path1 = self.drop_path
        _drop_hook(block._forward_pre_hooks, self.remember)

    def forward(self, branch: Tensor) -> Tensor:
        branch = self.drop_path(branch)
        x, self._x = self._x, None
        if x is None:
            raise RuntimeError("the block's forward was not called through the block")
        if not self.carries_stream and not self.tap._forward_hooks:
            return branch if self.adapter is None else self.adapter(branch, x)
        tapped = self.tap(x + branch)
        if self.carries_stream:
            branch = tapped - x
        return branch if self.adapter is None else self.adapter(branch, x)


class BlockSite(Site):
    """Site `block`: what a whole block gives."""

    @classmethod
    def attach(cls, block: TimmBlock) -> "BlockSite":
        site = cls()
        block.ict_block = site
        block.register_forward_hook(site.change)
        return site

    def change(self, _block: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        return self.tune(output)

    def remove(self, block: TimmBlock) -> None:
        _drop_hook(block._forward_hooks, self.change)
        del block.ict_block


class QKVSite(Site):
    """Site `q`, `k` or `v`: one third of what `attn.qkv` gives, (B, T, D) over all heads."""

    def __init__(self, place: str) -> None:
        super().__init__()
        self.place = place
        self.third = "qkv".index(place)

    @classmethod
    def attach(cls, block: TimmBlock, place: str) -> "QKVSite":
        if not calls_qkv(block):
            raise InputError(
                f"site {quoted(place)}: {'.'.join(block_kind(block))} uses its qkv weight directly, so q, k and "
                "v are out of reach; choose attn, attn_branch, mlp_branch or block"
            )
        site = cls(place)
        block.attn.add_module(f"ict_{place}", site)
        block.attn.qkv.register_forward_hook(site.change)
        return site

    def change(self, _qkv: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        thirds = list(output.chunk(3, dim=-1))
        values = thirds[self.third]
        tuned = self.tune(values)
        if tuned is values and not self.carries_stream:
            return output
        thirds[self.third] = tuned
        return torch.cat(thirds, dim=-1)

    def remove(self, block: TimmBlock) -> None:
        _drop_hook(block.attn.qkv._forward_hooks, self.change)
        delattr(block.attn, f"ict_{self.place}")


def attach_site(block: TimmBlock, site: str) -> Site:
    """Opens `site` in a block. Raises InputError for an unknown site or one this block lacks."""
    if site == "attn":
        return StreamSite.attach(block)
    if site in _BRANCH:
        return BranchSite.attach(block, _BRANCH[site])
    if site == "block":
        return BlockSite.attach(block)
    if site in ("q", "k", "v"):
        return QKVSite.attach(block, site)
    raise InputError(f"no site {quoted(site)}; there are {', '.join(SITES)}")


@contextmanager
def open_sites(
    model: nn.Module, sites: list[str] | tuple[str, ...], *, whole_stream: bool = False
) -> Iterator[dict[str, list[list[Site]]]]:
    """Opens sites in all blocks for reading: {site: [stage][block of the stage]}; closes them after.

    A site that is already there (an adapted model) is used as it is and left in place.
    `whole_stream` makes the tap of `attn` carry the stream, for attribution.
    """
    opened: list[tuple[Site, TimmBlock]] = []
    result: dict[str, list[list[Site]]] = {site: [] for site in sites}
    try:
        for stage in block_stages(model):
            for site in sites:
                result[site].append([])
            for block in stage:
                for site in sites:
                    site_here = find_site(block, site)
                    if site_here is None:
                        site_here = attach_site(block, site)
                        opened.append((site_here, block))
                    result[site][-1].append(site_here)
        streams = [s for stages in result.values() for stage in stages for s in stage]
        with _carrying(streams if whole_stream else []):
            yield result
    finally:
        for opened_site, block in reversed(opened):
            opened_site.remove(block)


def find_site(block: TimmBlock, site: str) -> Site | None:
    """The site of that name that is open in the block, or None."""
    if site in _BRANCH:
        module = getattr(block, _BRANCH[site])
        kind: type[Site] = StreamSite if site == "attn" else BranchSite
        while isinstance(module, Site):
            if isinstance(module, kind):
                return module
            module = module.drop_path
        return None
    if site == "block":
        return getattr(block, "ict_block", None)
    return getattr(block.attn, f"ict_{site}", None)


@contextmanager
def _carrying(sites: list[Site]) -> Iterator[None]:
    for site in sites:
        site.carries_stream = True
    try:
        yield
    finally:
        for site in sites:
            site.carries_stream = False


def _drop_hook(hooks: dict[int, Callable[..., Any]], method: Callable[..., Any]) -> None:
    """Removes `method` from a module's hooks; equality of bound methods also holds after deepcopy."""
    for key in [key for key, hook in hooks.items() if hook == method]:
        del hooks[key]
