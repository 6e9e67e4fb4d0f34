"""The basket of figures: kept in one file of the store, whoever edits it, however many at once."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from ict.errors import InputError
from ict.store import basket
from ict.store.basket import Entry


def entry(number: int, name: str = "curves") -> Entry:
    return Entry(name=name, request={"name": "curves", "sources": [f"run-{number}"], "choice": {}})


def names(store) -> list[str]:
    return [one.name for one in basket.entries(store)]


def test_a_figure_is_kept_as_it_was_added_and_only_once(store):
    assert basket.entries(store) == []
    added = basket.add(store, entry(1))
    assert basket.entries(store) == [added]
    assert basket.add(store, entry(1, "again")) is None
    basket.add(store, entry(2))
    assert names(store) == ["curves", "curves-2"]


def test_figures_are_moved_renamed_captioned_and_removed(store):
    first, second, third = (basket.add(store, entry(i, f"f{i}")) for i in range(3))
    basket.move(store, third.id, -1)
    basket.move(store, first.id, -5)
    assert names(store) == ["f0", "f2", "f1"]
    basket.edit(store, second.id, name="mine", caption="Words.", style="cvpr", span="text")
    changed = basket.entries(store)[2]
    assert (changed.name, changed.caption, changed.style, changed.span) == (
        "mine", "Words.", "cvpr", "text",
    )  # fmt: skip
    basket.remove(store, first.id)
    basket.remove(store, first.id)
    assert names(store) == ["f2", "mine"]


@pytest.mark.parametrize("name", ["", "../up", "a b", "a/b", "x" * 81])
def test_a_name_is_one_that_a_file_can_carry(store, name):
    kept = basket.add(store, entry(1))
    with pytest.raises(InputError, match="letters, digits, - and _"):
        basket.edit(store, kept.id, name=name)
    assert basket.entries(store) == [kept]


def test_refusals_say_what_to_do_and_change_nothing(store, monkeypatch):
    first, second = (basket.add(store, entry(i, f"f{i}")) for i in range(2))
    with pytest.raises(InputError, match="figure 'f0' already; choose another"):
        basket.edit(store, second.id, name="f0")
    with pytest.raises(InputError, match="no figure 'nothing' is collected"):
        basket.move(store, "nothing", 1)
    monkeypatch.setattr(basket, "MOST", 2)
    with pytest.raises(InputError, match="2 figures are collected already; remove some"):
        basket.add(store, entry(3))
    assert basket.entries(store) == [first, second]


def test_tabs_that_add_at_once_lose_nothing_of_each_other(store):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: basket.add(store, entry(i, f"f{i}")), range(40)))
    assert sorted(names(store)) == sorted(f"f{i}" for i in range(40))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[]", "a table of fields"),
        ("{", "not whole JSON"),
        ('{"figures": [{"id": "a", "name": "x", "request": 3, "store": "own"}]}', "request is 3"),
        ('{"figures": [{"id": "a", "name": "../x", "request": {}, "store": "own"}]}', "letters"),
        (
            json.dumps(
                {"figures": [{"id": "a", "name": n, "request": {}, "store": "own"} for n in "xy"]}
            ),
            "two figures of the same id",
        ),
    ],
)
def test_an_odd_file_is_reported_and_never_written_over(store, content, words):
    store.root.mkdir(parents=True)
    path = store.root / "figures.json"
    path.write_text(content)
    [odd] = store.unreadable()
    assert odd.path == path
    assert words in odd.reason
    assert "delete it to begin anew" in odd.reason
    with pytest.raises(InputError, match="begin anew"):
        basket.add(store, entry(1))
    assert path.read_text() == content
