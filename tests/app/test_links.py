"""Links that nobody's field wrote: every page answers, soon, and says what it left out."""

import time

import pytest
from ict_app.common import links
from ict_app.tune import plan

from ict.criteria import named
from ict.errors import InputError
from tests.app.conftest import PAGES, Open

NAUGHTY = ["Infinity", "-inf", "nan", "1e400", "1e9000000", "9" * 400, "٣", "[" * 400, "a\x00b", ""]
KEYS = [*sorted(links.NUMBERS), "seeds", "ks", "shares", "tasks", "methods", "recipe", "backbone"]
KEYS += [
    "criterion",
    "site",
    "k_as",
    "kd",
    "kd_overlap",
    "run",
    "of",
    "with",
    "study",
    "view",
    "at",
]
KEYS += ["pick", "metric", "task_a", "task_b", "in_block", "agree_in", "effect_in", "set", "family"]


def texts(app) -> str:
    return " ".join(
        str(one.value) for kind in ("warning", "error", "info", "caption") for one in app.get(kind)
    )


@pytest.mark.parametrize("page", PAGES)
def test_every_page_answers_to_every_naughty_value(open_page: Open, page: str):
    for value in NAUGHTY if page == "train" else ("", "Infinity"):  # elsewhere bound alike
        app = open_page(page, "study", **dict.fromkeys(KEYS, value))
        assert not app.exception, (page, value, app.exception)


@pytest.mark.parametrize(
    "key", ["epochs", "lr", "batch", "limit", "shots", "shot_seed", "image_size"]
)
@pytest.mark.parametrize("value", ["Infinity", "nan", "1e400", "9" * 400])
def test_a_field_of_numbers_keeps_its_default_and_the_page_says_so(
    open_page: Open, key: str, value: str
):
    app = open_page("train", "empty", **{key: value})
    assert not app.exception
    assert "Left out of the link" in texts(app)
    assert key not in app.query_params


def test_a_sound_link_is_left_alone(open_page: Open):
    app = open_page("train", "empty", epochs="3", lr="1e-4", shares="1/4", seeds="7")
    assert not app.exception
    assert "Left out" not in texts(app)
    assert (app.session_state["epochs"], app.session_state["lr"]) == (3, 1e-4)
    assert app.session_state["shares"] == ["1/4"]


@pytest.mark.parametrize("share", ["1e9000000", "1/" + "9" * 100, "9" * 190, "1e-9000000"])
def test_a_share_that_stands_for_a_huge_number_is_one_sentence_at_once(open_page: Open, share: str):
    begun = time.process_time()
    app = open_page("train", "empty", shares=share)
    assert time.process_time() - begun < 5
    assert not app.exception
    assert "is no share of the channels" in texts(app)


def test_a_grid_of_forty_thousand_runs_is_not_made(open_page: Open):
    shares = [f"{i}/200" for i in range(1, 201)]
    begun = time.process_time()
    app = open_page("train", "empty", shares=shares, seeds=[str(i) for i in range(200)])
    assert time.process_time() - begun < 5
    assert not app.exception
    found = texts(app).replace("\\", "")
    assert "40,000 runs" in found
    assert f"at most {plan.MOST_RUNS}" in found


def test_the_grid_of_the_form_is_bounded_by_its_product():
    task, k = plan.Field("task", ["digits"]), plan.Field("k", [1, 2])
    assert len(plan.grid([task, plan.Field("seed", range(150)), k])) == 300
    with pytest.raises(
        InputError, match="151 seed × 2 k are 302 runs, and the form starts at most"
    ):
        plan.grid([task, plan.Field("seed", range(151)), k])
    with pytest.raises(InputError):
        plan.grid([plan.Field(str(i), range(1000)) for i in range(100)])


def test_what_a_link_may_hold():
    assert links.trouble("epochs", ["12"]) == links.trouble("seeds", [""]) == ""
    assert links.trouble("shares", ["1/8", "x" * 201]) == ""
    assert "more than 201" in links.trouble("shares", ["x" * 202])
    assert "more than 200" in links.trouble("seeds", ["1"] * 201)
    assert links.trouble("pick", ["digits-1"] * 900) == ""
    assert "no run" in links.trouble("pick", ["../x"])
    assert "empty" in links.trouble("metric", [""])
    assert "control" in links.trouble("of", ["a\nb"])
    assert links.trouble("k" * 500, ["1"])
    assert len(links.sentence({f"{'k' * 500}{i}": "is odd" for i in range(1000)})) < 400


def test_an_image_size_in_a_link_is_planned_or_refused_with_the_sizes_there_are(open_page: Open):
    app = open_page("train", "empty", image_size="32")
    assert not app.exception
    assert app.session_state["image_size"] == 32
    assert "takes multiples" not in texts(app)
    refused = open_page("train", "empty", image_size="30")
    assert "takes multiples of 8 pixels, such as 32" in texts(refused)


def test_how_channels_are_chosen_stands_in_the_link(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
):
    """Another task's images, tokens, whitening and a budget: what the form asks is what would be started."""
    planned, real = [], plan.plan
    monkeypatch.setattr(
        plan, "plan", lambda *of, **how: planned.append(real(*of, **how)) or planned[-1]
    )
    criterion = named("gradient_rw:adapter_gradient")
    asked = {"score_on": "sprites_ori", "budget": "unit", "whiten": "yes", "init": "zero"}
    app = open_page("train", "empty", criterion=criterion, **asked)
    assert not app.exception
    assert {box.key: box.value for box in app.selectbox if box.key in asked} == asked
    (run,) = planned[-1].runs
    config = run.config
    assert (config.score_task, config.budget, config.whiten) == ("sprites_ori", "unit", True)
    refused = open_page("train", "empty", criterion=criterion, whiten="yes")
    assert "whiten needs init" in refused.warning[0].value
    by_energy = open_page("train", "empty", tokens="cls")
    assert "budget" not in {box.key for box in by_energy.selectbox}
    only_probe = open_page("train", "empty", methods="linear probe")
    assert not {"score_on", "tokens"} & {box.key for box in only_probe.selectbox}
