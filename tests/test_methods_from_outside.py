"""The method of docs/extending.md, installed beside ict as it stands there, from the form to `ict.load`."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ict.store import Store
from tests.outside_package import ROOT, asked, documented, install

POINTS = (
    "[ict.methods]\nadaptformer = ict_adaptformer:ADAPTFORMER\nlora = ict_adaptformer:ADAPTFORMER\n"
)
POINTS += "broken = ict_adaptformer:NOTHING\n"
COUNT = 12 * (2 * 3 * 192 + 3 + 192)  # of ict_tiny: 12 blocks of width 192, rank 3
ASKED = ("train", "digits", "--method", "adaptformer", "--weights", "none", "--limit", "30")


@pytest.fixture
def outside(tmp_path: Path) -> dict[str, str]:
    files = documented("ict_adaptformer")
    assert sorted(files) == ["ict_adaptformer.py", "ict_adaptformer_tuning.py"]
    assert sum(content.count("\n") for content in files.values()) <= 60
    return install(tmp_path / "site", "ict-adaptformer", files, POINTS)


def python(environment: dict[str, str], script: str) -> list[str]:
    """The lines that a script prints in a Python that has the package."""
    command = [sys.executable, "-c", script]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_it_is_listed_counted_and_told(outside):
    code, rows = asked(outside, "methods")
    assert code == 0
    told = {row["name"]: row for row in rows}
    assert list(told)[:5] == ["ict", "linear", "full", "bitfit", "lora"]
    assert told["adaptformer"]["reads"] == ["training", "seed", "lora_rank", "scale"]
    assert told["lora"]["source"].startswith("LoRA")  # ours, though the package offers that name
    assert told["broken"]["trains"].startswith(
        "method 'broken' of package 'ict-adaptformer' cannot be used: AttributeError"
    )
    code, plan = asked(outside, *ASKED, "--dry-run", "--set", "scale=0.1", "--k", "24")
    assert code == 0, plan
    assert plan["adapter_parameters"] == COUNT
    assert (plan["config"]["lr"], plan["config"]["scale"]) == (0.005, 0.1)
    assert plan["config"]["k"] is plan["config"]["criterion"] is None
    _, wider = asked(outside, *ASKED, "--dry-run", "--set", "lora_rank=8")
    assert wider["adapter_parameters"] == 12 * (2 * 8 * 192 + 8 + 192)
    code, answer = asked(outside, "train", "digits", "--method", "broken", "--dry-run")
    assert (code, answer["error"]) == (2, told["broken"]["trains"])
    code, answer = asked(outside, "train", "digits", "--method", "adaptforme", "--dry-run")
    assert code == 2
    assert "did you mean 'adaptformer'" in answer["error"]
    paper = ("--set", "task=cifar", "--recipe", "paper", "--dry-run")
    code, answer = asked(outside, "train", "cifar", *ASKED[2:4], *paper)
    assert "searched for SCT, not for adaptformer" in answer["error"]


def test_help_fields_form_and_figures_know_it(outside):
    words = [sys.executable, "-m", "ict", "train", "--help"]
    told = subprocess.run(words, env=outside, capture_output=True, text=True, check=True).stdout
    assert "adaptformer" in told
    _, fields = asked(outside, "fields")
    read_by = {row["field"]: row["read_by"] for row in fields}
    assert read_by["lora_rank"] == "methods lora, adaptformer"
    assert read_by["scale"] == "methods ict, adaptformer"
    assert read_by["lr"] == "every method but linear"
    look, label, torch_free = python(
        outside,
        "import sys\n"
        "from ict.figures.theme import look\n"
        "from ict.analysis.benchmark import average_table\n"
        "print(look('AdaptFormer').colour, look('adaptformer').colour)\n"
        "row = {'status': 'done', 'method': 'adaptformer', 'task': 'cifar', 'test_accuracy': 0.5,\n"
        "       'seed': 1, 'run_id': 'r', 'backbone': 'vit_base_patch16_224.orig_in21k'}\n"
        "print(average_table([row], published=False)['method'][0])\n"
        "print('torch' not in sys.modules)",
    )
    assert (look, torch_free) == ("#56B4E9 #56B4E9", "True")
    assert label.startswith("AdaptFormer")
    pills, shown = python(
        outside,
        "import os, sys; sys.path.insert(0, 'app')\n"
        "from streamlit.testing.v1 import AppTest\n"
        "app = AppTest.from_file('app/main.py', default_timeout=120)\n"
        "app.switch_page(os.path.abspath('pages/train.py'))\n"
        "app.run()\n"
        "assert not app.exception, app.exception\n"
        "(pills,) = [one for one in app.get('button_group') if one.key == 'methods']\n"
        "print(*pills.options, sep='; ')\n"
        "pills.set_value(['adaptformer']).run()\n"
        "print(*(one.value for one in app.metric if one.label == 'Trained parameters'))",
    )
    assert "parallel bottleneck" in pills
    assert shown == f"{COUNT + 1930:,}"


@pytest.mark.slow
def test_killed_and_resumed_it_ends_as_unbroken_and_loads(outside, tmp_path):
    words = (*ASKED, "--set", "epochs=3", "--set", "batch_size=4")
    twin = {**outside, "ICT_STORE": str(tmp_path / "twin")}
    code, whole = asked(twin, *words, "--wait")
    assert code == 0, whole
    assert whole["adapter_parameters"] == COUNT
    code, run = asked(outside, *words)
    assert code == 0, run
    here = Store(outside["ICT_STORE"]).run(run["run_id"])
    deadline = time.monotonic() + 200
    while not here.progress():
        assert time.monotonic() < deadline, here.status()
        time.sleep(0.02)
    os.kill(here.execution()["pid"], signal.SIGKILL)
    code, resumed = asked(outside, "resume", here.id, "--wait")
    assert code == 0, resumed
    assert here.execution()["starts"] == 2
    for name in ("test_accuracy", "test_loss", "train_loss", "backbone_parameters"):
        assert resumed.get(name) == whole.get(name), name
    loaded = python(
        outside,
        f"import ict; model = ict.load({here.id!r})\n"
        "print(sum(p.numel() for n, p in model.named_parameters() if '.down.' in n or '.up.' in n))\n"
        "print(bool(model.blocks[0].mlp.up.weight.abs().max() > 0))",
    )
    assert loaded == [str(COUNT), "True"]
    code, answer = asked(outside, "fold", here.id, "--out", str(tmp_path / "m.safetensors"))
    assert code == 2
    assert "is method 'adaptformer'; ict, linear, full, bitfit and lora fold" in answer["error"]
    alone = {**os.environ, "PYTHONPATH": str(ROOT)}  # the package is gone: the run stays listed
    code, rows = asked(alone, "runs")
    assert [row["method"] for row in rows] == ["adaptformer"]
    (error,) = python(
        alone,
        "import ict\n"
        "from ict.errors import InputError\n"
        "try:\n"
        f"    ict.load({here.id!r})\n"
        "except InputError as error:\n"
        "    print(error)",
    )
    assert error.startswith("no method 'adaptformer' here; there are ict, linear")
    assert json.loads((here.path / "config.json").read_text())["run_id"] == here.id
