"""The pages of channels as files, read without torch: `inspect/<id>/inspect.safetensors` and thumbs.

One entry a stage s in `inspect.safetensors`, for L blocks, D channels, M images, T map cells, C
classes, H histogram bins:

    images.s (L, D, M) int32          which images drive the channel most, best first
    energies.s (L, D, M) float32      their Σ_t a²
    maps.s (L, D, M, T) uint8         activation maps, from low (0) to high (255) of the channel
    middle_images.s, middle_energies.s, middle_maps.s, lowest_images.s, …    the same of a few images of middle
                                      and of lowest energy, these lowest first; version 0.1.0 had none
    map_range.s (L, D, 2) float32     low and high
    profile.s (L, C, D) float16       root mean square over the images and tokens of each class
    histogram.s (L, D, H) int32, edges.s (L, D, 2) float32    activations between the two edges; what
                                      lies outside is in the first and last bin
    adapter_in.s, adapter_out.s (L, D) float32    ‖W[:, c]‖ and ‖W[c, :]‖ of a run, NaN elsewhere

`labels` (N,) are those of all images, `grid.s` (2,) rows and columns of a map. `thumbs.safetensors`
holds one WebP an image that is shown: `bytes` (all of them), `offsets` (n + 1,), `images` (n,).
"""

import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ict.documents.records import Odd, names_in, read_record, required, split
from ict.documents.score_record import ScoreRecord
from ict.documents.shapes import fields, list_of, reader, shown, text, whole
from ict.documents.tensor_files import check_shape, open_tensors, shapes
from ict.errors import InputError
from ict.store.base import BaseStore
from ict.store.names import meta_file

IMAGES = 9  # of highest energy
FEW = 3  # of middle, and of lowest
HIGHEST = "highest"
LEVELS = "highest, middle, lowest"
ROWS = "inspect.safetensors"
THUMBS = "thumbs.safetensors"


@dataclass(frozen=True)
class DrivingImage:
    """One image that drives a channel: its energy Σ_t a², its map (rows, columns), its WebP."""

    index: int
    label: int
    energy: float
    map: np.ndarray
    webp: bytes


@dataclass(frozen=True)
class ChannelPage:
    """Everything about one channel of one block."""

    site: str
    stage: int
    block: int
    """Counted over all stages."""
    channel: int
    width: int
    images: tuple[DrivingImage, ...]
    class_profile: np.ndarray
    """(C,) root mean square activation; NaN for a class without images."""
    histogram: np.ndarray
    """(H,) counts."""
    edges: np.ndarray
    """(H + 1,)"""
    adapter_in: float | None
    adapter_out: float | None
    middle: tuple[DrivingImage, ...] = ()
    """Of middle energy among a sample of the images; none, as of `lowest`, in what version 0.1.0 wrote."""
    lowest: tuple[DrivingImage, ...] = ()


@dataclass(frozen=True)
class Inspection:
    """One finished inspection: its folder and meta.json."""

    path: Path
    meta: Mapping[str, Any]

    @property
    def record(self) -> ScoreRecord:
        """What was looked at, as a score file says it."""
        return ScoreRecord.of(self.meta)

    @property
    def site(self) -> str:
        return str(self.meta["site"])

    @property
    def blocks(self) -> list[tuple[int, int, int]]:
        """(stage, block of the stage, width) of every block."""
        stages = self.meta["stages"]
        return [(s, b, width) for s, (blocks, width) in enumerate(stages) for b in range(blocks)]


_ADVICE = "delete the folder and run `ict inspect` again"
_META = fields(
    {"site": text, "task": text, "backbone": text, "stages": list_of(list_of(whole(1), length=2))},
    {
        **dict.fromkeys(("weights", "data", "split", "run", "tune_site", "created_at"), text),
        "class_names": list_of(text),
        "images": whole(),
        "classes": whole(),
    },
)


def load_inspect(path: str | Path) -> Inspection:
    """Opens an inspection's folder. Raises InputError if it is missing, unfinished or torn."""
    folder = Path(path)
    missing = "no finished inspection; run `ict inspect TASK`"
    return required(read_inspection(folder), lambda: f"{shown(folder)}: {missing}")


def read_inspection(folder: Path) -> Inspection | Odd | None:
    """The inspection in `folder`; None for one that was not finished."""
    meta = read_record(meta_file(folder), reader(_META), advice=_ADVICE)
    if meta is None:
        return None  # half a folder of a broken attempt
    if isinstance(meta, Odd):
        return Odd(folder, f"meta.json: {meta.reason}")
    stages = tuple((blocks, width) for blocks, width in meta["stages"])
    for name, check in ((ROWS, _check_rows), (THUMBS, _check_thumbs)):
        path = folder / name
        try:
            status = os.stat(path)
            check(str(path), status.st_mtime_ns, status.st_size, stages)
        except (OSError, InputError) as error:
            reason = getattr(error, "strerror", None) or error
            return Odd(folder, f"{name}: {reason}; {_ADVICE}")
    return Inspection(folder, meta)


@functools.lru_cache(maxsize=256)
def _check_rows(path: str, _time: int, _size: int, stages: tuple[tuple[int, int], ...]) -> None:
    """Raises InputError unless the file has every tensor in its shape. Remembered while it is the same."""
    with open_tensors(path) as file:
        held = shapes(file)
        check_shape(held, "labels", (None,))
        for s, (blocks, width) in enumerate(stages):
            images = check_shape(held, f"images.{s}", (blocks, width, None))[2]
            check_shape(held, f"energies.{s}", (blocks, width, images))
            check_shape(held, f"profile.{s}", (blocks, None, width))
            check_shape(held, f"histogram.{s}", (blocks, width, None))
            check_shape(held, f"grid.{s}", (2,))
            rows, columns = file.get_tensor(f"grid.{s}").tolist()
            check_shape(held, f"maps.{s}", (blocks, width, images, rows * columns))
            for level in _levels(held, s):
                few = check_shape(held, f"{level}images.{s}", (blocks, width, None))[2]
                check_shape(held, f"{level}energies.{s}", (blocks, width, few))
                check_shape(held, f"{level}maps.{s}", (blocks, width, few, rows * columns))
            for name in ("map_range", "edges"):
                check_shape(held, f"{name}.{s}", (blocks, width, 2))
            for name in ("adapter_in", "adapter_out"):
                check_shape(held, f"{name}.{s}", (blocks, width))


@functools.lru_cache(maxsize=256)
def _check_thumbs(path: str, _time: int, _size: int, _stages: tuple[tuple[int, int], ...]) -> None:
    with open_tensors(path) as file:
        held = shapes(file)
        check_shape(held, "bytes", (None,))
        shown_images = check_shape(held, "images", (None,))[0]
        check_shape(held, "offsets", (shown_images + 1,))


def inspections(store: BaseStore) -> list[Inspection]:
    """All finished inspections of a store, newest first."""
    return read_inspections(store)[0]


def read_inspections(store: BaseStore) -> tuple[list[Inspection], list[Odd]]:
    """`inspections(store)`, and the folders that cannot be read."""
    names, troubles = names_in(store.inspect_dir)
    inspections, odd = split(read_inspection(store.inspect_dir / name) for name in names)
    inspections.sort(key=lambda one: str(one.meta.get("created_at")), reverse=True)
    return inspections, troubles + odd


def channel_page(inspection: Inspection, block: int, channel: int) -> ChannelPage:
    """The page of one channel; reads a few kilobytes. Raises InputError outside the range."""
    blocks = inspection.blocks
    if not 0 <= block < len(blocks):
        raise InputError(f"block {block}: there are blocks 0 to {len(blocks) - 1}")
    stage, row, width = blocks[block]
    if not 0 <= channel < width:
        raise InputError(f"channel {channel}: block {block} has channels 0 to {width - 1}")
    try:
        with open_tensors(inspection.path / ROWS) as file:

            def at(name: str) -> np.ndarray:
                return file.get_slice(f"{name}.{stage}")[row : row + 1, channel : channel + 1][0, 0]

            profile = file.get_slice(f"profile.{stage}")[row : row + 1, :, channel : channel + 1]
            low, high = at("edges").tolist()
            counts = at("histogram")
            reads, writes = float(at("adapter_in")), float(at("adapter_out"))
            levels = ("", *_levels(shapes(file), stage))
            images = {level: _images(inspection, file, stage, at, level) for level in levels}
    except (ValueError, LookupError, TypeError) as error:  # numbers that lead outside the file
        raise InputError(
            f"{shown(inspection.path)}: not a readable inspection ({error}); {_ADVICE}"
        ) from error
    return ChannelPage(
        site=inspection.site,
        stage=stage,
        block=block,
        channel=channel,
        width=width,
        images=images[""],
        middle=images.get("middle_", ()),
        lowest=images.get("lowest_", ()),
        class_profile=profile[0, :, 0].astype(np.float64),
        histogram=counts,
        edges=np.linspace(low, high, len(counts) + 1),
        adapter_in=None if np.isnan(reads) else reads,
        adapter_out=None if np.isnan(writes) else writes,
    )


def _levels(held: Mapping[str, tuple[int, ...]], stage: int) -> list[str]:
    """What the names of the images of middle and lowest energy begin with, where there are any."""
    return [level for level in ("middle_", "lowest_") if f"{level}images.{stage}" in held]


def _images(
    inspection: Inspection, file: Any, stage: int, at: Any, level: str
) -> tuple[DrivingImage, ...]:
    low, high = at("map_range").tolist()
    rows, columns = file.get_tensor(f"grid.{stage}").tolist()
    labels = file.get_tensor("labels")
    maps = low + at(f"{level}maps").astype(np.float64) / 255 * (high - low)  # (M, T)
    chosen = at(f"{level}images").tolist()
    pictures = thumbs(inspection, chosen)
    return tuple(
        DrivingImage(
            image, int(labels[image]), float(energy), one.reshape(rows, columns), pictures[image]
        )
        for image, energy, one in zip(chosen, at(f"{level}energies").tolist(), maps, strict=True)
        if image >= 0
    )


def thumbs(inspection: Inspection, images: list[int]) -> dict[int, bytes]:
    """The WebP bytes of some of the images that are shown."""
    with open_tensors(inspection.path / THUMBS) as file:
        offsets = file.get_tensor("offsets")
        places = {image: i for i, image in enumerate(file.get_tensor("images").tolist())}
        content = file.get_slice("bytes")
        size = content.get_shape()[0]
        found = {}
        for image in (image for image in images if image in places):
            begin, end = (int(offset) for offset in offsets[places[image] :][:2])
            if not 0 <= begin < end <= size:
                raise InputError(f"{THUMBS}: the image {image} lies outside of its bytes")
            found[image] = content[begin:end].tobytes()
        return found
