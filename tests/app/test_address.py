"""The address of a page says what it shows: every control, reload, Back, links, what is not there."""

from collections.abc import Iterator
from typing import Any

import pytest
from ict_app.common import visit, words
from streamlit.testing.v1 import AppTest

from ict.store import Store
from tests.app.conftest import PAGES, Open
from tests.app.test_links import texts

KINDS = ("selectbox", "multiselect", "button_group", "select_slider", "slider", "number_input")
KINDS += ("toggle",)
FORMS = {"set_name", "set_of"}  # what is typed for one click of a button is no state of the page
FEWEST = {"train": 20, "channels": 9, "overlap": 9, "criteria": 9, "curves": 2, "run": 1, "inspect": 3}


def controls(app: AppTest) -> list[Any]:
    found = [one for kind in KINDS for one in app.get(kind)]
    return [one for one in found if one.key not in FORMS and not one.proto.disabled]


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
        yield now + step if now is not None and (high is None or now + step <= high) else control.min
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
    changed, unseen = [], list(before)
    while unseen:
        key, was = unseen.pop(0), dict(app.query_params)
        if key in values(app) and change(app, key):
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
