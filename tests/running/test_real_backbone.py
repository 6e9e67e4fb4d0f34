"""A real pre-trained backbone on real photographs: scores as timm and NumPy alone give them, and features
that a linear probe can use. Skipped where the folder beside $ICT_VTAB_ROOT has no weights."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import load_file
from timm.layers import resample_abs_pos_embed

from ict.scores import load_scores
from tests.promises.refusals import ict

BACKBONE = "vit_small_patch14_dinov2"
SIZE, LIMIT = 224, 100
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])

pytestmark = pytest.mark.slow


@pytest.fixture
def weights(real_images: Path) -> Path:
    """DINOv2 ViT-S/14, saliency fine-tuned."""
    path = real_images.parent / "weights" / f"{BACKBONE}_saliency.fp16.safetensors"
    if not path.is_file():
        pytest.skip(f"no {path}")
    return path


def asked(*words: str) -> dict:
    done = ict(*words, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def plain(weights: Path) -> torch.nn.Module:
    """The backbone at 224 pixels, made with timm alone."""
    model = timm.create_model(BACKBONE, num_classes=0, img_size=SIZE).eval()
    state = {name: tensor.float() for name, tensor in load_file(weights).items()}
    state["pos_embed"] = resample_abs_pos_embed(state["pos_embed"], [SIZE // 14] * 2)
    model.load_state_dict(state)
    return model


def listed(task: Path) -> tuple[list[Path], list[int]]:
    """Images and labels of train800val200, as its lines say."""
    lines = (task / "train800val200.txt").read_text().split("\n")
    pairs = [line.rsplit(" ", 1) for line in lines if line]
    return [task / path for path, _ in pairs], [int(label) for _, label in pairs]


def drawn(kind: str, number: int) -> bytes:
    return hashlib.sha256(f"limit of a split, {kind} {number}".encode()).digest()[7::-1]


def shared_out(labels: list[int], limit: int) -> list[int]:
    """One image of each class, then always one of the class that is furthest behind its share."""
    left = {c: [i for i, label in enumerate(labels) if label == c] for c in set(labels)}
    for indices in left.values():
        indices.sort(key=lambda i: drawn("image", i))
    size = {c: len(indices) for c, indices in left.items()}
    chosen: list[int] = []
    while len(chosen) < limit:
        of = {c: size[c] - len(left[c]) for c in left if left[c]}
        nearest = min(of, key=lambda c: (of[c] > 0, (2 * of[c] + 1) / size[c], drawn("class", c)))
        chosen.append(left[nearest].pop(0))
    return sorted(chosen)


def pixels(path: Path) -> torch.Tensor:
    image = Image.open(path).convert("RGB").resize((SIZE, SIZE), Image.Resampling.BICUBIC)
    values = (np.asarray(image) / 255 - MEAN) / STD
    return torch.tensor(values.transpose(2, 0, 1)[None], dtype=torch.float32)


@torch.no_grad()
def energies(model: torch.nn.Module, image: torch.Tensor) -> np.ndarray:
    """(blocks, D): the sum of squares over patch tokens of the stream behind each attention."""
    x = model._pos_embed(model.patch_embed(image))
    rows = []
    for block in model.blocks:
        x = x + block.ls1(block.attn(block.norm1(x)))
        rows.append((x[0, 1:].double().numpy() ** 2).sum(axis=0))
        x = x + block.ls2(block.mlp(block.norm2(x)))
    return np.stack(rows)


def test_scores_of_a_real_backbone_are_those_of_a_plain_restatement(real_images, weights):
    """0.1.0: `No such option "--image-size"`."""
    made = asked(
        "score", "caltech101", "--backbone", BACKBONE, "--weights", str(weights),
        "--image-size", str(SIZE), "--limit", str(LIMIT),
    )  # fmt: skip
    paths, labels = listed(real_images / "caltech101")
    chosen = shared_out(labels, LIMIT)
    model = plain(weights)
    squares = np.stack([energies(model, pixels(paths[i])) for i in chosen])  # (N, blocks, D)
    classes = np.array([labels[i] for i in chosen])
    norms = [np.sqrt(squares[classes == c].sum(axis=0)) for c in np.unique(classes)]
    found = load_scores(made["path"]).stacked("attn")
    np.testing.assert_allclose(found, np.mean(norms, axis=0), rtol=2e-4)
    told = {name: made[name] for name in ("task", "split", "images", "classes", "tokens", "site")}
    assert told == {
        "task": "caltech101", "split": "train800val200", "images": LIMIT, "classes": 102,
        "tokens": "patch", "site": "attn",
    }  # fmt: skip
    assert np.allclose(made["pixel_mean"], MEAN)
    assert np.allclose(made["pixel_std"], STD)
    assert made["weights"] == f"sha256:{hashlib.sha256(weights.read_bytes()).hexdigest()}"


def test_a_linear_probe_reads_real_features_far_better_than_random_ones(real_images, weights):
    """0.1.0: `no field "image_size"`."""
    found = {}
    for name, given in (("real", str(weights)), ("random", "none")):
        run = asked(
            "train", "oxford_iiit_pet", "--backbone", BACKBONE, "--weights", given,
            "--set", "image_size=98", "--method", "linear", "--wait",
        )  # fmt: skip
        found[name] = run["test_accuracy"]
    print({name: f"{accuracy:.1%}" for name, accuracy in found.items()})
    assert found["real"] >= found["random"] + 0.1
