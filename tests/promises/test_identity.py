"""An id means what ran, for ever; work is never lost to bookkeeping."""

import dataclasses
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ict.run import run as execute

from ict.config import RunConfig, parse_setting, resolve, run_id
from ict.errors import IctError, InputError
from ict.store import Store

ROOT = Path(__file__).resolve().parents[2]
GOLDEN, EXAMPLE = ROOT / "tests/golden", ROOT / "assets/example_store"
SMALL = {"task": "digits", "limit": 8, "epochs": 2, "batch_size": 8, "criterion": "random",
         "precision": "fp32"}  # fmt: skip


def ict(*words, code=0):
    """`ict WORDS --json` in a process of its own: what it printed."""
    child = subprocess.run(
        [sys.executable, "-m", "ict", *words, "--json"],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert child.returncode == code, child.stdout + child.stderr
    return json.loads(child.stdout)


def a_run(store, **asked):
    return store.create_run(resolve({**SMALL, **asked}, weights="none").record())


def finish(run, store):
    """The run's result as its file holds it."""
    execute(run.id, store, threads=1, device="cpu")
    return json.loads((run.path / "result.json").read_text())


def old_run(store, part):
    """A run folder as version 0.1.0 wrote it when it was asked for, on digits."""
    (path,) = GOLDEN.glob(f"runs/golden-ict_tiny-{part}/config.json")
    asked = json.loads(path.read_text())["config"]
    asked |= {"task": "digits", "weights": "none", "data": "bundled:digits@1", "limit": 8,
              "batch_size": 8, "epochs": 1, "warmup_epochs": 0}  # fmt: skip
    if asked["method"] == "ict":
        asked |= {"criterion": "random", "selection_seed": 0, "tokens": None, "score_site": None,
                  "score_task": None, "score_split": None, "scale_on_x": False}  # fmt: skip
    config = RunConfig.from_dict(asked)
    return store.create_run({"run_id": run_id(config), "config": config.to_dict(), "sources": {}})


@pytest.mark.promise("scale=0 and lr_multiplier=0 run as 0: zero is a value")
@pytest.mark.parametrize("zero", [{"scale": 0}, {"lr_multiplier": 0, "method": "bitfit"}])
def test_a_zero_runs_as_zero(store, zero):
    ran = a_run(store, **zero, epochs=1, warmup_epochs=0)
    one = a_run(store, **{**zero, **{k: 1 for k, v in zero.items() if v == 0}}, epochs=1,
                warmup_epochs=0)  # fmt: skip
    assert finish(ran, store)["test_loss"] != finish(one, store)["test_loss"]


@pytest.mark.promise("A learning rate of 0 changes nothing, its warm-up included")
@pytest.mark.parametrize("zero", [{"lr": 0}, {"lr_multiplier": 0}])
def test_a_rate_of_zero_trains_nothing(store, zero):
    from safetensors.torch import load_file

    run = a_run(store, **zero, warmup_epochs=1, init="zero")
    finish(run, store)
    weights = load_file(run.path / "adapter.safetensors")
    assert not any(w.any() for name, w in weights.items() if name.endswith("adapter.weight"))


@pytest.mark.promise("`ict train --set scale=0` differs in loss from the default (show 5)")
def test_scale_zero_from_the_command_line():
    words = ("train", "digits", "--limit", "8", "--weights", "none", "--set", "epochs=1", "--wait")
    zero, one = ict(*words, "--set", "scale=0"), ict(*words)
    assert zero["config"]["scale"] == 0
    assert zero["test_loss"] != one["test_loss"]


@pytest.mark.promise("Old folders that ran a 0 as 1 are listed so, and not reused")
@pytest.mark.parametrize(
    ("part", "field"), [("ict-k24-fdf471b9449b", "scale"), ("bitfit-*", "lr_multiplier")]
)
def test_an_old_zero_is_listed_and_not_reused(store, part, field):
    old = old_run(store, part)
    (row,) = ict("runs")
    assert row["ran_as"] == f"{field}=0 ran as 1 under 0.1.0"
    shown = subprocess.run(
        [sys.executable, "-m", "ict", "show", old.id], capture_output=True, text=True, check=True
    )
    assert f"{field}=0 ran as 1 under 0.1.0" in shown.stdout
    names = {f.name for f in dataclasses.fields(RunConfig)} - {
        "schema",
        "data",
        "score_data",
        "zeros",
    }
    asked = {name: value for name, value in old.config.items() if name in names}
    assert resolve({**asked, "weights": None}, weights="none").run_id != old.id


@pytest.mark.promise("A model of an old folder loads as it ran: scale=0 as 1")
def test_an_old_zero_goes_on_as_it_ran(store):
    from ict.adapters import adapters

    import ict as package

    old = old_run(store, "ict-k24-fdf471b9449b")
    one = dataclasses.replace(RunConfig.from_dict(old.config), scale=1.0)
    twin = store.create_run({"run_id": run_id(one), "config": one.to_dict(), "sources": {}})
    assert finish(old, store)["test_loss"] == finish(twin, store)["test_loss"]
    assert {adapter.scale for adapter in adapters(package.load(old.id)).values()} == {1.0}


@pytest.mark.promise("scale has limits")
@pytest.mark.parametrize("value", [1e6, -1e6, 10**400], ids=["large", "small", "400 digits"])
def test_scale_has_limits(value):
    with pytest.raises(InputError, match="scale="):
        resolve({"task": "digits", "scale": value}, weights="none")


NUMBERS = "epochs batch_size lr lr_multiplier weight_decay warmup_epochs drop_path label_smoothing " \
          "scale limit lora_rank seed selection_seed ratio k".split()  # fmt: skip


@pytest.mark.promise("NaN and infinity are refused in every field, by --set, API, TOML and store")
@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_nan_and_infinity_are_refused_everywhere(tmp_path, word):
    from ict.studies import expand, read_toml

    let_in = []
    for field in NUMBERS:
        value = float(word)
        toml = tmp_path / f"{field}.toml"
        literal = word.lower().replace("infinity", "inf")
        toml.write_text(f'[base]\ntask = "digits"\nweights = "none"\n{field} = {literal}\n')
        stored = json.dumps(RunConfig(task="digits").to_dict() | {field: value})
        ways = {
            "--set": lambda text=f"{field}={word}": parse_setting(text),
            "API": lambda f=field, v=value: resolve({"task": "digits", f: v}, weights="none"),
            "TOML": lambda path=toml: expand(read_toml(path)),
            "store": lambda text=stored: RunConfig.from_dict(json.loads(text)),
        }
        for way, ask in ways.items():
            try:
                ask()
            except InputError as error:
                assert field in str(error)  # noqa: PT017
            else:
                let_in.append(f"{field} by {way}")
    assert not let_in


@pytest.mark.promise("`--set scale=NaN` is refused (show 5)")
def test_scale_nan_from_the_command_line(store):
    words = ("train", "digits", "--weights", "none", "--set", "scale=NaN", "--wait")
    assert "scale" in ict(*words, "--limit", "8", "--set", "epochs=1", code=2)["error"]
    assert not store.root.exists()


@pytest.mark.promise("NaN is refused in options of a criterion and in an adapter's scale")
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_nan_is_refused_in_a_notebook(value):
    from ict.channel_adapter import ChannelAdapter

    from ict.scoring import ScoreRequest

    with pytest.raises(InputError, match="finite"):
        ChannelAdapter([0, 1], 4, scale=value)
    request = {"task": "digits", "backbone": "ict_tiny", "weights": "none", "data": "x"}
    with pytest.raises(InputError, match="finite"):
        ScoreRequest(**request, options={"steps": value}).score_id  # noqa: B018


@pytest.mark.promise("A run whose loss or logits are not finite is failed, with one sentence")
@pytest.mark.parametrize("split", ["train800", "train800val200"])
def test_a_diverged_run_is_failed(store, split):
    run = a_run(store, epochs=1, batch_size=8, lr=1000, lr_multiplier=1e6, warmup_epochs=0,
                train_split=split, method="full")  # fmt: skip
    with pytest.raises(IctError, match=r"NaN|infinite|nan") as raised:
        finish(run, store)
    assert run.status() == "failed"
    assert "learning rate" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.promise("A linear probe on features that are not finite is failed, with one sentence")
def test_a_probe_on_nan_is_failed(store, monkeypatch):
    import torch

    from ict import pipeline

    run = a_run(store, method="linear")
    build = pipeline.Pipeline._model

    def broken(self, selection):
        model = build(self, selection)
        with torch.no_grad():
            model.norm.weight.fill_(float("nan"))
        return model

    monkeypatch.setattr(pipeline.Pipeline, "_model", broken)
    with pytest.raises(IctError, match="features of 8 of 8 images are NaN or infinite"):
        finish(run, store)
    assert run.status() == "failed"


@pytest.mark.promise(
    "run_id(RunConfig.from_dict(config)) equals the folder's name for every golden run"
)
@pytest.mark.parametrize("folder", [EXAMPLE, GOLDEN], ids=["example", "vtab layout"])
def test_golden_runs_keep_their_ids(folder):
    paths = sorted(folder.glob("runs/*/config.json"))
    assert len(paths) == {EXAMPLE: 18, GOLDEN: 5}[folder]
    for path in paths:
        config = json.loads(path.read_text())["config"]
        assert run_id(RunConfig.from_dict(config)) == path.parent.name


@pytest.mark.promise("Score ids are for ever: all example scores, two on a VTAB-layout folder")
def test_golden_scores_keep_their_ids():
    from ict.scoring import ScoreRequest

    paths = [*EXAMPLE.glob("scores/*/meta.json"), *GOLDEN.glob("scores/*/meta.json")]
    assert len(paths) == 11
    fields = [field.name for field in dataclasses.fields(ScoreRequest)]
    for path in paths:
        meta = json.loads(path.read_text())
        request = {name: meta[name] for name in fields if name in meta}
        made = ScoreRequest(**{**request, "sites": tuple(meta["sites"])})
        assert made.score_id == path.parent.name


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


@pytest.mark.promise("The page Run says what an old folder ran as")
def test_the_run_page_says_what_an_old_zero_ran_as(store, monkeypatch):
    from streamlit.testing.v1 import AppTest

    monkeypatch.syspath_prepend(str(ROOT / "app"))
    old = old_run(store, "ict-k24-fdf471b9449b")
    page = AppTest.from_file(str(ROOT / "app/main.py"), default_timeout=60)
    page.switch_page(str(ROOT / "pages/run.py"))
    page.query_params["run"] = old.id
    page.run()
    assert not page.exception
    assert any("scale=0 ran as 1 under 0.1.0" in warning.value for warning in page.warning)
