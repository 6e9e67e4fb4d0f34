"""Tables whose numbers may be negative, with the minus sign of sentences and figures: −0.13."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from ict.documents.number_words import number_words

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

_PLAIN = ".6g"


def signed(
    table: pd.DataFrame, forms: Mapping[str, str], config: Mapping[str, Any]
) -> dict[str, Any]:
    """What `st.dataframe` takes to show `table` with columns of `forms` in a format of Python.

    `config` are its columns, those of `forms` without a format of their own. They sort as numbers, and a
    missing value is empty.
    """
    forms = {name: form for name, form in forms.items() if name in table}
    if any((pd.to_numeric(table[name], errors="coerce") < 0).any() for name in forms):
        return {"data": _styled(table, forms), "column_config": dict(config)}
    # without a sign to write, streamlit's own formats are the cheaper way
    plain = {name: _formatted(config.get(name, {}), form) for name, form in forms.items()}
    return {"data": table, "column_config": {**config, **plain}}


def _styled(table: pd.DataFrame, forms: Mapping[str, str]) -> Styler:
    others = [name for name in table.select_dtypes("floating") if name not in forms]
    written = {**dict.fromkeys(others, _PLAIN), **forms}
    return table.style.format(
        {name: partial(number_words, form=form) for name, form in written.items()}, na_rep=""
    )


def _formatted(config: Mapping[str, Any], form: str) -> dict[str, Any]:
    own = {"type": "number", **(config.get("type_config") or {}), "format": f"%{form}"}
    return {**config, "type_config": own}
