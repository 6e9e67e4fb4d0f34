"""*Criteria*, last: first steps are measured on request, kept, and drawn with their numbers."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from ict.analysis import first_step_files
from ict.figures.plain import plain
from ict.store import Store
from tests.app.conftest import Open
from tests.app.test_exports import bare, exported
from tests.selection.gradients import add_to_store


@pytest.fixture
def scored(stores: dict[str, Store], tmp_path: Path) -> Iterator[Store]:
    """A store with gradients of adapters on digits beside class_l2, as `scored`."""
    store = stores["scored"] = Store(tmp_path / "scored")
    add_to_store(store, criteria=("class_l2",))
    yield store
    del stores["scored"]


def measure(app: AppTest) -> AppTest:
    (button,) = [one for one in app.button if one.label == "Measure first steps"]
    return button.click().run()


def dots(app: AppTest) -> list[dict]:
    figures = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
    return [one for one in figures if "gradient, two sets" in one["data"][0].get("y", ())]


def test_without_gradients_the_page_names_the_command(open_page: Open) -> None:
    app = open_page("criteria", "study")
    assert not app.exception
    assert "First step" in [title.value for title in app.subheader]
    assert "ict score digits --criterion adapter_gradient" in [one.value for one in app.code]


def test_first_steps_are_measured_once_and_drawn_for_both_norms(
    open_page: Open, scored: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_page("criteria", "scored", kd_step="1/4")
    assert not app.exception
    assert not dots(app)
    app = measure(app)
    assert not app.exception
    (figure,) = dots(app)
    names = ["class_l2", "gradient, one set", "gradient, two sets"]
    names += ["reads class_l2, writes gradient", "random"]
    assert [trace["y"] for trace in figure["data"]] == [names, names]
    table = app.dataframe[0].value
    assert list(table["channels chosen by"]) == names * 2
    assert set(table["K"]) == {"4"}
    captions = "\n".join(one.value for one in app.caption)
    assert "no interval" in captions
    assert "cannot show where training ends" in captions
    monkeypatch.setattr(first_step_files, "first_steps", None)  # would fail if it was called
    again = open_page("criteria", "scored", kd_step="1/4")
    assert dots(again) == [figure]
    (one,) = dots(open_page("criteria", "scored", kd_step="1/4", norm="sign"))
    assert len(one["data"]) == 1


def test_a_store_that_is_only_read_is_measured_once_a_session(
    open_page: Open, scored: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ict_app.common import readers

    monkeypatch.setattr(readers, "is_example", lambda shown: True)
    app = measure(open_page("criteria", "scored"))
    assert dots(app)
    assert not (scored.root / "analysis").exists()
    monkeypatch.setattr(first_step_files, "first_steps", None)
    assert dots(app.run())


def test_the_export_is_the_figure_of_the_page(open_page: Open, scored: Store) -> None:
    app = measure(open_page("criteria", "scored"))
    (figure,) = dots(app)
    drawn = exported(app)["first-step"].figure
    assert bare(plain(drawn)) == bare(figure)


def test_gradients_that_are_gone_are_one_sentence(open_page: Open, scored: Store) -> None:
    (path,) = scored.scores_dir.glob("*/adapter_gradient.safetensors")
    path.unlink()
    app = open_page("criteria", "scored")
    assert not app.exception
    assert "computes them again" in " ".join(info.value for info in app.info)
