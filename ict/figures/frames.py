"""What a figure takes as its table: a frame, or the rows that the analysis gives."""

from collections.abc import Sequence
from typing import TypeAlias

import pandas as pd

from ict.documents.json_form import JsonForm

Table: TypeAlias = pd.DataFrame | Sequence[JsonForm]


def frame(table: Table) -> pd.DataFrame:
    """The table as a frame, with the columns of the rows' JSON form.

    Rows that are that form already, as a command prints it, are taken as they are.
    """
    if isinstance(table, pd.DataFrame):
        return table
    return pd.DataFrame([row.to_dict() if isinstance(row, JsonForm) else row for row in table])
