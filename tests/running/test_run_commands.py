"""`ict train`, `resume`, `score` and `select`: fixed names in JSON, one sentence for what is wrong."""

import os
import shutil
import subprocess

import numpy as np
import pytest

import ict.scores
from tests.running.small_runs import ict_command


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
