"""Columns of the run table that a store keeps."""

from pathlib import Path

import pytest

from ict.errors import InputError
from ict.store import Store
from ict.store.table_view import MOST, keep_columns, kept_columns


def test_columns_are_kept_in_their_order_and_can_be_taken_back(tmp_path: Path):
    store = Store(tmp_path / "store")
    assert kept_columns(store) == ()
    keep_columns(store, ["seed", "k", "seed"])
    assert kept_columns(Store(store.root)) == ("seed", "k")
    keep_columns(store, [])
    assert kept_columns(store) == ()
    with pytest.raises(InputError, match=f"{MOST + 1} columns: a table keeps at most {MOST}"):
        keep_columns(store, [f"{i}" for i in range(MOST + 1)])


@pytest.mark.parametrize("odd", ["{", "[]", '{"columns": "seed"}', '{"columns": [1]}', "{}"])
def test_an_odd_file_is_as_none(tmp_path: Path, odd: str):
    (tmp_path / "table.json").write_text(odd)
    assert kept_columns(Store(tmp_path)) == ()
