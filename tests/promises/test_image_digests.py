"""Images that changed since they were used are noticed: by runs, studies, scores, inspections."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.promises.image_tasks import SPLITS, ict, make_task


def change(path: Path) -> None:
    """Other pixels in a file of the same size and time of modification (a BMP has no checksum)."""
    status = path.stat()
    content = bytearray(path.read_bytes())
    content[-50:] = bytes(255 - value for value in content[-50:])
    with open(path, "r+b") as file:
        file.write(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_size == status.st_size


STUDY = {
    "name": "mine",
    "base": {"task": "birds", "method": "linear", "precision": "fp32"},
    "grid": {"pixel_normalisation": ["native", "imagenet"]},
}


def ask() -> list[str]:
    """Asks for the study's two runs, and starts none."""
    from ict.studies import create

    from ict.store import Store

    return create(Store(), STUDY).run_ids


def pretend_done(run_id: str) -> Path:
    """A finished run, as far as its folder says."""
    from ict.store import Store

    folder = Store().run(run_id).path
    (folder / "result.json").write_text(json.dumps({"run_id": run_id, "test_accuracy": 0.5}))
    return folder


@pytest.mark.promise("Digests of the images stand beside the configuration, and in no id")
def test_digests_beside_the_config(root: Path) -> None:
    from ict.config import RunConfig, run_id
    from ict.store import Store

    folder = make_task(root, "birds", "bmp")
    first = ask()
    record = Store().run(first[0]).record
    assert set(record.get("images_sha256") or ()) == {"train800", "val200", "test"}
    assert run_id(RunConfig.from_dict(record["config"])) == first[0]
    change(folder / "images/train800/003.bmp")
    assert ask() == first, "data keeps its formula: sizes, not pixels"
    again = Store().run(first[0]).record
    assert again["images_sha256"]["train800"] != record["images_sha256"]["train800"]
    assert again["images_sha256"]["test"] == record["images_sha256"]["test"]
    assert again["config"] == record["config"]


@pytest.mark.promise("Bundled tasks have digests too")
@pytest.mark.parametrize("task", ["digits", "count", "sprites_loc"])
def test_digests_of_bundled_tasks(task: str) -> None:
    from ict.studies import create

    from ict.store import Store

    document = {**STUDY, "base": {**STUDY["base"], "task": task}}
    record = Store().run(create(Store(), document).run_ids[0]).record
    assert set(record.get("images_sha256") or ()) == {"train800", "val200", "test"}


@pytest.mark.promise("Images that changed since a run was asked for are noticed before it trains")
@pytest.mark.parametrize("split", SPLITS)
def test_checked_before_training(root: Path, split: str) -> None:
    from ict.run import run

    from ict.errors import IctError
    from ict.store import Store

    folder = make_task(root, "birds", "bmp")
    run_id = ask()[0]
    path = folder / f"images/{split}/005.bmp"
    change(path)
    with pytest.raises(IctError) as caught:
        run(run_id, Store(), threads=1)
    assert run_id in str(caught.value)
    assert f"1 image changed since, first {path}" in str(caught.value)
    assert Store().run(run_id).status() == "failed"
    if split != "train800":
        return
    change(path)  # as it was
    run(run_id, Store(), threads=1)
    assert Store().run(run_id).status() == "done"


@pytest.mark.promise("Asking for a run that is done with other images is refused by name: train")
def test_done_with_other_images_train(root: Path) -> None:
    folder = make_task(root, "birds", "bmp")
    run_id = ask()[0]
    pretend_done(run_id)
    words = (
        "train",
        "birds",
        "--method",
        "linear",
        "--set",
        "precision=fp32",
        "--json",
    )
    assert json.loads(ict(*words).stdout)["run_id"] == run_id
    for number in (3, 7, 11):
        change(folder / f"images/train800/{number:03d}.bmp")
    refused = ict(*words)
    assert refused.returncode == 2
    error = json.loads(refused.stdout)["error"]
    assert run_id in error
    assert f"3 images changed since, first {folder / 'images/train800/003.bmp'}" in error
    assert f"put them back, or `ict remove {run_id}` and ask again" in error
    assert ict("remove", run_id, "--yes").returncode == 0


@pytest.mark.promise("Asking for a run that is done with other images is refused by name: study")
def test_done_with_other_images_study(root: Path) -> None:
    from ict.errors import InputError

    folder = make_task(root, "birds", "bmp")
    first, second = ask()
    for run_id in (first, second):
        pretend_done(run_id)
    assert ask() == [first, second]
    change(folder / "images/test/003.bmp")
    with pytest.raises(InputError) as caught:
        ask()
    assert first in str(caught.value)
    assert "1 image changed since, first" in str(caught.value)
    assert "1 more runs likewise" in str(caught.value)


@pytest.mark.promise("A run that was made before digests were recorded is used, and said to be so")
def test_runs_of_0_1_0(root: Path) -> None:
    make_task(root, "birds", "bmp")
    run_id = ask()[0]
    folder = pretend_done(run_id)
    record = json.loads((folder / "config.json").read_text())
    record.pop("images_sha256", None)
    (folder / "config.json").write_text(json.dumps(record))
    words = (
        "train",
        "birds",
        "--method",
        "linear",
        "--set",
        "precision=fp32",
        "--json",
    )
    found = ict(*words)
    assert found.returncode == 0
    assert json.loads(found.stdout)["status"] == "done"
    assert "not recorded" in found.stderr
    assert json.loads((folder / "config.json").read_text()) == record


@pytest.mark.promise("A run of 0.1.0 that read 16-bit images as white is not used again in silence")
def test_runs_of_0_1_0_on_16_bits(root: Path) -> None:
    from ict.errors import InputError

    folder = make_task(root, "birds", "png", lambda grey: grey.astype(np.uint16) * 257)
    run_id = ask()[0]
    config = pretend_done(run_id) / "config.json"
    record = json.loads(config.read_text())
    record.pop("images_sha256", None)
    config.write_text(json.dumps(record))
    with pytest.raises(InputError) as caught:
        ask()
    first = folder / "images/train800/000.png"
    assert f"run {run_id} was made by version 0.1.0, which read images of more" in str(caught.value)
    assert f"(first {first}); `ict remove {run_id}` and ask again" in str(caught.value)


FILES = {
    "scores": ("score", "birds"),
    "inspection": ("inspect", "birds"),
    "causal check": (
        *("causal", "birds", "--fraction", "0.5", "--random-draws", "0"),
        *("--scatter", "0", "--block", "0"),
    ),
}


@pytest.mark.promise("What was computed from other pixels is not used again in silence")
@pytest.mark.parametrize("kind", FILES)
def test_files_of_other_images(root: Path, kind: str) -> None:
    from click.testing import CliRunner

    from ict.cli import main

    def here(*words: str) -> tuple[int, dict[str, Any]]:
        result = CliRunner().invoke(main, [*words, "--json"])
        return result.exit_code, json.loads(result.stdout)

    folder = make_task(root, "birds", "bmp")
    code, first = here(*FILES[kind])
    assert code == 0, first
    assert here(*FILES[kind])[0] == 0
    changed = folder / "images/train800/002.bmp"
    change(changed)
    code, second = here(*FILES[kind])
    assert code == 2, f"the {kind} of other pixels came again"
    name = next(first[key] for key in ("score_id", "inspect_id", "causal_id") if key in first)
    assert name in second["error"]
    assert f"1 image changed since, first {changed}" in second["error"]
    assert "put them back, or delete" in second["error"]
