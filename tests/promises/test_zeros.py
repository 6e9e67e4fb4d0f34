"""A zero runs as zero, and what version 0.1.0 ran as 1 in its place is said."""

import dataclasses
import json
import subprocess
import sys

import pytest

from ict.config import RunConfig, resolve, run_id
from ict.errors import InputError
from tests.promises.small_runs import GOLDEN, ROOT, a_run, finish, ict


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
