"""Work is never lost to bookkeeping: a kill, a full disk or a missing version after the last epoch."""

import json
import os
import re
import subprocess
import sys

import pytest

from ict.errors import IctError
from ict.store import Store
from tests.promises.small_runs import SMALL, a_run, finish

# A child process that dies at a chosen place: argv are run id, store and what is to happen there.
DIES = """
import os, signal, sys
import ict.files, ict.run
from ict.store import Store
run_id, root, where = sys.argv[1:]
replace = os.replace
def replaced(source, target):
    if str(target).endswith(where):
        os.kill(os.getpid(), signal.SIGKILL)
    replace(source, target)
ict.files.os.replace = replaced
ict.run.run(run_id, Store(root), threads=1, device="cpu")
"""

# A child process that ends a run and says which epochs it trained: argv are run id and store.
ENDS = """
import sys
import ict.run
from ict.store import Store
from ict.training import Trainer
run_id, root = sys.argv[1:]
epoch = Trainer.epoch
Trainer.epoch = lambda self, n, **more: print("epoch", n, flush=True) or epoch(self, n, **more)
ict.run.run(run_id, Store(root), threads=1, device="cpu")
"""


def end_in_a_child(run, store):
    """Epochs that were trained, and the result as its file holds it.

    A process of its own, as a resume is: what a process computed before decides where its buffers lie,
    and with that the last bits of a product.
    """
    words = [sys.executable, "-c", ENDS, run.id, str(store.root)]
    child = subprocess.run(words, capture_output=True, text=True, check=True)
    trained = [int(n) for n in re.findall(r"^epoch (\d+)$", child.stdout, re.MULTILINE)]
    return trained, json.loads((run.path / "result.json").read_text())


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """Epochs and result of the run that nothing disturbs."""
    twin = Store(tmp_path_factory.mktemp("twin"))
    return end_in_a_child(a_run(twin), twin)


@pytest.mark.promise("A run killed after its last epoch, before its result, resumes at the test")
@pytest.mark.parametrize("where", ["result.json", "predictions.safetensors"])
def test_a_kill_before_the_result_costs_no_epoch(store, unbroken, where):
    whole_epochs, whole = unbroken
    assert len(whole_epochs) == SMALL["epochs"]
    run = a_run(store)
    child = subprocess.run(
        [sys.executable, "-c", DIES, run.id, str(store.root), where], check=False
    )
    assert child.returncode == -9
    assert run.status() == "killed"
    trained, result = end_in_a_child(run, store)
    assert trained == []
    for name in ("test_accuracy", "test_loss", "val_accuracy", "train_loss", "selected_epoch"):
        assert result[name] == whole[name]
    assert not (run.path / "checkpoint").exists()


@pytest.mark.promise(
    "A full disk at the result costs no epoch, and its sentence names run and path"
)
def test_a_full_disk_before_the_result_costs_no_epoch(store, monkeypatch):
    import errno

    from ict.training import Trainer

    run = a_run(store)
    replace = os.replace

    def full(source, target, **more):
        if str(target).endswith("result.json"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, target, **more)

    monkeypatch.setattr("ict.files.os.replace", full)
    with pytest.raises(IctError, match="the disk is full") as raised:
        finish(run, store)
    assert run.id in str(raised.value)
    monkeypatch.setattr("ict.files.os.replace", replace)
    monkeypatch.setattr(Trainer, "epoch", lambda *a, **b: pytest.fail("trained again"))
    assert finish(run, store)["epochs"] == 2


@pytest.mark.promise("A full disk while scores are written names the run")
def test_a_full_disk_beside_the_run_names_it(store, monkeypatch):
    import errno

    run = a_run(store, criterion="l2", epochs=1)
    replace = os.replace

    def full(source, target, **more):
        if str(target).endswith("scores.safetensors"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, target, **more)

    monkeypatch.setattr("ict.files.os.replace", full)
    with pytest.raises(IctError, match=r"scores.safetensors: the disk is full") as raised:
        finish(run, store)
    assert run.id in str(raised.value)


MISSING = """
import sys
from importlib import metadata
find = metadata.version
def version(name):
    if name in ("captum", "pillow"):
        raise metadata.PackageNotFoundError(name)
    return find(name)
metadata.version = version
from ict.cli import main
main()
"""


@pytest.mark.promise(
    "A missing package version fails neither a run nor a score: it is noted as unknown"
)
@pytest.mark.parametrize("kind", ["run", "score"])
def test_a_missing_version_fails_nothing(store, kind):
    if kind == "run":
        run = a_run(store, epochs=1)
        main = MISSING.replace("from ict.cli import main\nmain()", "import ict.run\nict.run.main()")
        words = [run.id, "--store", str(store.root), "--device", "cpu"]
    else:
        main = MISSING
        words = ["score", "digits", "--weights", "none", "--criterion", "random", "--json"]
    child = subprocess.run(
        [sys.executable, "-c", main, *words],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert child.returncode == 0, (child.stdout + child.stderr)[-600:]
    told = (
        json.loads((run.path / "result.json").read_text())
        if kind == "run"
        else json.loads(child.stdout)
    )
    assert told["versions"]["captum"] is None
    assert told["versions"]["numpy"]
    assert any("version of captum is not known" in note for note in told["notes"])


@pytest.mark.promise(
    "best.safetensors says its epoch; another epoch's is never loaded in its place"
)
def test_the_best_epoch_is_the_one_that_is_tested(store, tmp_path, monkeypatch):
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    asked = {"select_by": "val", "epochs": 3, "batch_size": 4, "lr": 0.01}
    whole = finish(a_run(Store(tmp_path / "twin"), **asked), Store(tmp_path / "twin"))
    run = a_run(store, **asked)
    best = run.path / "checkpoint" / "best.safetensors"
    subprocess.run(
        [sys.executable, "-c", DIES, run.id, str(store.root), "predictions.safetensors"],
        check=False,
    )
    with safe_open(best, framework="pt") as file:
        assert (file.metadata() or {}).get("epoch") == str(whole["selected_epoch"])
    other = {name: torch_zeros(tensor) for name, tensor in load_file(best).items()}
    save_file(other, best, metadata={"epoch": str(whole["selected_epoch"] % 3 + 1)})
    result = finish(run, store)
    assert result["test_loss"] == whole["test_loss"]
    assert any("trained anew" in note for note in result["notes"])


def torch_zeros(tensor):
    return tensor if tensor.dtype.is_floating_point is False else tensor * 0
