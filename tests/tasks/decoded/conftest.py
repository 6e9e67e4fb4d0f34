"""A task of nine images, ways to read them, and disks that refuse."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.vtab_layout import make_task


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ICT_VTAB_ROOT", str(tmp_path))
    return make_task(tmp_path / "birds", train=9, classes=3)


@pytest.fixture
def another_user() -> int:
    """The number of another user; skips where files cannot be given to one."""
    if os.geteuid() != 0:
        pytest.skip("giving a file to another user needs root")
    return 65534


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The cache on a file system of 1 MiB; skips where this user may not mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "ict-test", str(folder)]
    if shutil.which("mount") is None or subprocess.call(mount, stderr=subprocess.DEVNULL):
        pytest.skip("mounting a small tmpfs needs root")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
