"""Tables whose numbers may be negative, with the minus sign of sentences and figures: −0.13."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import pandas as pd
import streamlit as st

from ict.documents.number_words import number_words

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler
    from streamlit.elements.lib.column_types import ButtonColumnResult, ColumnConfig

    Column = ColumnConfig | ButtonColumnResult | str

_PLAIN = ".6g"


@dataclass(frozen=True, eq=False)
class Signed:
    """A table as `st.dataframe` takes it, and its columns."""

    data: pd.DataFrame | Styler
    columns: Mapping[str, Column]


def draw(
    table: pd.DataFrame,
    forms: Mapping[str, str],
    columns: Mapping[str, Column],
    **options: Any,
) -> None:
    """`st.dataframe` of the table with columns of `forms` in a format of Python.

    `columns` say the rest of them, without a format. They sort as numbers; a missing value is empty.
    """
    shown = signed(table, forms, columns)
    st.dataframe(
        shown.data, column_config=dict(shown.columns), hide_index=True, **options
    )  # fmt: skip


def signed(table: pd.DataFrame, forms: Mapping[str, str], columns: Mapping[str, Column]) -> Signed:
    """What `draw` shows: streamlit writes a hyphen, and is left to write where there is no sign."""
    forms = {name: form for name, form in forms.items() if name in table}
    if any((pd.to_numeric(table[name], errors="coerce") < 0).any() for name in forms):
        return Signed(_styled(table, forms), columns)
    plain = {name: _formatted(columns.get(name), form) for name, form in forms.items()}
    return Signed(table, {**columns, **plain})


def _styled(table: pd.DataFrame, forms: Mapping[str, str]) -> Styler:
    others = [name for name in table.select_dtypes("floating") if name not in forms]
    written = {**dict.fromkeys(others, _PLAIN), **forms}
    return table.style.format(
        {name: partial(number_words, form=form) for name, form in written.items()}, na_rep=""
    )


def _formatted(column: Column | None, form: str) -> ColumnConfig:
    own: Any = {"label": column} if isinstance(column, str) else column or {}
    kind = {"type": "number", **(own.get("type_config") or {}), "format": f"%{form}"}
    return cast("ColumnConfig", {**own, "type_config": kind})
