"""The fixture `toy_store`; test files name this module in `pytest_plugins`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ict.store import Store


@pytest.fixture
def toy_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store whose workers run toys; no process outlives the test."""
    from tests.toys import kill, processes

    monkeypatch.setenv("ICT_RUNNER", "tests.toy_runner")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    monkeypatch.setenv("ICT_STORE", str(tmp_path / "store"))
    store = Store()
    yield store
    while found := processes(store):
        for pid in found:
            kill(pid)
