"""Pages of the app on a store with odd files, or on no store: they answer and say what is odd."""

import sys
from pathlib import Path

import pytest

from tests.odd_files import whole_store
from tests.promises.odd_stores import WHAT_TO_DO, spoil

pytestmark = pytest.mark.usefixtures("no_jobs")

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    "train", "run", "curves", "channels", "overlap", "inspect", "ablation", "benchmark", "export",
    "data", "criteria", "transfer",
)  # fmt: skip


@pytest.mark.promise(
    "A store with twenty bad things: all twelve pages answer and name each of them once"
)
@pytest.mark.parametrize("page", PAGES)
def test_pages_of_a_store_with_twenty_bad_things(spoiled, page):
    from streamlit.testing.v1 import AppTest

    names = spoiled
    app = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=60)
    app.switch_page(str(ROOT / "pages" / f"{page}.py"))
    app.run()
    assert not app.exception, app.exception[0].stack_trace
    notices = [text.value for expander in app.expander for text in expander.text]
    for name in names:
        (said,) = [text for text in notices if text.startswith(f"{name}: ")]
        assert WHAT_TO_DO.search(said), said


@pytest.fixture(scope="module")
def spoiled_store(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    base = tmp_path_factory.mktemp("spoiled")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ICT_STORE", str(base / "store"))
        store, paths = whole_store(base / "store")
        return base, spoil(store, paths)


@pytest.fixture
def spoiled(spoiled_store, monkeypatch) -> list[str]:
    """What the bad things in `$ICT_STORE` are called."""
    sys.path.insert(0, str(ROOT / "app"))
    try:
        from ict_app.common import readers
    except ImportError:  # where they were at first
        from ict_app import readers

    base, names = spoiled_store
    monkeypatch.setenv("ICT_STORE", str(base / "store"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(base / "cache"))
    readers.forget_rows()
    readers.tasks.clear()
    return names


@pytest.mark.promise("A link to a run that cannot be read opens a page that says so, no traceback")
@pytest.mark.parametrize(("page", "key"), [("run", "run"), ("channels", "of"), ("inspect", "of")])
def test_a_link_to_a_bad_run(spoiled, page, key):
    from streamlit.testing.v1 import AppTest

    app = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=60)
    app.switch_page(str(ROOT / "pages" / f"{page}.py"))
    app.query_params[key] = spoiled[0]
    app.run()
    assert not app.exception, app.exception[0].stack_trace


@pytest.mark.promise("An ICT_STORE that can name no folder is said in one sentence, on every page")
@pytest.mark.parametrize("page", ["train", "run", "data"])
@pytest.mark.parametrize("odd", ["{file}", "~nobody-of-this-name/x", "/tmp/" + "y" * 300])
def test_a_store_that_can_be_none(tmp_path, monkeypatch, page, odd):
    from streamlit.testing.v1 import AppTest

    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("ICT_STORE", odd.format(file=tmp_path / "file"))
    monkeypatch.syspath_prepend(str(ROOT / "app"))
    app = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=60)
    app.switch_page(str(ROOT / "pages" / f"{page}.py"))
    app.run()
    assert not app.exception
    assert len(app.error) == 1
