"""The shipped weights: they load, they are small, and the card describes this very file."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from timm.models.vision_transformer import VisionTransformer

FOLDER = Path(__file__).parents[2] / "assets" / "backbones"
WEIGHTS = FOLDER / "ict_tiny.safetensors"
CARD = FOLDER / "MODEL_CARD.md"
ARCHITECTURE = {"img_size": 64, "patch_size": 8, "embed_dim": 192, "depth": 12, "num_heads": 3}


def test_the_file_is_small_and_half_precision():
    assert WEIGHTS.stat().st_size <= 12_000_000
    assert {value.dtype for value in load_file(WEIGHTS).values()} == {torch.float16}


def test_it_loads_into_timm_with_strict_keys_and_gives_finite_features():
    model = VisionTransformer(**ARCHITECTURE, num_classes=0).eval()
    state = {name: value.float() for name, value in load_file(WEIGHTS).items()}
    model.load_state_dict(state, strict=True)
    with torch.inference_mode():
        tokens = model.forward_features(torch.linspace(-1, 1, 3 * 64 * 64).view(1, 3, 64, 64))
    assert tokens.shape == (1, 65, 192)
    assert tokens.isfinite().all()


def test_the_card_names_this_file_by_its_hash():
    digest = hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    assert digest in CARD.read_text()


def test_the_command_of_the_card_is_understood(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    command = re.search(r"python -m pretrain (.+)", CARD.read_text())
    assert command is not None
    from pretrain import __main__ as entry

    seen = {}
    monkeypatch.setattr(entry.SceneGenerator, "standard", lambda **given: seen.update(given))
    monkeypatch.setattr(entry, "pretrain", lambda config, *_, **__: seen.update(config=config))
    monkeypatch.setattr("sys.argv", ["pretrain", *command[1].split()])
    assert entry.main() == 0
    assert seen["config"].images == 89_600
    assert seen["seed"] == seen["config"].seed == 0
    capsys.readouterr()


def test_features_tell_handwritten_digits_apart():
    """Nearest class mean of 100 digits: 0.82, where random weights reach 0.39. No training at all."""
    from bench.backbone import backbone_with, features, load_task

    images, labels = load_task("digits")["train800"]
    labels = torch.from_numpy(labels)
    accuracy = {}
    for name, weights in (("random", None), ("ict_tiny", WEIGHTS)):
        x = torch.from_numpy(features(backbone_with(weights), images[:200]))
        x = (x - x.mean(0)) / x.std(0)
        means = torch.stack([x[:100][labels[:100] == c].mean(0) for c in range(10)])
        nearest = torch.cdist(x[100:], means).argmin(1)
        accuracy[name] = (nearest == labels[100:200]).float().mean().item()
    assert accuracy["ict_tiny"] > accuracy["random"] + 0.05
