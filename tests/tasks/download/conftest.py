"""Each download has a store and a root of its own, chunks of 500 bytes and no pause between tries."""

from pathlib import Path

import pytest

from tests.vtab_layout import make_task


@pytest.fixture(autouse=True)
def isolated(tmp_path, monkeypatch):
    monkeypatch.delenv("ICT_VTAB_ROOT", raising=False)
    monkeypatch.setenv("ICT_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 500)
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda _seconds: None)


@pytest.fixture(scope="module")
def kitti(tmp_path_factory) -> Path:
    return make_task(tmp_path_factory.mktemp("made") / "kitti", classes=4, train=6)


@pytest.fixture
def root(tmp_path):
    return tmp_path / "root"
