"""Files of tensors, read without torch: scores, selections, answers, inspections, gradients, adapters, pixels."""

import functools
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import numpy as np
from safetensors.numpy import save

from bench.fuzz import changes, of_store, tensors
from bench.fuzz.target import Form, Given, Target, World, in_file
from ict.adapter_gradients import AdapterGradients
from ict.scores import ChannelScores, load_scores, to_bytes
from ict.selection import BlockSelection, Selection
from ict.store import Run, Store, inspect_files
from ict.store.adapter_files import channel_weights
from ict.store.predictions import Predictions, read_predictions, write_predictions

_SIZE = 4  # pixels a side of a decoded set
_KEY = "0" * 16


def _small_scores() -> list[bytes]:
    """Of a ViT, of two stages, with sums by image, with read and write sides."""
    draw = np.random.default_rng(0)

    def array(*shape: int) -> np.ndarray:
        return draw.random(shape, dtype=np.float32)

    meta = {
        "task": "digits", "criterion": "class_l2", "backbone": "ict_tiny", "site": "attn", "images": 6,
        "classes": 3, "images_per_class": [2, 2, 2], "class_names": ["a", "b", "c"], "tokens_per_image": [4],
        "options": {"normalise": False}, "stages": [[2, 5]], "split": "train800", "seconds": 1.5,
    }  # fmt: skip
    plain = {"attn.0": array(2, 5), "attn.0.per_class": array(2, 3, 5)}
    images = {"attn.0.per_image": array(6, 2, 5), "attn.0.token_mean": array(6, 2, 5)}
    stages = {"attn.0": array(1, 4), "attn.1": array(2, 8), "q.0": array(1, 4), "q.1": array(2, 8)}
    sides = {"attn.0": array(2, 5), "attn.0.write": array(2, 5), "attn.0.read": array(2, 5)}
    made = [
        ChannelScores(plain, meta),
        ChannelScores(plain | images, meta, np.array([0, 1, 2, 0, 1, 2])),
        ChannelScores(stages, {"sites": ["attn", "q"]}),
        ChannelScores(sides, {**meta, "criterion": "adapter_gradient"}),
    ]
    return [to_bytes(one) for one in made]


def _small_selection() -> list[bytes]:
    from ict.documents.selection_files import selection_bytes

    plain = BlockSelection(0, 0, 8, (1, 3, 5))
    rich = BlockSelection(0, 1, 8, (0, 2), (4, 6), (0.5, 1.5))
    chosen = Selection("attn", (plain, rich), "l2", "digits-l2", "ict_tiny")
    return [selection_bytes(chosen.to_dict()), selection_bytes(Selection("q", (plain,)).to_dict())]


def _small_gradients() -> list[bytes]:
    draw = np.random.default_rng(1)
    shapes = {
        "attn.0.G.0": (2, 4, 4),
        "attn.0.g.0": (2, 4),
        "attn.0.G.1": (2, 4, 4),
        "attn.0.g.1": (2, 4),
    }
    arrays = {name: draw.random(shape, dtype=np.float32) for name, shape in shapes.items()}
    halves = {name: array.astype(np.float16) for name, array in arrays.items()}
    return [
        AdapterGradients(arrays, (3, 2), {"task": "digits"}, (0, 0)).to_bytes(),
        AdapterGradients(halves, (3, 2)).to_bytes(),
    ]


def _small_adapter() -> list[bytes]:
    read, written = np.array([1, 3, 5]), np.array([0, 2])
    square = {
        "blocks.3.attn.ict.indices": read,
        "blocks.3.attn.ict.weight": np.ones((3, 3), np.float32),
    }
    other = {
        "blocks.3.x.indices": read, "blocks.3.x.writes": written, "blocks.3.x.weight": np.ones((2, 3), np.float32),
        "blocks.7.x.indices": read, "head.weight": np.ones((2, 8), np.float32),
    }  # fmt: skip
    return [save(square, metadata={"meta": "{}"}), save(other)]


def _file_world(
    name: str, samples: Callable[[], Sequence[bytes]], read: Callable[[Path], object], root: Path
) -> World:
    path = root / name
    root.mkdir(parents=True, exist_ok=True)

    def reading(_given: Given) -> Sequence[str]:
        return of_store.sentences([read(path)])

    return World(root=root, samples=samples(), place=in_file(path), read=reading)


def _scores(path: Path) -> None:
    """As `ict select FILE` and a notebook read it."""
    scores = load_scores(path)
    load_scores(path, kinds=("",))
    record = scores.record
    assert record.classes_with_images is None or record.classes_with_images >= 0
    repr(scores), scores._repr_html_(), scores.frame()


def _selection(path: Path) -> None:
    chosen = Selection.load(path)
    chosen.stage_ks(), chosen.parameters(), chosen._repr_html_()
    json.dumps(chosen.to_dict())


def _gradients(path: Path) -> None:
    from ict.documents.adapter_gradient_files import is_gradient_file

    whole = is_gradient_file(path)
    gradients = AdapterGradients.load(path)
    assert whole
    repr(gradients)
    for site in gradients.sites:
        gradients.blocks(site), gradients.stages(site)
    gradients.halvings()


def _adapter(path: Path) -> None:
    for block, channel in ((3, 3), (3, 0), (3, 99), (7, 1), (0, 0)):
        found = channel_weights(path, block, channel)
        if found is not None:
            found.of("into"), found.of("out")


def _predictions_world(root: Path) -> World:
    run = Run(root / "runs" / "a-run")
    run.path.mkdir(parents=True)
    labels = np.array([0, 1, 2, 1])
    said, sure = np.array([0, 1, 1, 1]), np.array([0.9, 0.8, 0.4, 1.0], np.float32)
    samples = []
    for losses, digest, classes in (
        (np.array([0.1, 0.2, 1.5, 0.0]), "a" * 64, 3),
        (None, None, None),
    ):
        write_predictions(run.path, Predictions(said, labels, sure, losses, digest, classes))
        samples.append(run.predictions_path.read_bytes())

    def read(_given: Given) -> Sequence[str]:
        found = read_predictions(run)
        if isinstance(found, Predictions):
            assert len(found) == len(found.predictions) == len(found.probabilities)
            assert np.isfinite(found.probabilities).all()
        return of_store.sentences([found])

    return World(root=root, samples=samples, place=in_file(run.predictions_path), read=read)


def _inspection_world(kind: str, root: Path) -> World:
    """A small inspection, with images of middle and of lowest energy; its page of each channel is read."""
    folder = root / "inspect" / "digits-a"
    folder.mkdir(parents=True)
    rows, thumbs = _small_inspection()
    (folder / "meta.json").write_text(
        json.dumps({"task": "digits", "backbone": "ict_tiny", "site": "attn", "stages": [[2, 3]]})
    )
    (folder / inspect_files.ROWS).write_bytes(rows[0])
    (folder / inspect_files.THUMBS).write_bytes(thumbs)
    store = Store(root)
    path = folder / (inspect_files.ROWS if kind == "rows" else inspect_files.THUMBS)

    def read(_given: Given) -> Sequence[str]:
        found, odd = inspect_files.read_inspections(store)
        for one in found:
            for block, channel in ((0, 0), (1, 2)):
                inspect_files.channel_page(one, block, channel)
        return of_store.sentences(odd)

    samples = rows if kind == "rows" else [thumbs]
    return World(root=root, samples=samples, place=in_file(path), read=read)


def _small_inspection() -> tuple[list[bytes], bytes]:
    L, D, M, T = 2, 3, 2, 4
    draw = np.random.default_rng(2)
    one: dict[str, np.ndarray] = {
        "map_range.0": np.tile(np.array([0, 5], np.float32), (L, D, 1)),
        "profile.0": draw.random((L, 3, D)).astype(np.float16),
        "histogram.0": draw.integers(0, 9, (L, D, 5), np.int32),
        "edges.0": np.tile(np.array([-2, 2], np.float32), (L, D, 1)),
        "adapter_in.0": np.full((L, D), np.nan, np.float32),
        "adapter_out.0": np.ones((L, D), np.float32),
        "labels": np.arange(4), "grid.0": np.array([2, 2]),
    }  # fmt: skip
    for level in ("", "middle_", "lowest_"):
        one[f"{level}images.0"] = draw.integers(0, 4, (L, D, M), np.int32)
        one[f"{level}energies.0"] = draw.random((L, D, M), np.float32)
        one[f"{level}maps.0"] = draw.integers(0, 255, (L, D, M, T), np.uint8)
    old = {name: array for name, array in one.items() if not name.startswith(("middle", "lowest"))}
    webp = b"RIFF0000WEBP"
    thumbs: dict[str, np.ndarray] = {
        "bytes": np.frombuffer(webp * 4, np.uint8), "offsets": np.arange(5) * len(webp), "images": np.arange(4),
    }  # fmt: skip
    return [save(one), save(old)], save(thumbs)


def _pixels_world(root: Path) -> World:
    """A decoded set in the user's cache."""
    from ict.tasks.decoded.pixel_file import (
        Description,
        OddFileError,
        PixelWriter,
        describe,
        open_pixels,
    )

    root.mkdir(parents=True, exist_ok=True)
    with PixelWriter.open(root, Description(_KEY, "birds", "test", 3, _SIZE)) as writer:
        writer.add(np.arange(3 * 3 * _SIZE**2, dtype=np.uint8).reshape(3, 3, _SIZE, _SIZE))
        writer.finish()
    path = writer.path
    whole = path.read_bytes()

    def read(given: Given) -> Sequence[str]:
        try:
            describe(path)
            pixels = open_pixels(path, _KEY)
            pixels.part(0, pixels.about.images)
        except (OddFileError, OSError) as error:
            return [str(error)]
        if given.shape != "file" or given.content[4096:] != whole[4096:]:
            raise RuntimeError("pixels that were altered are used")
        return ()

    def place(given: Given) -> None:
        in_file(path)(given)
        if given.shape == "file":
            path.chmod(0o600)

    return World(root=root, samples=[whole], place=place, read=read, caches=(path.name,))


def _pixels_change(random: Random, content: bytes) -> bytes:
    """A byte of the file, or a field of its header behind a sound digest."""
    if random.random() < 0.4:
        return changes.of_bytes(random, content)
    try:
        header = changes.of_json(random, content[40:4096].rstrip()).ljust(4096 - 40)[: 4096 - 40]
    except (ValueError, IndexError):
        return changes.of_bytes(random, content)
    return content[:8] + hashlib.sha256(header).digest() + header + content[4096:]


def targets() -> list[Target]:
    """One for each kind of file."""
    opening = "ict/documents/tensor_files.py"
    one = functools.partial
    return [
        Target(name="score files", parser=("ict/scores.py:load_scores,_kind", "ict/documents/score_files.py", opening,
               "ict/documents/score_tables.py"), form=tensors.FORM, share=2,
               world=one(_file_world, "scores.safetensors", _small_scores, _scores)),
        Target(name="selection files", parser=("ict/documents/selection_files.py:read_selection,check_selection",),
               form=tensors.FORM, world=one(_file_world, "s.safetensors", _small_selection, _selection)),
        Target(name="gradient files", parser=("ict/documents/adapter_gradient_files.py:read_gradients,_check,is_gradient_file",),
               form=tensors.FORM, world=one(_file_world, "g.safetensors", _small_gradients, _gradients)),
        Target(name="adapter of a run", parser=("ict/store/adapter_files.py",), form=tensors.FORM,
               world=one(_file_world, "adapter.safetensors", _small_adapter, _adapter)),
        Target(name="answers", parser=("ict/store/predictions.py:read_predictions,_read,_classes,_answers,_floats,_losses,_tensor",),
               form=tensors.FORM, world=_predictions_world, share=2),
        Target(name="inspection rows", parser=("ict/store/inspect_files.py",), form=tensors.FORM,
               world=one(_inspection_world, "rows"), share=2),
        Target(name="inspection thumbs", parser=("ict/store/inspect_files.py:thumbs,_check_thumbs",), form=tensors.FORM,
               world=one(_inspection_world, "thumbs")),
        Target(name="decoded sets", parser=("ict/tasks/decoded/pixel_file.py:open_pixels,describe,_described,_parsed,Pixels.part",),
               form=Form(change=_pixels_change, junk=changes.many(_pixels_change)), world=_pixels_world),
    ]  # fmt: skip
