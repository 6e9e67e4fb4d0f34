"""A run is rebuilt on the weights that it ran on, wherever they lie now, and its model knows its pixels."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from ict.catalogue import BUNDLED_WEIGHTS
from tests.promises.timm_weights import NAME, State, ict

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


@pytest.mark.promise(
    "A run whose weights file is gone is not rebuilt on others; the wanted SHA is named"
)
def test_a_run_is_not_rebuilt_on_the_bundled_weights(moved: tuple[Path, str, Path]) -> None:
    import ict as package

    store, run_id, elsewhere = moved
    with pytest.raises(ValueError, match=sha(elsewhere)):
        package.load(run_id, store=store)


@pytest.mark.promise("A run whose weights file changed is not rebuilt on the changed file")
def test_a_run_is_not_rebuilt_on_a_changed_file(
    moved: tuple[Path, str, Path], run: tuple[Path, str, Path]
) -> None:
    import ict as package

    store, run_id, elsewhere = moved
    save_file({k: v * 0.9 for k, v in load_file(elsewhere).items()}, run[2])
    with pytest.raises(ValueError, match=sha(elsewhere)):
        package.load(run_id, store=store)


@pytest.mark.promise(
    "ict resume says at once that the weights are gone, and takes them from elsewhere"
)
def test_resume_with_weights_that_were_moved(
    moved: tuple[Path, str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ict.launch import local

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


@pytest.mark.promise(
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


@pytest.mark.promise(
    "`ict fold` writes no checkpoint on other weights, and --weights FILE says where they lie"
)
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


@pytest.mark.promise(
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


@pytest.mark.promise("A model that was trained on ImageNet's normalisation says so")
def test_a_model_of_another_normalisation_says_so(tmp_path: Path) -> None:
    from timm.data import resolve_model_data_config

    import ict as package

    words = ["--method", "linear", "--weights", "none", "--set", "pixel_normalisation=imagenet"]
    run_id = trained(tmp_path / "store", *words)
    pixels = resolve_model_data_config(package.load(run_id, store=tmp_path / "store"))
    assert pixels["mean"] == (0.485, 0.456, 0.406)
    assert pixels["input_size"] == (3, 64, 64)


@pytest.mark.promise("A run on weights of the hub is not rebuilt on another revision")
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
