"""Tables whose numbers may be negative, with the minus sign of sentences and figures: −0.13."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from ict.documents.number_words import number_words

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

_PLAIN = ".6g"


def signed(table: pd.DataFrame, forms: Mapping[str, str]) -> Styler:
    """`table` for `st.dataframe`, columns of `forms` in a format of Python; they still sort as numbers.

    These columns have no `format` of streamlit's, which writes a hyphen. A missing value is empty.
    """
    forms = {name: form for name, form in forms.items() if name in table}
    others = [name for name in table.select_dtypes("floating") if name not in forms]
    written = {**dict.fromkeys(others, _PLAIN), **forms}
    return table.style.format(
        {name: partial(number_words, form=form) for name, form in written.items()}, na_rep=""
    )
