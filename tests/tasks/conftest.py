"""Where the tests of tasks look for data: nowhere but in a folder of their own."""

import pytest

pytest.register_assert_rewrite("tests.tasks.command")


@pytest.fixture
def root(tmp_path, monkeypatch):
    """An empty $ICT_VTAB_ROOT and an empty store."""
    folder = tmp_path / "vtab"
    folder.mkdir()
    monkeypatch.setenv("ICT_VTAB_ROOT", str(folder))
    monkeypatch.setenv("ICT_STORE", str(tmp_path / "store"))
    return folder
