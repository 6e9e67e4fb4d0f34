"""Weights files: whole or refused, in any layout that people have, and always those of the run."""

import argparse
import hashlib
import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from click.testing import CliRunner
from safetensors.torch import load_file, save_file

from ict.catalogue import BUNDLED_WEIGHTS
from ict.cli import main

promise = pytest.mark.promise
NAME = "vit_tiny_patch16_224"
State = dict[str, torch.Tensor]


def ict(*words: str) -> Any:
    return CliRunner().invoke(main, list(words))


@pytest.fixture(scope="module")
def state() -> State:
    torch.manual_seed(5)
    return timm.create_model(NAME, num_classes=7).state_dict()


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


@promise(
    "A weights file that does not fit is refused with how many tensors of how many, and nothing is stored"
)
@pytest.mark.parametrize("kind", list(MISFITS))
def test_a_file_that_does_not_fit_is_refused(kind: str, state: State, tmp_path: Path) -> None:
    torch.save(MISFITS[kind](state), tmp_path / "e.pth")
    message = scored(tmp_path / "e.pth", code=2)
    assert "of 150 tensors come from it" in message
    assert not list((tmp_path / "store").glob("scores/*/*"))


@promise("A refusal says what the keys look like and what would fit")
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


@promise("A file gives the same scores whatever stands around its tensors")
@pytest.mark.parametrize("kind", list(WRAPPED))
def test_wrappers_and_containers_are_seen_through(kind: str, state: State, tmp_path: Path) -> None:
    torch.save(state, tmp_path / "plain.pth")
    torch.save(WRAPPED[kind](state), tmp_path / "wrapped.pth")
    expected = scored(tmp_path / "plain.pth")
    assert torch.equal(scored(tmp_path / "wrapped.pth"), expected)


@promise("Files named .tar and .ckpt are read")
@pytest.mark.parametrize("name", ["epoch.pth.tar", "last.ckpt"])
def test_tar_and_ckpt_are_read(name: str, state: State, tmp_path: Path) -> None:
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / name)
    scored(tmp_path / name)


@promise("A Hugging Face transformers file gives the scores of the same weights in timm's names")
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


@promise("A file with a head loads into a backbone that timm lists without one")
def test_a_head_does_not_matter(tmp_path: Path) -> None:
    name = "vit_small_patch16_224.dino"  # as DINOv2 and orig_in21k: no classes on the hub
    torch.save(timm.create_model(name, num_classes=10).state_dict(), tmp_path / "headed.pth")
    scored(tmp_path / "headed.pth", backbone=name)


class Planted:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


@promise("A pickle with other classes runs nothing and is refused with three lines that convert it")
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


@promise("A TorchScript archive is refused with three lines that convert it, and they do")
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


@promise("NaN, infinity, whole numbers and damaged files are named")
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


@promise("What a weights file left over is said with the scores")
def test_what_was_left_over_is_said(state: State, tmp_path: Path) -> None:
    torch.save({"model": state, "optimizer": {"m": torch.zeros(2)}}, tmp_path / "w.pth")
    words = ["--backbone", NAME, "--weights", str(tmp_path / "w.pth"), "--limit", "2", "--json"]
    notes = " ".join(json.loads(ict("score", "digits", *words).stdout).get("notes") or [])
    assert "head (2 tensors)" in notes
    assert "optimizer (1 tensor)" in notes


TRAIN = [
    "train",
    "digits",
    "--limit",
    "24",
    "--set",
    "epochs=1",
    "--set",
    "precision=fp32",
    "--wait",
    "--json",
]


def trained(store: Path, *words: str, **environment: str) -> str:
    """A finished run of a store, by the command line in a process of its own."""
    where = {**os.environ, "ICT_STORE": str(store), "HF_HUB_OFFLINE": "1", **environment}
    child = subprocess.run(
        [sys.executable, "-m", "ict", *TRAIN, *words],
        env=where, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert child.returncode == 0, child.stdout[-600:] + child.stderr[-600:]
    return str(json.loads(child.stdout)["run_id"])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, Path]:
    """Store, run and weights file: `ict_tiny` on weights that are not the bundled ones."""
    folder = tmp_path_factory.mktemp("own")
    weights = folder / "mine.safetensors"
    save_file({k: (v.float() * 1.03) for k, v in load_file(BUNDLED_WEIGHTS).items()}, weights)
    run_id = trained(folder / "store", "--weights", str(weights), "--site", "mlp_branch")
    return folder / "store", run_id, weights


@pytest.fixture
def moved(run: tuple[Path, str, Path], tmp_path: Path) -> Any:
    """The same, with the weights file moved away for the time of a test."""
    store, run_id, weights = run
    elsewhere = weights.rename(tmp_path / "moved.safetensors")
    yield store, run_id, elsewhere
    weights.unlink(missing_ok=True)
    elsewhere.rename(weights)


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@promise("A run whose weights file is gone is not rebuilt on others; the wanted SHA is named")
def test_a_run_is_not_rebuilt_on_the_bundled_weights(moved: tuple[Path, str, Path]) -> None:
    import ict as package

    store, run_id, elsewhere = moved
    with pytest.raises(ValueError, match=sha(elsewhere)):
        package.load(run_id, store=store)


@promise("A run whose weights file changed is not rebuilt on the changed file")
def test_a_run_is_not_rebuilt_on_a_changed_file(
    moved: tuple[Path, str, Path], run: tuple[Path, str, Path]
) -> None:
    import ict as package

    store, run_id, elsewhere = moved
    save_file({k: v * 0.9 for k, v in load_file(elsewhere).items()}, run[2])
    with pytest.raises(ValueError, match=sha(elsewhere)):
        package.load(run_id, store=store)


@promise("ict train refuses a weights file that does not fit at once: exit 2, no run in the store")
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


@promise("ict resume says at once that the weights are gone, and takes them from elsewhere")
def test_resume_with_weights_that_were_moved(
    moved: tuple[Path, str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ict.running import local

    store, run_id, elsewhere = moved
    monkeypatch.setenv("ICT_STORE", str(tmp_path / "store"))
    monkeypatch.setattr(local, "start_workers", lambda _: 0)
    folder = tmp_path / "store" / "runs" / run_id
    shutil.copytree(store / "runs" / run_id, folder)
    (folder / "result.json").unlink()
    answer = ict("resume", run_id, "--json")
    assert (answer.exit_code, sha(elsewhere) in answer.stdout) == (2, True), answer.output
    wrong = ict("resume", run_id, "--weights", str(BUNDLED_WEIGHTS), "--json")
    assert (wrong.exit_code, sha(elsewhere) in wrong.stdout) == (2, True), wrong.output
    assert not (folder / "queued").exists()
    assert ict("resume", run_id, "--weights", str(elsewhere), "--json").exit_code == 0
    config = json.loads((folder / "config.json").read_text())
    assert config["sources"]["weights_file"] == str(elsewhere)
    assert json.loads((folder / "queued").read_text())["launcher"] == "local"


@promise(
    "ict.load(run, weights=FILE) takes the run's weights from where they lie now, and no others"
)
def test_load_takes_the_file_from_elsewhere(moved: tuple[Path, str, Path]) -> None:
    import ict as package

    store, run_id, elsewhere = moved
    model = package.load(run_id, store=store, weights=elsewhere)
    key = "blocks.0.norm1.weight"
    assert torch.equal(model.state_dict()[key], load_file(elsewhere)[key])
    with pytest.raises(ValueError, match=sha(elsewhere)):
        package.load(run_id, store=store, weights=BUNDLED_WEIGHTS)


@promise("`ict fold` writes no checkpoint on other weights, and --weights FILE says where they lie")
def test_fold_refuses_other_weights(
    moved: tuple[Path, str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, run_id, elsewhere = moved
    monkeypatch.setenv("ICT_STORE", str(store))
    out = tmp_path / "folded.safetensors"
    refused = ict("fold", run_id, "--out", str(out), "--json")
    assert refused.exit_code == 2
    assert sha(elsewhere) in json.loads(refused.stdout)["error"]
    assert not out.exists()
    done = ict("fold", run_id, "--out", str(out), "--weights", str(elsewhere), "--json")
    assert done.exit_code == 0, done.output
    assert out.is_file()


def images_of(labels: Any, limit: int) -> list[int]:
    """Which images of a test split a run with a limit was tested on."""
    try:
        from ict.tasks.limits import stratified
    except ImportError:  # the code of an older commit, on which promises are run too
        return list(range(limit))
    return stratified(labels, limit).tolist()


@promise(
    "A loaded model tells timm the size, mean and std of its pixels, and then answers as in the run"
)
def test_a_loaded_model_knows_its_pixels(run: tuple[Path, str, Path]) -> None:
    from timm.data import create_transform, resolve_model_data_config

    import ict as package
    from ict.tasks import load_split

    store, run_id, _ = run
    model = package.load(run_id, store=store)
    pixels = resolve_model_data_config(model)
    assert pixels["input_size"] == (3, 64, 64)
    assert pixels["mean"] == pixels["std"] == (0.5, 0.5, 0.5)
    transform = create_transform(**pixels, is_training=False)
    split = load_split("digits", "test")
    images = [split.image(i).convert("RGB") for i in images_of(split.labels, 24)]
    batch = torch.stack([transform(image) for image in images])
    with torch.inference_mode():
        answers = model(batch).argmax(dim=1)
    stored = load_file(store / "runs" / run_id / "predictions.safetensors")["predictions"]
    assert torch.equal(answers, stored)


@promise("A model that was trained on ImageNet's normalisation says so")
def test_a_model_of_another_normalisation_says_so(tmp_path: Path) -> None:
    from timm.data import resolve_model_data_config

    import ict as package

    words = ["--method", "linear", "--weights", "none", "--set", "pixel_normalisation=imagenet"]
    run_id = trained(tmp_path / "store", *words)
    pixels = resolve_model_data_config(package.load(run_id, store=tmp_path / "store"))
    assert pixels["mean"] == (0.485, 0.456, 0.406)
    assert pixels["input_size"] == (3, 64, 64)


@promise("A run on weights of the hub is not rebuilt on another revision")
def test_another_revision_of_the_hub_is_refused(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    import ict as package
    from ict.catalogue import get_backbone

    before, after = "a" * 40, "b" * 40
    hub = str(get_backbone(NAME).hub)
    cache = tmp_path / "hub" / f"models--{hub.replace('/', '--')}"
    snapshot = cache / "snapshots" / before
    snapshot.mkdir(parents=True)
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text(before)
    save_file(state, snapshot / "model.safetensors")
    words = ["--backbone", NAME, "--method", "linear"]
    run_id = trained(tmp_path / "store", *words, HF_HUB_CACHE=str(tmp_path / "hub"))
    (cache / "refs" / "main").write_text(after)
    snapshot = snapshot.rename(cache / "snapshots" / after)
    save_file({k: v * 0.9 for k, v in state.items()}, snapshot / "model.safetensors")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(ValueError, match=before):
        package.load(run_id, store=tmp_path / "store")
    result = json.loads((tmp_path / "store" / "runs" / run_id / "result.json").read_text())
    assert sum("head (2 tensors)" in note for note in result["notes"]) == 1
