"""A run, from the command line to its files: once, whole, repeatable, and with its error said."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import ict
import ict.scores
from ict.config import SEEDLESS
from ict.errors import IctError, InputError
from ict.resolve import resolve
from ict.running.execute import run as execute
from ict.store import Store
from ict.store.predictions import read_predictions
from ict.store.run_result import FIELDS as RESULT_FIELDS
from ict.tasks.digests import ImageDigests, listed

SMALL = {"task": "digits", "limit": 20, "epochs": 2, "batch_size": 8}


def ict_command(*words, timeout=240, env=None):
    """`ict WORDS --json` in a process of its own: exit code, what it printed as JSON, stderr."""
    child = subprocess.run(
        [sys.executable, "-m", "ict", *words, "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
        env={**os.environ, "OMP_NUM_THREADS": "1", **(env or {})},
    )
    assert child.stdout, child.stderr
    return child.returncode, json.loads(child.stdout), child.stderr


def small_run(store, weights="none", **asked):
    return store.create_run(resolve({**SMALL, **asked}, weights=weights).record())


def test_a_finished_run_holds_what_the_design_promises(store):
    here = small_run(store)
    result = execute(here.id, store, threads=1, device="cpu")
    assert here.status() == "done"
    assert result == here.result()
    assert 0 <= result.test_accuracy <= 1
    assert (result.adapter_parameters, result.head_parameters) == (12 * (24 * 24 + 24), 1930)
    assert result.notes[0].startswith("random backbone weights")
    assert "train800: only 20 of 800 images, shared out over the classes (limit)" in result.notes
    assert result.official_data is False  # of 797 test images the first 20 alone
    rows = here.progress()
    assert [row["epoch"] for row in rows] == [1, 2]
    assert {
        "train_loss",
        "train_accuracy",
        "val_accuracy",
        "lr",
        "seconds",
        "images_per_second",
    } <= set(rows[0])
    selection = json.loads((here.path / "selection.json").read_text())
    assert [len(block["indices"]) for block in selection["blocks"]] == [24] * 12
    answers = read_predictions(here)
    assert (answers.labels == answers.predictions).mean() == pytest.approx(result.test_accuracy)
    assert answers.losses.mean() == pytest.approx(result.test_loss, abs=1e-6)
    right = answers.labels == answers.predictions
    assert right.any()
    np.testing.assert_allclose(
        np.exp(-answers.losses[right]), answers.probabilities[right], rtol=1e-5
    )
    assert answers.classes == 10
    images = ImageDigests().images("digits", "test", 20, "stratified")
    assert answers.test_sha256 == listed(images, answers.labels)
    assert not (here.path / "checkpoint").exists()
    assert not (here.path / "live.json").exists()
    scores = ict.scores.load_scores(store.score_dir(result.score_id))
    assert scores.stacked("attn").shape == (12, 192)


def test_the_loaded_model_answers_as_the_run_did(store):
    import torch

    from ict.data import batches, load_set
    from ict.tasks import load_split
    from ict.tasks.limits import limited

    here = small_run(store, precision="fp32")
    execute(here.id, store, threads=1, device="cpu")
    model = ict.load(here.id)
    test = load_set(limited(load_split("digits", "test"), 20, "stratified"), 64)
    with torch.inference_mode():
        logits = torch.cat(
            [model(x) for x, _ in batches(test, 16, mean=(0.5,) * 3, std=(0.5,) * 3)]
        )
    expected = load_file(here.path / "predictions.safetensors")
    np.testing.assert_array_equal(logits.argmax(1).numpy(), expected["predictions"])


def test_asking_again_runs_nothing(store):
    here = small_run(store, method="linear")
    first = execute(here.id, store, threads=1, device="cpu")
    written = (here.path / "result.json").stat().st_mtime_ns
    assert execute(here.id, store) == first
    assert (here.path / "result.json").stat().st_mtime_ns == written


@pytest.mark.parametrize("method", ["linear", "full", "bitfit", "lora"])
def test_every_method_ends_with_a_result_that_loads(store, method):
    here = small_run(store, method=method, epochs=1)
    result = execute(here.id, store, threads=1, device="cpu")
    written = json.loads((here.path / "result.json").read_text())
    assert list(written) == list(RESULT_FIELDS), "a key that the record does not classify"
    assert (here.config["seed"] is None) == (method in SEEDLESS)
    assert result.trainable_parameters == result.adapter_parameters + result.head_parameters
    assert result.score_id is None
    assert ict.load(here.path) is not None


def test_a_run_whose_head_starts_as_the_probe_begins_where_the_probe_ends(store):
    """At rates of zero nothing is trained: its answers are those of the probe's own run."""
    asked = {"precision": "fp32", "train_split": "train800val200"}
    still = {"init": "zero", "head_init": "probe", "lr": 0.0, "head_lr": 0.0, "epochs": 1}
    start = small_run(store, **asked, **still)
    linear = small_run(store, **asked, method="linear")
    results = [execute(one.id, store, threads=1, device="cpu") for one in (start, linear)]
    found, expected = (read_predictions(one) for one in (start, linear))
    np.testing.assert_array_equal(found.predictions, expected.predictions)
    np.testing.assert_allclose(found.losses, expected.losses, atol=1e-4)
    strength = results[1].inverse_regularisation
    assert any(f"head starts as the linear probe: C={strength:g}" in n for n in results[0].notes)
    assert results[1].cross_validated_accuracy is not None
    assert results[1].val_accuracy is None


@pytest.mark.parametrize("version", [1, 2])
def test_a_linear_run_of_each_version_says_how_its_strength_was_chosen(store, version):
    here = small_run(store, method="linear", probe_version=version)
    result = execute(here.id, store, threads=1, device="cpu")
    assert ("probe_version" in here.config) == (version == 2)
    assert (result.cross_validated_accuracy is None) == (version == 1)
    assert result.val_accuracy is not None
    lines = (here.path / "progress.jsonl").read_text().splitlines()
    tried = [json.loads(line)["inverse_regularisation"] for line in lines]
    assert tried == [1e-4, 1e-3, 1e-2, 0.1, 1, 10]


@pytest.mark.parametrize("criterion", ["random", "lowest"])
def test_controls_choose_what_they_say(store, criterion):
    main, control = small_run(store, epochs=1), small_run(store, epochs=1, criterion=criterion)
    for one in (main, control):
        execute(one.id, store, threads=1, device="cpu")
    chosen = [
        [
            set(block["indices"])
            for block in json.loads((r.path / "selection.json").read_text())["blocks"]
        ]
        for r in (main, control)
    ]
    assert all(len(block) == 24 for block in chosen[1])
    if criterion == "lowest":
        assert not any(top & low for top, low in zip(*chosen, strict=True))
    else:
        assert chosen[0] != chosen[1]


def test_select_by_val_tests_the_best_epoch_once(store):
    here = small_run(store, select_by="val", epochs=3)
    result = execute(here.id, store, threads=1, device="cpu")
    rows = here.progress()
    best = max(rows, key=lambda row: (row["val_accuracy"], -row["epoch"]))
    assert (result.selected_epoch, result.val_accuracy) == (
        best["epoch"],
        best["val_accuracy"],
    )
    assert result.best_test_accuracy is None


def test_the_optimistic_test_curve_is_asked_for_and_stands_apart(store):
    here = small_run(store, report_best_test=True)
    result = execute(here.id, store, threads=1, device="cpu")
    curve = [json.loads(line) for line in (here.path / "test_curve.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in curve] == [1, 2]
    assert result.best_test_accuracy == max(row["test_accuracy"] for row in curve)
    assert "test_accuracy" not in here.progress()[0]
    assert result.test_accuracy == curve[-1]["test_accuracy"]


def test_training_on_all_thousand_has_no_validation(store):
    here = small_run(store, train_split="train800val200", epochs=1)
    result = execute(here.id, store, threads=1, device="cpu")
    assert result.val_accuracy is None
    assert here.progress()[0]["val_accuracy"] is None


def test_channels_of_another_task(store):
    here = small_run(store, score_task="count", epochs=1)
    result = execute(here.id, store, threads=1, device="cpu")
    assert result.score_id.startswith("count-")


def test_a_failure_is_stored_with_its_sentence_and_can_be_tried_again(store):
    here = small_run(store, epochs=1)
    with pytest.raises(IctError, match="lower the learning rate") as raised:
        execute_with_broken_head(here, store)
    assert here.status() == "failed"
    assert here.error()["message"] == str(raised.value)
    assert "Traceback" in here.error()["traceback"]
    execute(here.id, store, threads=1, device="cpu")
    assert here.status() == "done"
    assert here.error() is None


def execute_with_broken_head(here, store):
    import torch

    from ict.running import pipeline

    build = pipeline.Pipeline._model

    def broken(self, selection):
        model = build(self, selection)
        with torch.no_grad():
            model.head.weight.fill_(float("nan"))
        return model

    pipeline.Pipeline._model = broken
    try:
        execute(here.id, store, threads=1, device="cpu")
    finally:
        pipeline.Pipeline._model = build


def test_data_that_changed_under_a_run_is_noticed(store):
    here = small_run(store)
    record = {**here.record, "config": {**here.config, "data": "bundled:digits@0"}}
    (here.path / "config.json").write_text(json.dumps(record))
    with pytest.raises(IctError, match="changed since this run was asked for"):
        execute(here.id, store, threads=1, device="cpu")


def test_loading_a_run_that_is_not_done(store):
    here = small_run(store)
    with pytest.raises(InputError, match="not done"):
        ict.load(here.id)


def test_train_wait_json_holds_the_fixed_names():
    code, answer, _ = ict_command(
        "train", "digits", "--limit", "10", "--weights", "none", "--set", "epochs=1", "--wait"
    )
    assert code == 0
    fixed = """run_id path status config test_accuracy val_accuracy adapter_parameters head_parameters
    trainable_parameters epochs train_seconds peak_memory_bytes device versions"""
    assert set(fixed.split()) <= set(answer)
    assert answer["status"] == "done"


def test_train_without_wait_returns_the_first_four():
    code, answer, _ = ict_command(
        "train", "digits", "--limit", "10", "--weights", "none", "--set", "epochs=1"
    )
    assert code == 0
    assert set(answer) == {"run_id", "path", "status", "config"}
    code, answer, _ = ict_command("resume", answer["run_id"], "--wait")
    assert (code, answer["status"]) == (0, "done")


@pytest.mark.parametrize(("k", "parameters"), [(96, 111_744), (192, 444_672)])
def test_dry_run_counts_and_writes_nothing(store, real_images, k, parameters):
    vit = ["--backbone", "vit_base_patch16_224.orig_in21k", "--weights", "none"]
    code, answer, _ = ict_command("train", "caltech101", *vit, "--k", str(k), "--dry-run")
    assert code == 0
    assert answer["adapter_parameters"] == parameters
    assert answer["head_parameters"] == 768 * 102 + 102
    assert not store.root.exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["train", "digitz"], "did you mean 'digits'"),
        (["train", "digits", "--backbone", "ict_tny"], "did you mean 'ict_tiny'"),
        (["train", "digits", "--site", "attn_brnch"], "did you mean 'attn_branch'"),
        (["train", "digits", "--criterion", "clas_l2"], "did you mean 'class_l2'"),
        (["train", "digits", "--k", "900"], "choose 1 to 192"),
        (["train", "digits", "--ratio", "1.5"], "at most 1"),
        (["train", "digits", "--set", "epoch=3"], "did you mean 'epochs'"),
        (["train", "digits", "--device", "cuda:7"], "not on this machine"),
        (["score", "digits", "--criterion", "l22"], "did you mean 'l2'"),
        (["score", "digits", "--site", "blok"], "did you mean 'block'"),
        (["select", "nothing-here", "--k", "3"], "no score 'nothing-here'"),
    ],
)
def test_bad_input_is_one_sentence_exit_2_and_writes_nothing(store, words, sentence):
    code, answer, _ = ict_command(*words)
    assert code == 2
    assert set(answer) == {"error"}
    assert sentence in answer["error"]
    assert "\n" not in answer["error"]
    assert not store.root.exists()


def test_a_store_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("in the way")
    for store, wanted in ((tmp_path / "file", 2), (tmp_path / "file" / "store", 1)):
        words = ("train", "digits", "--weights", "none")
        code, answer, _ = ict_command(*words, env={"ICT_STORE": str(store)})
        assert code == wanted
        assert str(store) in answer["error"]
        assert "set ICT_STORE to a" in answer["error"]


def test_an_image_that_cannot_be_decoded_is_named_and_nothing_written(store, tmp_path, monkeypatch):
    from PIL import Image

    folder = tmp_path / "data" / "mine"
    (folder / "images").mkdir(parents=True)
    for i in range(4):
        Image.new("RGB", (8, 8), (60 * i, 0, 0)).save(folder / "images" / f"{i}.png")
    lines = "".join(f"images/{i}.png {i % 2}\n" for i in range(4))
    for split in ("train800", "val200", "train800val200", "test"):
        (folder / f"{split}.txt").write_text(lines)
    (folder / "images" / "2.png").write_bytes(b"not an image")
    for words in (["train", "mine"], ["score", "mine"]):
        code, answer, _ = ict_command(
            *words, "--weights", "none", env={"ICT_VTAB_ROOT": str(folder.parent)}
        )
        assert code == 2
        assert "2.png cannot be decoded" in answer["error"]
    assert not store.root.exists()


def test_score_and_select_from_the_command_line(tmp_path):
    words = [
        "score",
        "digits",
        "--weights",
        "none",
        "--limit",
        "20",
        "--site",
        "attn",
        "--site",
        "block",
    ]
    code, answer, _ = ict_command(*words, "--keep-images")
    assert code == 0
    fixed = """score_id path task split images classes backbone weights criterion site tokens
    pixel_mean pixel_std seconds peak_memory_bytes"""
    assert set(fixed.split()) <= set(answer)
    assert answer["images"] == 20
    code, chosen, _ = ict_command(
        "select", answer["score_id"], "--site", "block", "--ratio", "0.25"
    )
    assert code == 0
    assert [len(block["indices"]) for block in chosen["blocks"]] == [48] * 12
    scores = ict.scores.load_scores(answer["path"])
    assert scores.arrays["attn.0.per_image"].shape == (20, 12, 192)
    top = np.sort(np.argsort(-scores.stacked("block")[3], kind="stable")[:48])
    assert chosen["blocks"][3]["indices"] == top.tolist()


def test_real_photographs_and_short_splits(store, real_images):
    task = resolve({"task": "oxford_iiit_pet", "limit": 30, "epochs": 1}, weights="none")
    here = store.create_run(task.record())
    result = execute(here.id, store, threads=1, device="cpu")
    assert any("185 of" in note for note in result.notes)
    assert result.official_data is False
    assert result.head_parameters == 192 * 37 + 37


@pytest.mark.slow
def test_killed_in_the_middle_of_an_epoch_it_ends_with_the_same_numbers(store, tmp_path):
    """`kill -9` of worker and run, then `ict resume --wait`, against an unbroken twin."""
    words = ["train", "digits", "--limit", "40", "--weights", "none", "--slots", "2"]
    for field in ("epochs=3", "batch_size=8", "drop_path=0.1"):
        words += ["--set", field]
    code, whole, _ = ict_command(*words, "--wait", env={"ICT_STORE": str(tmp_path / "twin")})
    assert code == 0
    _, asked, _ = ict_command(*words)
    here = store.run(asked["run_id"])
    deadline = time.monotonic() + 120
    while not any(
        (live := here.live()) and live.get("epoch") == 2 and live["done"] >= 1 for _ in [0]
    ):
        assert time.monotonic() < deadline, here.status()
        assert here.status() in ("queued", "running")
        time.sleep(0.02)
    for pid in processes_of(store):
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.3)
    assert here.status() == "killed"
    assert len(here.progress()) == 1
    code, resumed, _ = ict_command("resume", here.id, "--wait")
    assert code == 0
    for name in ("test_accuracy", "val_accuracy", "train_loss", "test_loss"):
        assert resumed[name] == whole[name], name
    assert [row["train_loss"] for row in here.progress()] == [
        row["train_loss"] for row in Store(tmp_path / "twin").run(whole["run_id"]).progress()
    ]
    first = load_file(here.path / "adapter.safetensors")
    second = load_file(tmp_path / "twin" / "runs" / whole["run_id"] / "adapter.safetensors")
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])


@pytest.mark.slow
def test_twenty_at_once_execute_once(store):
    words = [sys.executable, "-m", "ict", "train", "digits", "--limit", "10", "--weights", "none"]
    words += ["--set", "epochs=1", "--wait", "--json"]
    children = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(20)]
    answers = [json.loads(child.communicate(timeout=300)[0]) for child in children]
    assert {child.returncode for child in children} == {0}
    assert len({answer["run_id"] for answer in answers}) == 1
    assert len({answer["finished_at"] for answer in answers}) == 1
    assert store.run(answers[0]["run_id"]).execution()["starts"] == 1


def processes_of(store):
    """Workers and runs whose command line names the store."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            try:
                words = Path(f"/proc/{name}/cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if str(store.root) in words and ("ict.run" in words or "ict.launch.worker" in words):
                found.append(int(name))
    return found


def test_a_store_on_a_full_disk_is_one_sentence(tmp_path):
    """On a file system of 64 KiB, if this machine lets us mount one."""
    small = tmp_path / "small"
    small.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a small tmpfs needs root")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], check=False
    )
    if mounted.returncode != 0:
        pytest.skip("this machine does not allow mounts")
    try:
        (small / "fill").write_bytes(b"x" * 60_000)
        code, answer, _ = ict_command(
            "score", "digits", "--weights", "none", "--limit", "4", env={"ICT_STORE": str(small)}
        )
        assert code == 1
        assert "disk is full" in answer["error"]
    finally:
        subprocess.run(["umount", str(small)], check=False)
