"""Run B after A, after C, after a failed run equals B alone, bit for bit; real runs on the CPU."""

import random
import time
from pathlib import Path

import pytest
import torch

from ict.errors import IctError
from ict.running import local
from ict.running.batch import wait_all
from ict.running.execute import run as execute
from ict.running.kept import Kept
from ict.running.pristine import Pristine
from ict.running.worker import TRIES
from ict.store import Store
from ict.store.same_images import ask
from tests.running.outcomes import outcome
from tests.running.small_runs import SMALL, small_run
from tests.toys import kill, lines, until
from tests.vtab_layout import make_task, write_image

B = {"weights": None, "seed": 3, "drop_path": 0.1, "epochs": 1}
OTHERS = [
    {"weights": None, "seed": 3, "epochs": 1},  # B's own but for drop path
    {"weights": None, "seed": 9, "drop_path": 0.1, "epochs": 1},
    {"weights": None, "method": "linear"},
    {"weights": None, "method": "full", "precision": "fp32", "epochs": 1},
    {"weights": None, "method": "lora", "drop_path": 0.1, "epochs": 1},
    {"weights": None, "image_size": 32, "epochs": 1},
    {"epochs": 1, "criterion": "taylor"},  # random weights, and a pass with gradients
    {"weights": None, "backbone": "vit_tiny_patch16_224", "epochs": 1},
]
OTHERS[-1]["weights"] = "none"


HUGE = {"lr": 1000.0, "lr_multiplier": 1e6, "epochs": 2}


@pytest.fixture
def alone(tmp_path: Path):
    """What B computes in a store of its own, before anything else, with nothing kept."""
    own = Store(tmp_path / "alone")
    run = small_run(own, **B)
    execute(run.id, own, threads=1, device="cpu")
    return outcome(run)


def test_b_after_a_in_one_process_equals_b_alone(store: Store, alone: dict):
    """With what is kept, and after what is put back; the process is this one."""
    kept, state = Kept(1 << 30), Pristine()
    execute(small_run(store, **OTHERS[1]).id, store, threads=1, device="cpu", kept=kept)
    torch.manual_seed(77)
    state.restore()
    filled = kept.bytes
    run = small_run(store, **B)
    execute(run.id, store, threads=1, device="cpu", kept=kept)
    assert outcome(run) == alone
    assert kept.bytes == filled > 10 << 20  # its backbone and images were B's


def paint(path: Path, seed: int) -> None:
    """A picture of always as many bytes: the sizes of files alone tell no change."""
    write_image(path, seed=seed)
    path.write_bytes(path.read_bytes().ljust(4096, b"\0"))


def test_an_image_that_changed_in_between_is_read_anew(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("ICT_VTAB_ROOT", str(tmp_path))
    folder = make_task(tmp_path / "birds", train=6)
    image = folder / "images/train800/000001.jpg"
    paint(image, seed=1)

    def asked(seed: int, where: Store):
        from ict.resolve import resolve

        fields = {"task": "birds", "epochs": 1, "batch_size": 4, "seed": seed, "limit": None}
        return ask(where, [resolve({**SMALL, **fields}, weights="none")], command=None)[0]

    kept, state = Kept(1 << 30), Pristine()
    before = asked(0, store)
    execute(before.id, store, threads=1, device="cpu", kept=kept)
    old = asked(1, store)
    paint(image, seed=999)
    state.restore()
    with pytest.raises(IctError, match="are not those it was asked for with: 1 image changed"):
        execute(old.id, store, threads=1, device="cpu", kept=kept)
    other = Store(tmp_path / "other")  # asked for with the images of now; scores of none
    new, twin = asked(2, other), asked(2, Store(tmp_path / "twin"))
    execute(new.id, other, threads=1, device="cpu", kept=kept)
    execute(twin.id, Store(tmp_path / "twin"), threads=1, device="cpu")
    assert outcome(new) == outcome(twin)


def in_one_process(store: Store, *asked: dict) -> list:
    """Runs of `asked`, one after the other by one worker."""
    runs = [small_run(store, **fields) for fields in asked]
    ids = [run.id for run in runs]
    submit = lambda wanted: local.submit(store, wanted, threads=1)  # noqa: E731
    submit(ids)
    wait_all(store, ids, submit, quiet=True)
    return runs


def starts(runs) -> list[int]:
    return [run.execution()["pid"] for run in runs]


@pytest.mark.slow
@pytest.mark.parametrize("other", range(len(OTHERS)))
def test_b_after_any_other_run_equals_b_alone(store: Store, tmp_path: Path, other: int):
    alone = in_one_process(Store(tmp_path / "alone"), B)[0]
    before, b = in_one_process(store, OTHERS[other], B)
    assert starts([before, b]) == [before.execution()["pid"]] * 2  # in one process
    assert outcome(b) == outcome(alone)


@pytest.mark.slow
def test_b_after_a_run_that_failed_equals_b_alone(store: Store, tmp_path: Path):
    alone = in_one_process(Store(tmp_path / "alone"), B)[0]
    diverging = {**B, "method": "full", "precision": "fp32", "warmup_epochs": 0, **HUGE}
    good, failed, b = in_one_process(store, OTHERS[0], diverging, B)
    assert [run.status() for run in (good, failed, b)] == ["done", "failed", "done"]
    first, second, third = starts([good, failed, b])
    assert first == second != third
    assert outcome(b) == outcome(alone)


@pytest.mark.slow
def test_b_after_a_run_that_changed_every_kind_of_state_equals_b_alone(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    alone = in_one_process(Store(tmp_path / "alone"), B)[0]
    monkeypatch.setenv("ICT_RUNNER", "tests.messy_runner")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    before, b = in_one_process(store, OTHERS[0], B)
    assert len({*starts([before, b])}) == 1
    assert outcome(b) == outcome(alone)


@pytest.mark.slow
def test_killed_at_random_moments_every_run_ends_once_and_equal(store: Store, tmp_path: Path):
    """`python -m bench.warm --kills 20` does more of it."""
    asked = [{"weights": None, "seed": seed, "epochs": 1} for seed in range(4)]
    quiet = in_one_process(Store(tmp_path / "quiet"), *asked)
    dice = random.Random(5)
    runs = [small_run(store, **fields) for fields in asked]
    ids = [run.id for run in runs]
    submit = lambda wanted: local.submit(store, wanted, threads=1)  # noqa: E731
    submit(ids)
    hit: list[str] = []
    while len(hit) < 3 and any(run.status() != "done" for run in runs):
        time.sleep(dice.uniform(0.5, 4.0))
        for run in runs:
            holder = run.holder()
            if holder and holder["pid"] and hit.count(run.id) < TRIES - 1:
                kill(holder["pid"])
                hit.append(run.id)
    assert hit
    assert {*wait_all(store, ids, submit, quiet=True).values()} == {"done"}
    assert [outcome(run) for run in runs] == [outcome(run) for run in quiet]


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.0, 0.3, 1.0, 2.0, None])
def test_cancel_in_each_phase_stops_one_run_alone(store: Store, seconds: float | None):
    """So long after its start, importing and reading, or (None) in its training."""
    long = small_run(store, weights=None, epochs=400)
    after = small_run(store, **B)
    local.submit(store, [long.id, after.id], threads=1)
    until(lambda: long.status() == "running", 60)
    if seconds is None:
        until(lambda: bool(lines(long, "progress.jsonl")), 120)
    else:
        time.sleep(seconds)
    begun = time.monotonic()
    assert local.cancel(store, [long.id]) == [long.id]
    assert long.status() == "cancelled"
    assert time.monotonic() - begun < 6.0  # 2 s on a machine with nothing else to do
    until(lambda: after.status() == "done", 120)
