"""Weights files: whole or refused, in any layout that people have."""

import argparse
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from tests.promises.timm_weights import NAME, State, ict


def scored(path: Path, *, backbone: str = NAME, code: int = 0) -> Any:
    """The scores of two images by the file, or the message of a refusal."""
    answer = ict(
        "score", "digits", "--backbone", backbone, "--weights", str(path), "--limit", "2", "--json"
    )
    assert answer.exit_code == code, (
        f"exit {answer.exit_code}, wanted {code}: {answer.output[:150]}"
    )
    if code:
        return json.loads(answer.stdout)["error"]
    return load_file(json.loads(answer.stdout)["path"])["attn.0"]


def without(state: State, *words: str) -> State:
    return {k: v for k, v in state.items() if not any(word in k for word in words)}


MISFITS: dict[str, Callable[[State], Any]] = {
    "nothing": lambda s: {},
    "an empty teacher": lambda s: {"teacher": {}},
    "another thing": lambda s: {"net": {"weight": torch.zeros(3)}},
    "a ResNet": lambda s: timm.create_model("resnet18").state_dict(),
    "half the blocks": lambda s: without(s, *(f"blocks.{i}." for i in range(6, 12))),
    "fc_norm for norm": lambda s: {k.replace("norm.", "fc_norm.") if k[:5] == "norm." else k: v for k, v in s.items()},
    "a wider model": lambda s: timm.create_model("vit_small_patch16_224").state_dict(),
    "more blocks": lambda s: s | {k.replace("blocks.11", "blocks.12"): v for k, v in s.items() if "blocks.11" in k},
    "layer scale": lambda s: s | {f"blocks.{i}.ls1.gamma": torch.full((192,), 0.1) for i in range(12)},
    "a norm before the blocks": lambda s: s | {"norm_pre.weight": torch.ones(192), "norm_pre.bias": torch.ones(192)},
    "registers": lambda s: s | {"reg_token": torch.ones(1, 4, 192)},
}  # fmt: skip


@pytest.mark.promise(
    "A weights file that does not fit is refused with how many tensors of how many, and nothing is stored"
)
@pytest.mark.parametrize("kind", list(MISFITS))
def test_a_file_that_does_not_fit_is_refused(kind: str, state: State, tmp_path: Path) -> None:
    torch.save(MISFITS[kind](state), tmp_path / "e.pth")
    message = scored(tmp_path / "e.pth", code=2)
    assert "of 150 tensors come from it" in message
    assert not list((tmp_path / "store").glob("scores/*/*"))


@pytest.mark.promise("A refusal says what the keys look like and what would fit")
def test_a_refusal_says_what_the_file_is_and_what_would_fit(state: State, tmp_path: Path) -> None:
    torch.save(timm.create_model("resnet18").state_dict(), tmp_path / "r.pth")
    assert "look like a ResNet" in scored(tmp_path / "r.pth", code=2)
    torch.save(MISFITS["fc_norm for norm"](state), tmp_path / "f.pth")
    assert "mean of the patch tokens" in scored(tmp_path / "f.pth", code=2)
    torch.save(timm.create_model("vit_small_patch16_224").state_dict(), tmp_path / "s.pth")
    assert "it fits vit_small_patch16_224" in scored(tmp_path / "s.pth", code=2)


WRAPPED: dict[str, Callable[[State], Any]] = {
    "model.": lambda s: {f"model.{k}": v for k, v in s.items()},
    "backbone.": lambda s: {"state_dict": {f"backbone.{k}": v for k, v in s.items()}},
    "vit.": lambda s: {f"vit.{k}": v for k, v in s.items()},
    "module.base_encoder.": lambda s: {
        "state_dict": {f"module.base_encoder.{k}": v for k, v in s.items()}
        | {f"module.momentum_encoder.{k}": v * 2 for k, v in s.items()}
    },
    "_orig_mod.": lambda s: {"model": {f"_orig_mod.{k}": v for k, v in s.items()}},
    "teacher and student": lambda s: {
        "student": {f"module.backbone.{k}": v * 2 for k, v in s.items()},
        "teacher": {f"backbone.{k}": v for k, v in s.items()},
        "args": argparse.Namespace(arch="vit_tiny"),
        "epoch": 100,
    },
    "EMA": lambda s: {"state_dict": {k: v * 2 for k, v in s.items()}, "state_dict_ema": s},
    "net": lambda s: {"net": s, "accuracy": 0.8},
}


@pytest.mark.promise("A file gives the same scores whatever stands around its tensors")
@pytest.mark.parametrize("kind", list(WRAPPED))
def test_wrappers_and_containers_are_seen_through(kind: str, state: State, tmp_path: Path) -> None:
    torch.save(state, tmp_path / "plain.pth")
    torch.save(WRAPPED[kind](state), tmp_path / "wrapped.pth")
    expected = scored(tmp_path / "plain.pth")
    assert torch.equal(scored(tmp_path / "wrapped.pth"), expected)


@pytest.mark.promise("Files named .tar and .ckpt are read")
@pytest.mark.parametrize("name", ["epoch.pth.tar", "last.ckpt"])
def test_tar_and_ckpt_are_read(name: str, state: State, tmp_path: Path) -> None:
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / name)
    scored(tmp_path / name)


@pytest.mark.promise(
    "A Hugging Face transformers file gives the scores of the same weights in timm's names"
)
def test_a_transformers_file_scores_as_the_timm_file(state: State, tmp_path: Path) -> None:
    names = {
        "cls_token": "embeddings.cls_token",
        "pos_embed": "embeddings.position_embeddings",
        "patch_embed.proj": "embeddings.patch_embeddings.projection",
        "norm1": "layernorm_before",
        "norm2": "layernorm_after",
        "attn.proj": "attention.output.dense",
        "mlp.fc1": "intermediate.dense",
        "mlp.fc2": "output.dense",
    }
    theirs: State = {}
    for key, tensor in without(state, "head.").items():
        new = key
        for ours, other in names.items():
            new = new.replace(ours, other)
        new = new.replace("blocks.", "encoder.layer.")
        new = new.replace("norm.", "layernorm.") if new.startswith("norm.") else new
        if "attn.qkv" in new:
            for part, own in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                theirs["vit." + new.replace("attn.qkv", f"attention.attention.{part}")] = (
                    own.clone()
                )
        else:
            theirs["vit." + new] = tensor.clone()
    save_file(theirs, tmp_path / "hf.safetensors")
    torch.save(state, tmp_path / "timm.pth")
    assert torch.equal(scored(tmp_path / "hf.safetensors"), scored(tmp_path / "timm.pth"))


@pytest.mark.promise("A file with a head loads into a backbone that timm lists without one")
def test_a_head_does_not_matter(tmp_path: Path) -> None:
    name = "vit_small_patch16_224.dino"  # as DINOv2 and orig_in21k: no classes on the hub
    torch.save(timm.create_model(name, num_classes=10).state_dict(), tmp_path / "headed.pth")
    scored(tmp_path / "headed.pth", backbone=name)


class Planted:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


@pytest.mark.promise(
    "A pickle with other classes runs nothing and is refused with three lines that convert it"
)
def test_a_pickle_with_other_classes_runs_nothing(state: State, tmp_path: Path) -> None:
    torch.save({"model": state, "extra": Planted(tmp_path / "ran")}, tmp_path / "evil.pth")
    message = scored(tmp_path / "evil.pth", code=2)
    assert not (tmp_path / "ran").exists()
    lines = message.splitlines()
    assert lines[-3].startswith("import torch")
    assert lines[-1].startswith("torch.save(")
    with (tmp_path / "old.pth").open("wb") as file:
        pickle.dump({"model": Planted(tmp_path / "ran")}, file)
    scored(tmp_path / "old.pth", code=2)
    np.savez(tmp_path / "evil.npz", **{"embedding/kernel": np.array([Planted(tmp_path / "ran")])})
    scored(tmp_path / "evil.npz", code=2)
    assert not (tmp_path / "ran").exists()


@pytest.mark.promise(
    "A TorchScript archive is refused with three lines that convert it, and they do"
)
def test_a_torchscript_archive_is_refused_and_converted(state: State, tmp_path: Path) -> None:
    model = timm.create_model(NAME, num_classes=7).eval()
    model.load_state_dict(state)
    traced = torch.jit.trace(model, torch.zeros(1, 3, 224, 224), check_trace=False)
    traced.save(str(tmp_path / "traced.pt"))
    message = scored(tmp_path / "traced.pt", code=2)
    assert "TorchScript" in message
    snippet = "\n".join(message.splitlines()[-3:])
    subprocess.run([sys.executable, "-c", snippet], cwd=tmp_path, check=True)
    torch.save(state, tmp_path / "plain.pth")
    assert torch.equal(scored(tmp_path / "converted.pth"), scored(tmp_path / "plain.pth"))


@pytest.mark.promise("NaN, infinity, whole numbers and damaged files are named")
def test_bad_numbers_and_damaged_files_are_named(state: State, tmp_path: Path) -> None:
    nan = {**state, "blocks.3.mlp.fc1.bias": torch.full((768,), float("nan"))}
    torch.save(nan, tmp_path / "nan.pth")
    assert "768 of the 768 numbers of blocks.3.mlp.fc1.bias" in scored(tmp_path / "nan.pth", code=2)
    torch.save({k: v.to(torch.int8) for k, v in state.items()}, tmp_path / "int.pth")
    assert "int8" in scored(tmp_path / "int.pth", code=2)
    (tmp_path / "none.pth").write_bytes(b"")
    assert "empty" in scored(tmp_path / "none.pth", code=2)
    (tmp_path / "bad.safetensors").write_bytes(b"\x40\0\0\0\0\0\0\0{}")
    assert "bad.safetensors" in scored(tmp_path / "bad.safetensors", code=2)


@pytest.mark.promise("What a weights file left over is said with the scores")
def test_what_was_left_over_is_said(state: State, tmp_path: Path) -> None:
    torch.save({"model": state, "optimizer": {"m": torch.zeros(2)}}, tmp_path / "w.pth")
    words = ["--backbone", NAME, "--weights", str(tmp_path / "w.pth"), "--limit", "2", "--json"]
    notes = " ".join(json.loads(ict("score", "digits", *words).stdout).get("notes") or [])
    assert "head (2 tensors)" in notes
    assert "optimizer (1 tensor)" in notes


@pytest.mark.promise(
    "ict train refuses a weights file that does not fit at once: exit 2, no run in the store"
)
def test_train_refuses_a_misfit_before_anything_is_written(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ICT_STORE", str(tmp_path / "store"))
    torch.save({}, tmp_path / "e.pth")
    words = ["train", "digits", "--limit", "8", "--backbone", NAME, "--weights"]
    answer = ict(*words, str(tmp_path / "e.pth"), "--json")
    assert answer.exit_code == 2, answer.output
    assert "0 of 150 tensors come from it" in json.loads(answer.stdout)["error"]
    study = tmp_path / "study.toml"
    base = {"task": "digits", "backbone": NAME, "weights": str(tmp_path / "e.pth"), "limit": 8}
    lines = [f"{name} = {json.dumps(value)}" for name, value in base.items()]
    study.write_text("[base]\n" + "\n".join(lines) + "\n[grid]\nseed = [1, 2]\n")
    answer = ict("study", "run", str(study), "--no-wait", "--json")
    assert answer.exit_code == 2, answer.output
    assert "0 of 150 tensors come from it" in json.loads(answer.stdout)["error"]
    assert not list((tmp_path / "store").glob("runs/*"))
