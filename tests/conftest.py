"""Every test gets its own store and no data set, unless it asks for one."""

import os
from pathlib import Path

import pytest

from ict.machine import calm_threads

calm_threads(1)  # before torch comes in: small models on two busy cores are six times slower on two
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
def real_images(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of real images; skips where there is none."""
    if not REAL_IMAGES or not Path(REAL_IMAGES).is_dir():
        pytest.skip("ICT_VTAB_ROOT names no folder of real images")
    root = Path(REAL_IMAGES).absolute()
    monkeypatch.setenv("ICT_VTAB_ROOT", str(root))
    return root
