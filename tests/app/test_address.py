"""The address of a page says what it shows: every control, reload, Back, links, what is not there."""

from collections.abc import Iterator
from typing import Any

import pytest
from ict_app.common import fields, visit, words
from streamlit.testing.v1 import AppTest

from ict.store import Store
from tests.app.conftest import PAGES, Open
from tests.app.test_links import texts

KINDS = ("selectbox", "multiselect", "button_group", "select_slider", "slider", "number_input")
KINDS += ("toggle",)
FORMS = {"set_name", "set_of"}  # what is typed for one click of a button is no state of the page
FEWEST = {
    "train": 20,
    "channels": 9,
    "overlap": 7,
    "criteria": 4,
    "curves": 2,
    "run": 1,
    "inspect": 3,
}


def controls(app: AppTest) -> list[Any]:
    found = [one for kind in KINDS for one in app.get(kind)]
    return [one for one in found if not is_of_a_form(one.key) and not one.proto.disabled]


def is_of_a_form(key: str) -> bool:
    return key in FORMS or key.startswith("job_")


def values(app: AppTest) -> dict[str, Any]:
    return {one.key: one.value for one in controls(app)}


def figures(app: AppTest) -> list[str]:
    return [chart.proto.spec for chart in app.get("plotly_chart")]


def others(control: Any) -> Iterator[Any]:
    """Values that the control does not have now."""
    kind, now = control.type, control.value
    if kind in ("number_input", "slider"):
        step = control.step or 1
        high = control.max
        yield (
            now + step if now is not None and (high is None or now + step <= high) else control.min
        )
    elif kind == "toggle":
        yield not now
    else:
        options = [str(option) for option in control.options]
        formatted = [control.format_func(one) for one in now] if isinstance(now, list) else []
        for option in options:
            if isinstance(now, list):
                if option not in formatted:
                    yield [*now, option]
            elif option != control.format_func(now):
                yield option
        if isinstance(now, list) and len(now) > 2:
            yield now[:-1]


def change(app: AppTest, key: str) -> bool:
    """Gives one control of the page another value; False where there is none."""
    control = next(one for one in controls(app) if one.key == key)
    for value in others(control):
        control.set_value(value)
        app.run()
        return True
    return False


@pytest.mark.parametrize("page", PAGES)
def test_every_control_is_in_the_address_and_a_reload_and_back_give_the_same_page(
    open_page: Open, page: str, monkeypatch: pytest.MonkeyPatch
):
    app = open_page(page, "study")
    first, before, drawn = dict(app.query_params), values(app), figures(app)
    changed, tried = [], set()
    while left := [key for key in values(app) if key not in tried]:  # a change may bring others
        key, was = left[0], dict(app.query_params)
        tried.add(key)
        if change(app, key):
            assert not app.exception, key
            assert app.query_params != was, f"{key} is not in the address"
            changed.append(key)
    assert len(changed) >= FEWEST.get(page, 0), changed
    assert all("·" not in str(text) for text in app.query_params.values())  # ids, and no labels
    again = open_page(page, "study", **app.query_params)
    assert (values(again), figures(again)) == (values(app), figures(app))
    assert dict(again.query_params) == dict(app.query_params)
    monkeypatch.setattr(visit, "_by_history", lambda: True)
    app.query_params.clear()
    app.query_params.update(first)
    app.run()
    assert (values(app), figures(app), dict(app.query_params)) == (before, drawn, first)


def test_a_link_holds_ids_and_one_with_labels_is_read_and_rewritten(open_page: Open):
    app = open_page("train", "empty", methods="linear")
    assert values(app)["methods"] == ["linear"]
    assert app.query_params == {"methods": "linear"}
    old = open_page("train", "empty", methods="linear probe", criterion="taylor")
    assert old.query_params == {"methods": "linear", "criterion": "taylor"}
    renamed = open_page("overlap", "study", kd_overlap="1/2", pair_as="At every K")
    assert renamed.query_params == {"kd": "1/2", "pair_as": "ks"}


@pytest.mark.parametrize(
    ("page", "asked", "sentence"),
    [
        ("run", {"run": "digits-gone"}, "No run 'digits-gone' here: showing digits"),
        ("channels", {"of": "digits-gone"}, "No run or scores 'digits-gone' here: showing run"),
        ("ablation", {"study": "gone"}, "No study 'gone' here: showing"),
        ("train", {"tasks": ["digits", "gone"]}, "No task 'gone' here: showing digits."),
        ("inspect", {"block": "40"}, "No block '40' here: showing 0."),
    ],
)
def test_what_a_link_names_in_vain_is_said_and_stays_in_the_address(
    open_page: Open, page: str, asked: dict[str, Any], sentence: str
):
    app = open_page(page, "study", **asked)
    assert not app.exception
    assert sentence in texts(app).replace("\\", "")
    assert dict(app.query_params) == asked


def links_of(app: AppTest) -> dict[str, str]:
    return {one.proto.label: one.proto.query_string for one in app.get("page_link")}


def test_a_link_of_a_page_names_what_is_chosen_now(open_page: Open):
    of = "digits-ict_tiny-class_l2-000000"
    app = open_page("channels", "study", of=of, block="3", channel="7")
    app.number_input(key="channel").set_value(9).run()
    assert links_of(app)["Inspect this channel"] == f"of={of}&block=3&channel=9"


def test_by_the_navigation_comes_along_what_belongs_to_both(open_page: Open):
    of = "sprites_loc-ict_tiny-class_l2-000000"
    app = open_page("channels", "study", of=of, block="3", view="rank")
    app.query_params.clear()
    app.switch_page("../pages/inspect.py").run()
    assert app.query_params == {"of": of, "block": "3"}
    assert (app.selectbox(key="of").value, app.number_input(key="block").value) == (of, 3)


def test_a_choice_before_the_browser_has_caught_up_loses_nothing(open_page: Open):
    """The browser sends the address that it had when the second field was changed."""
    app = open_page("inspect", "study")
    app.number_input(key="block").set_value(2).run()
    app.query_params.clear()
    app.number_input(key="channel").set_value(5).run()
    assert app.query_params == {"block": "2", "channel": "5"}


def test_the_example_stays_in_reach_and_nothing_is_started_or_deleted_in_it(
    open_page: Open, stores: dict[str, Store], monkeypatch: pytest.MonkeyPatch
):
    from ict_app.common import readers

    own = open_page("run", "one")
    monkeypatch.setattr(readers, "EXAMPLE", stores["study"].root)
    app = open_page("run", "one", store="example")
    assert "example study" in texts(app)
    assert len(app.selectbox(key="run").options) > len(own.selectbox(key="run").options) == 1
    assert all(button.disabled for button in app.button if button.label != "Export")
    assert all("store=example" in query for query in links_of(app).values())
    app.button_group(key="store").set_value("My store").run()
    assert dict(app.query_params) == {}
    assert app.selectbox(key="run").options == own.selectbox(key="run").options
    empty = open_page("run", "empty")
    assert empty.button_group(key="store").value == "example"
    empty.button_group(key="store").set_value("My store").run()
    assert empty.query_params == {"store": "own"}
    assert "No run yet" in " ".join(one.value for one in empty.markdown)


def test_a_run_in_the_tab_of_a_browser():
    assert words.short_label("digits", "ict", [24]) == "digits · ict k=24"
    assert words.short_label("digits", "full") == "digits · full"


@pytest.mark.parametrize(
    ("came", "value"),
    [(["", ""], []), (["", "42"], ["42"]), ([""], []), (["44", "", "42"], ["44", "42"])],
)
def test_a_list_in_a_link_is_read_the_same_from_what_it_was_rewritten_as(
    came: list[str], value: list[str], monkeypatch: pytest.MonkeyPatch
):
    here = visit.Visit(now={"seeds": came}, linked={"seeds"})
    monkeypatch.setattr(visit, "current", lambda: here)
    seeds = fields.some_of(("42",), "seeds", default=(), noun="seeds", new=True)
    assert seeds.value() == value
    assert seeds.value() == value
