"""Columns of thousands of rows are the keys of their rows."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as some

from ict.analysis.columns import column, keys, values
from ict.analysis.groups import SETTINGS, key
from ict.store.run_rows import RunRow

VALUES = some.one_of(
    some.none(), some.booleans(), some.integers(-2, 2), some.sampled_from([0.0, 1.0, 0.5, math.nan]),
    some.sampled_from(["", "1", "None", "ict"]), some.just([1, 2]),
)  # fmt: skip


@given(
    some.lists(some.fixed_dictionaries({"k": VALUES}, optional={"epochs": VALUES, "zeros": VALUES}))
)
def test_they_are_the_keys_of_each_row(columns: list[dict[str, object]]) -> None:
    rows = [RunRow.of(one) for one in columns]
    for names in (("k",), ("epochs", "k", "zeros"), ("limit_rule", "epochs"), ()):
        assert keys(rows, names, key) == [key(row, names) for row in rows]


@pytest.mark.parametrize("name", SETTINGS)
def test_a_field_that_a_version_had_not_is_its_neutral_value(name: str) -> None:
    rows = [RunRow(run_id="old"), RunRow.of({"run_id": "new", name: "other"})]
    assert column(rows, name, key) == [key(row, (name,))[0] for row in rows]
    assert values(rows, name) == [row.get(name) for row in rows]
