"""Writes one line a promise to the file that `$ICT_PROMISES` names, for `python -m tests.promises`.

And the fixtures that several files of promises share.
"""

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

HELPERS = ("exported", "image_tasks", "odd_stores", "refusals", "small_runs")
pytest.register_assert_rewrite(*(f"tests.promises.{name}" for name in HELPERS))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    report = yield
    marker = item.get_closest_marker("promise")
    path = os.environ.get("ICT_PROMISES")
    if marker and path and (report.when == "call" or report.outcome != "passed"):
        early = report.when == "setup" and report.failed
        outcome = "failed in a fixture" if early else report.outcome
        row = {"sentence": marker.args[0], "test": item.nodeid, "outcome": outcome}
        with open(path, "a") as file:
            file.write(json.dumps({**row, "output": _last_words(report)}) + "\n")
    return report


def _last_words(report: pytest.TestReport) -> str:
    """The lines that pytest marks as the error, at most 240 characters."""
    if report.passed:
        return ""
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2])[:240]
    errors = [
        line[1:].strip() for line in str(report.longrepr).splitlines() if line.startswith("E ")
    ]
    text = " ".join(errors) or str(report.longrepr).strip().splitlines()[-1]
    return re.sub(r"\s+", " ", text)[:240]


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the example store, as the user's own."""
    stored = Path(__file__).parents[2] / "tests" / "example_0_1_0"
    root = shutil.copytree(stored, tmp_path / "example")
    monkeypatch.setenv("ICT_STORE", str(root))
    return root


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of tasks, as `$ICT_VTAB_ROOT` names it."""
    monkeypatch.setenv("ICT_VTAB_ROOT", str(tmp_path / "vtab"))
    (tmp_path / "vtab").mkdir()
    return tmp_path / "vtab"


@pytest.fixture(scope="module")
def state():
    """Random tensors of a ViT of 7 classes, as its weights file holds them."""
    import timm  # here, so that promises about nothing of the kind need not wait for it
    import torch

    from tests.promises.timm_weights import NAME

    torch.manual_seed(5)
    return timm.create_model(NAME, num_classes=7).state_dict()


@pytest.fixture(scope="module")
def no_jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A Slurm without jobs: one that is installed and stopped lets every question wait for 9 s."""
    folder = tmp_path_factory.mktemp("no_jobs")
    (folder / "squeue").write_text("#!/bin/sh\n")
    (folder / "squeue").chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        yield


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Path]]:
    """A folder with a store that holds every kind of file, and the path of each kind."""
    from tests.odd_files import whole_store

    base = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ICT_STORE", str(base / "store"))
        return base, whole_store(base / "store")[1]


@pytest.fixture
def whole(template, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A store with every kind of file, as `$ICT_STORE` names it, and the path of each kind."""
    from ict.store import Store

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    base, paths = template
    shutil.copytree(base, tmp_path, dirs_exist_ok=True)
    store = Store(tmp_path / "store")
    birds = tmp_path / "birds"
    (store.root / "links.json").write_text(json.dumps({"birds": str(birds)}))
    return store, {kind: tmp_path / path.relative_to(base) for kind, path in paths.items()}
