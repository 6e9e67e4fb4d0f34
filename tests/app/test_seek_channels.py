"""Channels are looked for: the table of all, its way to Inspect, and from one channel to the next."""

import re
from urllib.parse import parse_qs

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from ict.analysis.channel_search import Search, matches
from ict.analysis.channel_table_files import table_of_file
from ict.store import Store
from tests.app.conftest import Open
from tests.app.test_links import texts

OF = "digits-ict_tiny-class_l2-000000"


def named(app: AppTest) -> list[str]:
    """The channels of the table, `b3 c17`, in its order."""
    (table,) = (one.value for one in app.dataframe if "open" in one.value)
    return [name.rpartition(": ")[2] for name in table["open"]]


def link(app: AppTest, label: str) -> dict[str, list[str]]:
    """What a link of the page says, and that it leads somewhere."""
    (found,) = (one.proto for one in app.get("page_link") if one.proto.label == label)
    assert not found.disabled
    return parse_qs(found.query_string)


def disabled(app: AppTest) -> set[str]:
    return {one.proto.label for one in app.get("page_link") if one.proto.disabled}


def expected(
    store: Store, sort: str, search: Search, *, score: str = OF, k: int = 24, b: str | None = None
) -> list[str]:
    """The channels by the analysis, without the app."""
    against = None if b is None else store.score_file(b)
    table = table_of_file(store.score_file(score), store, k=[k], against=against)
    places = matches(table, search, table.order(sort))
    return [f"b{table.block[i]} c{table.channel[i]}" for i in places]


def test_the_table_is_that_of_the_analysis_as_the_link_asks(
    open_page: Open, stores: dict[str, Store]
):
    other = "sprites_loc-ict_tiny-class_l2-000000"
    asked = {"sort": "difference", "find": "b2-5 c 20-90", "blocks": ["3", "5", "9"], "k": "30"}
    app = open_page("channels", "study", of=OF, **{"with": other}, **asked)
    assert not app.exception
    search = Search.of("b2-5 c 20-90", within=[3, 5, 9])
    assert named(app) == expected(stores["study"], "difference", search, k=30, b=other)
    app.toggle(key="marked").set_value(True).run()
    within = Search.of("b2-5 c 20-90", within=[3, 5, 9], chosen_only=True)
    assert named(app) == expected(stores["study"], "difference", within, k=30, b=other)
    assert len(named(app)) < 60
    app.text_input(key="find").set_value("loud").run()
    assert "names no channel: write b3 c17" in texts(app).replace("\\", "")
    app.text_input(key="find").set_value("b99").run()
    assert "No channel is like that" in texts(app)


@pytest.mark.parametrize(
    ("asked", "sentence", "command"),
    [
        ({"sort": "difference"}, "there is no B", ""),
        ({"sort": "class_share"}, "no per-image sums", "--split train800 --keep-images"),
        ({"sort": "selectivity"}, "how many images each class has", "ict score digits"),
        ({"sort": "tasks", "of": "digits-ict_tiny-l2-000005"}, "no other task", "OTHER_TASK"),
    ],
)
def test_what_scores_do_not_tell_is_said_with_the_command(
    open_page: Open, stores: dict[str, Store], asked: dict[str, str], sentence: str, command: str
):
    app = open_page("channels", "study", **{"of": OF, **asked})
    assert not app.exception
    assert sentence in texts(app).replace("\\", "")
    by_z = expected(stores["study"], "z", Search.of(""), score=asked.get("of", OF))
    assert named(app) == by_z[:200]
    if command:
        assert command in app.code[0].value


def test_next_and_previous_follow_the_table_and_a_link_says_it(
    open_page: Open, stores: dict[str, Store]
):
    order = expected(stores["study"], "tasks", Search.of("b4"), k=30)
    steps = [tuple(map(int, re.findall(r"\d+", name))) for name in order[:3]]
    asked = {"sort": "tasks", "find": "b4", "k": "30", "of": OF}
    block, channel = steps[1]
    app = open_page("inspect", "study", **asked, block=str(block), channel=str(channel))
    assert "2 of 192 channels that the search finds" in texts(app)
    for label, place in (("Previous", steps[0]), ("Next", steps[2])):
        there = {name: texts_[-1] for name, texts_ in link(app, label).items()}
        assert there == {**asked, "block": str(place[0]), "channel": str(place[1])}
    table = open_page("channels", "study", **link(app, "All channels"))
    assert named(table)[:3] == order[:3]
    first = open_page("inspect", "study", **asked, block=str(steps[0][0]), channel=str(steps[0][1]))
    assert disabled(first) == {"Previous"}


def test_next_and_previous_are_those_of_the_choice_in_the_block_by_rank(
    open_page: Open, stores: dict[str, Store]
):
    from ict.scores import load_scores

    row = load_scores(stores["study"].score_file(OF)).site("attn")[0][3]
    ranked = np.argsort(-row)
    app = open_page("inspect", "study", of=OF, block="3", channel=str(ranked[23]))
    assert "24 of 24 marked channels of block 3, by rank" in texts(app)
    assert disabled(app) == {"Next"}
    assert link(app, "Previous")["channel"] == [str(ranked[22])]
    outside = open_page("inspect", "study", of=OF, block="3", channel=str(ranked[24]))
    assert "25 of 192 channels of block 3, by rank" in texts(outside)
    assert link(outside, "Next")["channel"] == [str(ranked[25])]


def test_old_inspections_say_how_to_get_low_and_middle_images(open_page: Open):
    app = open_page("inspect", "study", of=OF, block="3", channel="17")
    assert "before images of middle and low energy were kept" in texts(app)
    assert app.code[0].value == "ict inspect digits --backbone ict_tiny"
