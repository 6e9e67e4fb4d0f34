"""A full disk leaves no half run."""

import errno
import os
from pathlib import Path

import pytest

from ict.files import StoreError
from ict.store import Store


def test_a_run_for_whose_configuration_there_is_no_space_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    store = Store(tmp_path / "store")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as disk:
        disk.setattr(os, "replace", full)
        with pytest.raises(StoreError, match="the disk is full"):
            store.create_run({"run_id": "digits-b", "config": {"task": "digits"}})
    assert "digits-b" not in store.run_ids()
    assert store.unreadable() == []
    assert store.create_run({"run_id": "digits-b", "config": {"task": "digits"}}).has_config
