"""What is known of each backbone without importing torch: stages, widths, sites, parameters.

`catalogue.json` is written from timm by `python -m ict.model.backbones`; a name that is not in it is
looked up in a process of its own, which may import torch, and remembered in the user's cache.
"""

import dataclasses
import functools
import json
import os
import re
import subprocess
import sys
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ict.documents.shapes import fields, list_of, number, text, whole
from ict.errors import IctError, InputError, did_you_mean, quoted
from ict.files import StoreError, atomic_write_json, make_folder, read_json

BUNDLED = "ict_tiny"


def _bundled_file() -> Path:
    """The weights of `ict_tiny` in the clone, else where an installed wheel has put them."""
    name = f"backbones/{BUNDLED}.safetensors"
    clone = Path(__file__).parents[1] / "assets" / name
    wheel = Path(sys.prefix) / "share" / "ict" / name
    return wheel if wheel.is_file() and not clone.is_file() else clone


BUNDLED_WEIGHTS = _bundled_file()
SITE = "attn"
"""The paper's: the residual stream, once attention was added; what is meant where none is named."""
RATIO = 0.125
"""K/D where neither K nor K/D is asked for: the paper's 96 of 768."""
STREAM_SITES = ("attn", "attn_branch", "mlp_branch", "block")
QKV_SITES = ("q", "k", "v")
INITS = ("trunc_normal", "zero")
"""How an adapter's weights begin: drawn as the authors', or 0, which leaves the network as it was."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/@+-]{0,199}")
_TABLE = Path(__file__).parent / "catalogue.json"
_unwritten: dict[str, Any] = {}  # what timm answered, where the user's cache takes nothing


IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@dataclass(frozen=True)
class Backbone:
    """A vision transformer by its timm name (or `ict_tiny`, ours)."""

    name: str
    family: str
    image_size: int
    """Side of its images in pixels; its own unless `at` changed it."""
    patch_size: int
    stages: tuple[tuple[int, int], ...]
    """(blocks, width) of each stage; a plain ViT has one."""
    heads: tuple[int, ...]
    parameters: int
    """Without the classification head."""
    biases: int
    """Parameters whose name ends in `bias`, without the head's."""
    features: int
    """Width of what the head reads."""
    prefix_tokens: int
    sites: tuple[str, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    hub: str | None

    @property
    def blocks(self) -> int:
        return sum(blocks for blocks, _ in self.stages)

    @property
    def size_step(self) -> int:
        """Image sizes are multiples of it: the patch, doubled by every merging of patches between stages."""
        return self.patch_size * 2 ** (len(self.stages) - 1)

    def at(self, image_size: int | None) -> "Backbone":
        """The same for images of another size; itself for None. InputError unless patches fill them."""
        if image_size in (None, self.image_size):
            return self
        step = self.size_step
        if image_size < step or image_size % step:
            near = max(step, round(image_size / step) * step)
            raise InputError(
                f"image_size={image_size}: {self.name} takes multiples of {step} pixels, such as {near}"
            )
        return dataclasses.replace(self, image_size=image_size)

    def own_size(self, image_size: int | None) -> int | None:
        """`image_size`, None where it takes images of that size anyway. InputError as `at`."""
        return None if self.at(image_size) is self else image_size

    def pixels(self, normalisation: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and std of pixels in [0, 1]: the weights' own (`native`) or ImageNet's (the paper)."""
        return IMAGENET if normalisation == "imagenet" else (self.mean, self.std)

    @property
    def widths(self) -> tuple[int, ...]:
        return tuple(width for _, width in self.stages)

    def stage_of(self, block: int) -> int:
        """The stage of a block that is counted over all stages from 0."""
        for stage, (blocks, _) in enumerate(self.stages):
            if block < blocks:
                return stage
            block -= blocks
        raise InputError(f"block {block + self.blocks}: {self.name} has {self.blocks} blocks")


def known() -> list[Backbone]:
    """All backbones in the catalogue, the bundled one first."""
    return list(_catalogue().values())


def get_backbone(name: str) -> Backbone:
    """The named backbone. Raises InputError, with the nearest name, for one that is not supported."""
    if name in _catalogue():
        return _catalogue()[name]
    if not _NAME.fullmatch(name):
        raise InputError(f"no backbone {quoted(name)}; `ict backbones` lists them")
    return _describe_elsewhere(name)


def as_backbone(named: str | Backbone) -> Backbone:
    """The named backbone, or itself where it was looked up before."""
    return named if isinstance(named, Backbone) else get_backbone(named)


def check_site(backbone: Backbone, site: str) -> None:
    """Raises InputError unless `site` can be read and tuned in this backbone."""
    if site in backbone.sites:
        return
    if site in QKV_SITES:
        raise InputError(
            f"site {quoted(site)}: {backbone.name} ({backbone.family}) uses its qkv weight directly, so q, k "
            f"and v are out of reach; choose {', '.join(backbone.sites)}"
        )
    hint = did_you_mean(site, backbone.sites)
    raise InputError(
        f"no site {quoted(site)}; {backbone.name} has {', '.join(backbone.sites)}{hint}"
    )


def check_blocks(backbone: Backbone, blocks: Sequence[int] | None) -> tuple[int, ...]:
    """The blocks asked for, ascending; all of them for None. Raises InputError outside the range."""
    if blocks is None:
        return tuple(range(backbone.blocks))
    wrong = [block for block in blocks if not 0 <= block < backbone.blocks]
    if wrong or not blocks:
        raise InputError(
            f"blocks={quoted(list(blocks))}: {backbone.name} has blocks 0 to {backbone.blocks - 1}"
        )
    return tuple(sorted(set(blocks)))


def adapter_parameters(
    backbone: Backbone, ks: Sequence[int], *, blocks: Sequence[int] | None = None
) -> int:
    """Parameters of one K×K linear layer with bias in each chosen block: Σ K² + K, L(K² + K) for L equal blocks."""
    chosen = check_blocks(backbone, blocks)
    return sum(ks[backbone.stage_of(b)] ** 2 + ks[backbone.stage_of(b)] for b in chosen)


def from_record(record: dict[str, Any]) -> Backbone:
    """A Backbone from its JSON form."""
    return Backbone(
        **{
            **record,
            "stages": tuple(tuple(stage) for stage in record["stages"]),
            **{key: tuple(record[key]) for key in ("heads", "sites", "mean", "std")},
        }
    )


@functools.lru_cache(maxsize=1000)
def widths_here(name: str) -> tuple[int, ...] | None:
    """Channels of each stage of a backbone that a run names; None where timm here does not know it."""
    try:
        return get_backbone(name).widths
    except IctError:
        return None


@functools.cache
def _catalogue() -> dict[str, Backbone]:
    table = json.loads(_TABLE.read_text())
    architectures = table["architectures"]
    return {
        name: from_record({**architectures[entry.pop("architecture")], **entry, "name": name})
        for name, entry in table["backbones"].items()
    }


def _cache_file() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "ict" / "backbones.json"


def _describe_elsewhere(name: str) -> Backbone:
    """Asks timm in a process of its own; what it answers is kept in the user's cache."""
    cache = _cache_file()
    remembered = {**_unwritten, **_remembered(cache)}
    if name not in remembered:
        child = subprocess.run(
            [sys.executable, "-m", "ict.model.backbones", "--describe", name],
            capture_output=True,
            text=True,
            check=False,
        )
        try:
            answer = json.loads(child.stdout)
        except ValueError:
            last_line = (child.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise IctError(
                f"backbone {quoted(name)} could not be looked up in timm: {last_line}"
            ) from None
        if "error" in answer:
            raise InputError(answer["error"])
        remembered[name] = answer
        _remember(cache, remembered)
    return from_record(remembered[name])


def _remembered(cache: Path) -> dict[str, Any]:
    """What the cache has that can be used; the rest is asked for again."""
    cached = read_json(cache)
    return (
        {name: one for name, one in cached.items() if _usable(one)}
        if isinstance(cached, dict)
        else {}
    )


def _usable(record: Any) -> bool:
    """Whether `from_record` makes a backbone of the record."""
    pair = list_of(whole(1), length=2)
    three = list_of(number, length=3)
    try:
        fields(
            {
                **dict.fromkeys(("name", "family"), text),
                **dict.fromkeys(("image_size", "patch_size", "features"), whole(1)),
                **dict.fromkeys(("parameters", "biases", "prefix_tokens"), whole()),
                "stages": list_of(pair),
                "heads": list_of(whole()),
                "sites": list_of(text),
                "mean": three,
                "std": three,
            },
            {"hub": text},
        )(record, "")
        from_record(record)
    except (InputError, TypeError, KeyError):
        return False
    return bool(record["stages"])


def _remember(cache: Path, remembered: dict[str, Any]) -> None:
    try:
        make_folder(cache.parent)
        atomic_write_json(cache, remembered)
    except StoreError:
        _unwritten.update(remembered)  # only a cache: another process asks timm again


def own_size(name: str, image_size: int | None) -> int | None:
    """`Backbone.own_size` of the named backbone."""
    return get_backbone(name).own_size(image_size)


def pixel_statistics(
    backbone: str, normalisation: str
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """`Backbone.pixels` of the named backbone."""
    return get_backbone(backbone).pixels(normalisation)


if not typing.TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        from ict.public.old_names import moved  # `parameter_counts` was here in version 0.1.0

        return moved(__name__, name)
