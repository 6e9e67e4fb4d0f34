"""Numbers and names as people read them; the grid of the form."""

import pandas as pd
import pytest
from ict_app.common import words
from ict_app.common.signed import signed
from ict_app.tune import plan

from ict.errors import InputError
from ict.figures.labels import labels
from ict.store.run_rows import as_rows


def test_names_from_a_disk_are_not_interpreted() -> None:
    assert words.plain("**a** <b>\n[x](y)") == r"\*\*a\*\* \<b\> \[x\]\(y\)"


def test_durations() -> None:
    assert [words.duration(s) for s in (0.4, 59.4, 185, 7800, None)] == [
        "0 s", "59 s", "3 min 05 s", "2 h 10 min", "–",
    ]  # fmt: skip


def test_missing_is_a_dash_and_never_zero() -> None:
    nan = float("nan")
    assert {words.percent(nan), words.count(None), words.size(nan), words.share(1, None)} == {"–"}


def test_sizes_and_shares() -> None:
    assert words.size(812_000_000) == "774 MiB"
    assert words.share(111_744, 85_800_000) == "0.13 %"


@pytest.mark.parametrize(("text", "value"), [("1/8", 0.125), ("0.5", 0.5), (" 1 ", 1.0)])
def test_shares_are_read(text: str, value: float) -> None:
    assert plan.share_of(text) == value


@pytest.mark.parametrize("text", ["0", "3/2", "1/0", "half"])
def test_no_share(text: str) -> None:
    with pytest.raises(InputError):
        plan.share_of(text)


def test_labels_say_what_differs_and_seeds_share_one() -> None:
    rows = [
        {"run_id": "a", "task": "digits", "method": "ict", "k": 24, "seed": 1},
        {"run_id": "b", "task": "digits", "method": "ict", "k": 24, "seed": 2},
        {"run_id": "c", "task": "digits", "method": "ict", "k": 48, "seed": 1},
    ]
    assert labels(as_rows(rows)) == {"a": "K 24", "b": "K 24", "c": "K 48"}


def test_labels_of_generic_sets_stay_short_and_apart() -> None:
    same = {"task": "birds", "method": "ict", "seed": 1}
    sets = {"a": "others/x/y", "b": "others/t/u/v/w", "c": "others/t/u/v/x"}
    rows = [
        {"run_id": name, "score_task": one, "score_data": f"sha256:00000{name}", **same}
        for name, one in sets.items()
    ]
    found = labels(as_rows(rows))
    assert found["a"] == "ict · channels of others (x, y)"
    assert found["b"].startswith("ict · channels of others (4 tasks), ")
    assert len(set(found.values())) == 3


def test_values_of_a_configuration_are_text_without_quotes() -> None:
    values = [
        "class_l2",
        [24, 48],
        True,
        None,
        0.00001,
        -0.5,
        1234567,
        {"torch": "2.9", "ict": "1"},
    ]
    assert [words.value(one) for one in values] == [
        "class_l2", "24, 48", "true", "–", "0.00001", "−0.5", "1234567", "torch 2.9, ict 1",
    ]  # fmt: skip


def test_a_table_shows_a_real_minus_sign_and_holds_numbers() -> None:
    table = pd.DataFrame({"a": [-0.125, None], "b": [-3, 4], "c": ["x", "y"], "d": [-1e-5, 2.0]})
    styled = signed(table, {"a": "+.2f", "b": "d"}, {}).data
    assert styled.data is table
    body = styled._translate(False, False)["body"]
    said = [[str(cell["display_value"]) for cell in row if cell["type"] == "td"] for row in body]
    assert said == [["−0.12", "−3", "x", "−0.00001"], ["", "4", "y", "2"]]


def test_a_table_without_a_sign_is_left_to_streamlit() -> None:
    table = pd.DataFrame({"a": [0.125, None], "b": ["x", "y"]})
    column = {"label": "points", "type_config": {"type": "number", "format": None}}
    shown = signed(table, {"a": "+.2f", "absent": ".1f"}, {"a": column})
    assert shown.data is table
    assert shown.columns["a"] == {
        "label": "points", "type_config": {"type": "number", "format": "%+.2f"},
    }  # fmt: skip
