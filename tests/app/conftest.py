"""Stores in every state, made once, and pages run in this process by streamlit's AppTest."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "app"))  # as `streamlit run app/main.py` does

from streamlit.testing.v1 import AppTest  # noqa: E402

from ict.store import Store  # noqa: E402
from tests.app import fixture_store  # noqa: E402

STATES = ("empty", "one", "failed", "killed", "running", "foreign", "many")
PAGES = ("train", "run", "curves", "channels", "overlap", "inspect", "ablation", "benchmark")
PAGES += ("export", "data", "criteria", "transfer", "compare", "predictions")
Open = Callable[..., AppTest]


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Store]]:
    """A store for each of STATES, `study`, which fills every page, and `answered`, with predictions."""
    base = tmp_path_factory.mktemp("stores")
    made = {state: Store(base / state) for state in (*STATES, "study", "answered")}
    fixture_store.add_done(made["one"], score_id=fixture_store.add_scores(made["one"]))
    fixture_store.add_failed(made["failed"])
    fixture_store.add_killed(made["killed"])
    fixture_store.add_queued(made["running"], seed=7)
    _, lock = fixture_store.add_running(made["running"])
    fixture_store.add_foreign(made["foreign"])
    fixture_store.add_many(made["many"])
    fixture_store.tiny_study(made["study"])
    fixture_store.add_inspection(made["study"])
    fixture_store.add_study(made["study"])
    fixture_store.add_answered_study(made["answered"])
    yield made
    lock.release()


@pytest.fixture
def open_page(stores: dict[str, Store], monkeypatch: pytest.MonkeyPatch) -> Open:
    """`open_page("channels", "one", of=…)` runs the page on that store; gives the AppTest."""
    import streamlit as st
    from ict_app.common import plot, readers

    monkeypatch.setattr(readers, "EXAMPLE", Path("/nowhere"))
    monkeypatch.delenv("ICT_VTAB_ROOT", raising=False)
    st.cache_data.clear()
    st.cache_resource.clear()
    readers.forget_rows()
    plot._once.cache_clear()
    for store in stores.values():  # they are shared by all tests
        (store.root / "figures.json").unlink(missing_ok=True)

    def run(page: str, state: str, **query: str | list[str]) -> AppTest:
        monkeypatch.setenv("ICT_STORE", str(stores[state].root))
        app = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=300)
        app.switch_page(str(ROOT / "pages" / f"{page}.py"))
        for name, value in query.items():
            app.query_params[name] = value
        return app.run()

    return run
