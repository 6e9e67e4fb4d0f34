"""Every test gets its own store and no data set, unless it asks for one."""

import contextlib
import importlib
import io
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from ict.machine import calm_threads

calm_threads(1)  # before torch comes in: small models on two busy cores are six times slower on two
os.environ["HF_HUB_OFFLINE"] = (
    "1"  # read when huggingface_hub comes in, maybe before any test begins
)
# No test fails because a machine is slow.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")
REAL_IMAGES = os.environ.get("ICT_VTAB_ROOT")


def pytest_configure(config: pytest.Config) -> None:
    """Here and not in pyproject.toml, so that promises can run on the code of an older commit."""
    config.addinivalue_line(
        "markers", "promise(sentence): what a user is promised, in one sentence"
    )


@pytest.fixture(autouse=True)
def own_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store in the test's folder, no VTAB-1K, no hub, no GPU."""
    monkeypatch.setenv("ICT_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.delenv("ICT_VTAB_ROOT", raising=False)


@pytest.fixture
def store(tmp_path: Path):
    """The empty store that `$ICT_STORE` names."""
    from ict.store import Store

    return Store(tmp_path / "store")


@pytest.fixture
def timm_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `python -m ict.model.backbones …` is asked, this process answers: it has torch already."""
    elsewhere = subprocess.run

    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        if command[1:2] != ["-m"] or not command[2].endswith("backbones"):
            return elsewhere(command, **options)
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            importlib.import_module(command[2]).main(command[3:])
        return subprocess.CompletedProcess(command, 0, said.getvalue(), "")

    monkeypatch.setattr("subprocess.run", run)


@pytest.fixture
def real_images(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of real images; skips where there is none."""
    if not REAL_IMAGES or not Path(REAL_IMAGES).is_dir():
        pytest.skip("ICT_VTAB_ROOT names no folder of real images")
    root = Path(REAL_IMAGES).absolute()
    monkeypatch.setenv("ICT_VTAB_ROOT", str(root))
    return root
