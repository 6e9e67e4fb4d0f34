"""Scores as a pandas table."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ict.errors import InputError, quoted


def table(sites: Mapping[str, Sequence[np.ndarray]], kind: str) -> pd.DataFrame:
    """One row a channel, or a class and channel, of each site's stages: (L, D) or (L, C, D) arrays.

    Blocks count over all stages. Raises InputError for kinds other than "", "per_class", "write" and "read".
    """
    if kind not in ("", "per_class", "write", "read"):
        raise InputError(
            f'kind={quoted(kind)}: a table has the scores (""), per_class, write or read'
        )
    parts = []
    for site, stages in sites.items():
        first = 0
        for stage, array in enumerate(stages):
            parts.append(_rows(array, site=site, stage=stage, first=first))
            first += len(array)
    return pd.concat(parts, ignore_index=True)


def _rows(array: np.ndarray, *, site: str, stage: int, first: int) -> pd.DataFrame:
    places = np.indices(array.shape).reshape(array.ndim, -1)
    columns = {"site": site, "stage": stage, "block": places[0] + first}
    if array.ndim == 3:
        columns["class"] = places[1]
    return pd.DataFrame({**columns, "channel": places[-1], "score": array.reshape(-1)})
