"""What a dry run and a plan say of weights that are not on this machine; neither downloads them."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from huggingface_hub import constants

from ict import weights
from ict.catalogue import get_backbone
from ict.cli import main

VIT = "vit_base_patch16_224.orig_in21k"
HUB = str(get_backbone(VIT).hub)
OLD = "a" * 40
LACKING = (
    f"weights of {VIT} are not on this machine: a run fetches them from the hub repository {HUB} "
    "(about 343 MB)"  # its 85,798,656 parameters at 4 bytes
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache; whoever would download fails."""

    def no_download(*_: Any) -> Path:
        raise AssertionError("nothing may be downloaded")

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(weights, "_download", no_download)
    monkeypatch.setenv("ICT_STORE", str(tmp_path / "store"))
    return tmp_path / "hub"


def cached(hub: Path) -> None:
    folder = hub / f"models--{HUB.replace('/', '--')}"
    (folder / "snapshots" / OLD).mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(OLD)
    (folder / "snapshots" / OLD / "model.safetensors").write_bytes(b"weights")


def ict(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def dry(*words: str) -> Result:
    return ict("train", "digits", "--backbone", VIT, "--dry-run", "--json", *words)


def test_a_dry_run_says_which_weights_a_run_would_fetch(cache: Path) -> None:
    said = dry()
    plan = json.loads(said.stdout)
    assert said.exit_code == 0
    assert (plan["weights_here"], plan["weights_missing"]) == (False, LACKING)
    other = "--weights FILE takes a file in their place, --weights none random ones"
    assert said.stderr == f"ict: {LACKING}; {other}\n"
    assert json.loads(dry("--weights", f"hub:{HUB}@{OLD}").stdout)["weights_missing"] == (
        LACKING.replace(HUB, f"{HUB} at revision {OLD}")
    )
    cached(cache)
    for words in ((), ("--weights", f"hub:{HUB}@{OLD}"), ("--weights", "none")):
        said = dry(*words)
        assert json.loads(said.stdout)["weights_here"] is True
        assert said.stderr == ""


def test_a_dry_run_of_a_file_that_nobody_has_says_so() -> None:
    wanted = f"sha256:{'0' * 64}"
    said = dry("--weights", wanted)
    assert f"ict: wanted are the weights {wanted}, and no file is known to hold them" in said.stderr


STUDY = f"""
name = "two"
[base]
task = "digits"
backbone = "{VIT}"
[[compare]]
name = "linear"
method = "linear"
[[compare]]
name = "random weights"
method = "linear"
weights = "none"
"""


def test_the_plan_of_a_study_names_missing_weights_once(cache: Path, tmp_path: Path) -> None:
    file = tmp_path / "two.toml"
    file.write_text(STUDY)
    plan = json.loads(ict("study", "plan", str(file), "--json").stdout)
    assert (plan["runs"], plan["missing"], plan["weights_missing"]) == (3, 3, [LACKING])
    lines = ict("study", "plan", str(file)).stdout.splitlines()
    assert lines[-1] == (
        f"{LACKING}; `weights` in the study names a file in their place, or none for random ones"
    )
    cached(cache)
    assert json.loads(ict("study", "plan", str(file), "--json").stdout)["weights_missing"] == []


def test_a_plan_says_what_is_wrong_with_a_row_as_a_study_does(tmp_path: Path) -> None:
    file = tmp_path / "two.toml"
    file.write_text(STUDY.replace("linear", "linaer", 2))
    assert "did you mean 'linear'" in ict("study", "plan", str(file)).output
