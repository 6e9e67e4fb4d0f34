"""A notice when a run ends: only where it was asked for, once, with what came out."""

import pytest
from ict_app.common import notices
from streamlit.testing.v1 import AppTest

from ict.store import Store
from ict.store.run_rows import RunRow
from tests.app import fixture_store
from tests.app.conftest import Open


def toasts(app: AppTest) -> list[str]:
    return [str(one.value).replace("\\", "") for one in app.toast]


@pytest.mark.parametrize("asked", [True, False])
def test_the_end_of_a_run_is_told_once_to_those_who_asked(
    open_page: Open, stores: dict[str, Store], tmp_path, asked: bool
):
    store = stores["ending"] = Store(tmp_path / "ending")
    run = fixture_store.add_queued(store, seed=5)
    fixture_store.add_done(store, seed=6, accuracy=0.8)
    app = open_page("curves", "ending", **({"notify": "true"} if asked else {}))
    assert toasts(app) == []
    (run.path / "queued").unlink(missing_ok=True)
    fixture_store.finish(run, accuracy=0.9)
    from ict_app.common import readers

    readers.forget_rows()
    app.run()
    assert not app.exception
    told = ["digits · ict · seed 5: done, test accuracy 90.0 %"]
    assert toasts(app) == (told if asked else [])
    app.run()
    assert toasts(app) == []
    del stores["ending"]


def test_only_what_was_on_its_way_ends():
    rows = [RunRow(run_id=name, status=status) for name, status in (
        ("a", "done"), ("b", "failed"), ("c", "running"), ("d", "done"), ("e", "killed"),
    )]  # fmt: skip
    before = {"a": "done", "b": "running", "c": "queued", "e": "queued"}
    assert [row.run_id for row in notices.ended(before, rows)] == ["b", "e"]
    assert notices.sentence(rows[1], "seed 3") == "seed 3: failed"
