"""VTAB-1K at its sizes: the generated files, the phases by hand, and the command on its smallest scale."""

import contextlib
import datetime
import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from bench import vtab
from bench.vtab_images import NATIVE, counts, encoded, make_task, numbered
from bench.vtab_phases import Phases, Row, computed_row, measured_phases, size_of, table
from ict.store import Store, atomic_write_json
from ict.tasks import get_task, load_split
from ict.tasks.vtab import catalogue
from tests.result_documents import result_document
from tests.toys import until

ROOT = Path(__file__).parents[2]
SMALLEST = ["--scale", "0.002", "--backbone", "ict_tiny", "--epochs", "2"]
SMALLEST += ["--tasks", "kitti", "dsprites_loc", "--json"]


def test_every_task_has_a_native_size_and_six_are_measured_that_span_them():
    assert set(NATIVE) == set(catalogue())
    assert counts("kitti", 1.0) == {"train800": 800, "val200": 200, "test": 711}
    sizes = {task: catalogue()[task].sizes["test"] for task in NATIVE}
    pixels = {task: native.pixels for task, native in NATIVE.items()}
    for measure in (sizes, pixels):
        ends = {min(measure.values()), max(measure.values())}
        assert ends <= {measure[task] for task in vtab.MEASURED}
    assert len(vtab.MEASURED) == 6


@pytest.mark.parametrize("task", ["caltech101", "dsprites_ori", "smallnorb_ele"])
def test_generated_folders_are_read_as_the_task_they_stand_for(task: str, tmp_path: Path):
    make_task(tmp_path / "a", task, 0.004)
    found = get_task(task, root=tmp_path / "a")
    assert (found.classes, found.official) == (catalogue()[task].classes, False)
    split = load_split(found, "test", root=tmp_path / "a")
    assert len(split) == max(2, round(0.004 * catalogue()[task].sizes["test"]))
    files = [path for path in (tmp_path / "a").rglob("*.*") if path.suffix != ".txt"]
    assert len({hashlib.sha256(path.read_bytes()).digest() for path in files}) == len(files)
    with Image.open(files[0]) as image:
        assert (image.format, *image.size) == tuple(vars(NATIVE[task]).values())[:3]
    make_task(tmp_path / "b", task, 0.004)
    for path in files:
        again = tmp_path / "b" / path.relative_to(tmp_path / "a")
        assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("task", ["caltech101", "cifar"])
def test_a_numbered_file_shows_the_same_picture(task: str, tmp_path: Path):
    plain = encoded(NATIVE[task], 3)
    (tmp_path / "plain").write_bytes(plain)
    (tmp_path / "numbered").write_bytes(numbered(plain, 12345))
    with Image.open(tmp_path / "plain") as one, Image.open(tmp_path / "numbered") as other:
        other.load()
        assert one.tobytes() == other.tobytes()
        assert "12345" in str(other.info["comment" if one.format == "JPEG" else "Comment"])


def test_phases_of_a_run_add_up_to_the_time_since_the_run_before(store: Store):
    config = {"task": "kitti", "seed": 1}
    run = store.create_run({"run_id": "kitti-000", "config": config})
    run.log_path.write_text("2026-01-01T00:00:03.500+00:00 kitti-000 on cpu, 1 threads, fp32\n")
    result = result_document(
        run_id=run.id, test_accuracy=0.5, load_seconds=1.0, score_seconds=2.0, train_seconds=10.0,
        test_seconds=3.0, finished_at="2026-01-01T00:00:20.000+00:00",
    )  # fmt: skip
    atomic_write_json(run.result_path, result)
    began = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    found = measured_phases(run, began)
    assert found == Phases(start=3.5, load=1.0, score=2.0, train=10.0, test=3.0, rest=0.5)
    assert found.total == 20.0


def row(task: str, train: int, test: int, *, streamed: bool, phases: Phases) -> Row:
    return Row(task=task, train_images=train, test_images=test, streamed=streamed, measured=True,
               phases=phases)  # fmt: skip


def test_a_computed_row_by_hand():
    """As svhn: small files and a streamed test set, so read and tested like cifar, trained like kitti.

    Recipe `paper` augments images of svhn and kitti, and not those of cifar.
    """
    kitti = Phases(start=2.0, load=8.0, score=1.0, train=20.0, test=1.0, rest=1.0)
    cifar = Phases(start=4.0, load=1.0, score=3.0, train=15.0, test=10.0, rest=1.0)
    known = [
        row("kitti", 1000, 600, streamed=False, phases=kitti),
        row("cifar", 1000, 2600, streamed=True, phases=cifar),
    ]
    asked = {"task": "svhn", "train_images": 1000, "test_images": 5200, "streamed": True}
    found = computed_row(asked, known)
    assert not found.measured
    assert found.phases.start == pytest.approx(2 + 4600 / 1000)  # 1 ms a file more than kitti's
    expected = {"load": 1.0, "score": 1.0, "train": 20.0, "test": 20.0, "rest": 1.0}
    assert {name: getattr(found.phases, name) for name in expected} == pytest.approx(expected)
    last = table([*known, found])[-1]
    assert last.startswith("| **3 tasks** |")
    assert last.endswith("| computed |")
    assert f"{33 + 34 + found.phases.total:.1f}" in last


def test_the_test_sets_that_are_too_large_are_streamed():
    at = {"scale": 1.0, "side": 224, "keep_bytes": 1 << 30}
    streamed = {task for task in NATIVE if size_of(task, **at)["streamed"]}
    kept = {"caltech101", "dtd", "oxford_flowers102", "oxford_iiit_pet", "eurosat", "resisc45"}
    assert set(NATIVE) - streamed == kept | {"kitti"}


@pytest.mark.slow
def test_the_command_measures_two_tasks_and_computes_the_others(tmp_path: Path):
    done = bench(SMALLEST, tmp_path)
    said, _ = done.communicate(timeout=300)
    assert done.returncode == 0
    found = json.loads(said)
    rows = {one["task"]: one for one in found["rows"]}
    assert list(rows) == list(NATIVE)
    assert {task for task, one in rows.items() if one["measured"]} == {"kitti", "dsprites_loc"}
    measured = [rows["kitti"], rows["dsprites_loc"]]
    assert sum(one["total_seconds"] for one in measured) <= found["study_seconds"]
    assert all(one["train_seconds"] > 0 and one["test_seconds"] > 0 for one in measured)
    assert found["total_seconds"] == pytest.approx(sum(o["total_seconds"] for o in rows.values()))
    assert (found["total_is"], found["limit_seconds"]) == ("computed", None)
    assert 0 < found["share_of_peak"] < 1
    assert [*tmp_path.glob("*ict-bench*")] == []


@pytest.mark.slow
def test_the_command_stopped_in_the_middle_of_a_run_leaves_nothing(tmp_path: Path):
    running = bench(SMALLEST, tmp_path)
    until(lambda: bool([*tmp_path.glob("ict-bench-*/store/runs/*/execution.json")]), 120)
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=60)
    assert running.returncode == 128 + signal.SIGTERM
    for one in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            assert (
                not one.name.isdigit()
                or str(tmp_path).encode() not in (one / "environ").read_bytes()
            )
    assert [*tmp_path.glob("*ict-bench*")] == []


def bench(words: list[str], temporary: Path) -> subprocess.Popen[str]:
    """`python -m bench vtab`, which starts `bench.vtab` as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "bench", "vtab", *words],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        text=True,
    )
