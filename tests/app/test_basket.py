"""What outlives a browser session: figures that were collected, and a calibration of the machine."""

from dataclasses import replace

import pytest

from ict.store import Store, basket, paces
from tests.app.conftest import Open
from tests.app.test_pages import metrics, texts


def test_collected_figure_is_in_the_basket(open_page: Open) -> None:
    app = open_page("curves", "one")
    app.button(key="add_curves").click().run()
    assert [one.name for one in basket.entries(Store())] == ["curves"]
    after = app.switch_page("../pages/export.py").run()
    assert not after.exception
    assert "curves" in texts(after)


def test_the_basket_is_there_in_a_new_browser_session_and_is_ordered_named_and_captioned(
    open_page: Open,
) -> None:
    app = open_page("curves", "one")
    app.button(key="add_curves").click().run()
    app.button(key="add_curves").click().run()
    assert len(basket.entries(Store())) == 1  # the same figure is there once
    first = basket.entries(Store())[0]
    second = basket.add(Store(), replace(first, id="second", store="own", name="b",
                                         request={**first.request, "choice": {"metric": "lr"}}))  # fmt: skip
    assert second is not None
    app = open_page("export", "one")  # another session
    assert "curves" in texts(app)
    app.button(key=f"up_{second.id}").click().run()
    assert [one.name for one in basket.entries(Store())] == ["b", "curves"]
    [name] = [one for one in app.text_input if one.value == "curves"]
    name.set_value("figure-1")
    app.text_area[1].set_value("Ours & theirs.")
    save = [button for button in app.button if button.label == "Save"][1]
    save.click().run()
    assert not app.exception
    changed = basket.entries(Store())[1]
    assert (changed.name, changed.caption) == ("figure-1", "Ours & theirs.")
    assert "\\includegraphics{figure-1/figure-1.pdf}" in app.code[1].value
    assert "\\caption{Ours \\& theirs.}" in app.code[1].value
    app.button(key=f"remove_{second.id}").click().run()
    assert [one.name for one in basket.entries(Store())] == ["figure-1"]


def test_a_collected_figure_whose_run_is_gone_is_said_and_can_be_removed(open_page: Open) -> None:
    open_page("curves", "one")
    form = {"name": "curves", "sources": ["digits-gone-000000"], "choice": {}}
    entry = basket.add(Store(), basket.Entry(name="gone", request=form))
    assert entry is not None
    app = open_page("export", "one")
    assert not app.exception
    assert "no run" in app.error[0].value
    app.button(key=f"remove_{entry.id}").click().run()
    assert basket.entries(Store()) == []


def test_without_a_finished_run_the_time_is_measured_on_this_machine_when_asked(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def start(config: dict, where: paces.Where) -> None:  # as the child does at its end
        asked.append(config["method"])
        rates = {"train_images_per_second": 200.0, "forward_images_per_second": 400.0}
        paces.keep_pace(config, where, paces.Pace(**rates, start_seconds=5.0))

    monkeypatch.setattr("ict.running.calibration.start", start)
    app = open_page("train", "empty", epochs="10", image_size="64")
    assert metrics(app)["Expected time"] == "–"
    app.button(key="calibrate").click().run()
    assert asked == ["ict"]
    # (800 + 797) / 400 + 10 × (800 / 200 + 200 / 400) + 5 to start
    assert metrics(app)["Expected time"] == "54 s"
    assert "by a two-second calibration on this machine" in texts(app)
    assert not [button for button in app.button if button.key == "calibrate"]
