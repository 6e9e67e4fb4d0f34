"""Two scores beside each other, in a notebook."""

from collections.abc import Sequence

import pandas as pd

from ict.analysis.pairs import plain_rows
from ict.catalogue import RATIO
from ict.errors import InputError
from ict.scores import ChannelScores
from ict.selection import resolve_k

_ALIKE = ("backbone", "weights", "image_size", "tokens")


def overlap(
    a: ChannelScores,
    b: ChannelScores,
    *,
    k: int | Sequence[int] | None = None,
    ratio: float | None = None,
    site: str | None = None,
) -> pd.DataFrame:
    """How many of their K highest channels two scores share: one row a block.

    `overlap` counts them, `jaccard`, `coefficient` and `kuncheva` are indices of it (Kuncheva's is 0 by
    chance), and `floor`, `floor_low`, `floor_high` are the mean and the central 95 % of what two random
    choices share. K/D is 0.125 without `k` or `ratio`. There is no noise ceiling: `ict overlap` has it,
    from files with `keep_images`. Raises InputError unless both have the site and equal blocks, and for
    scores of two backbones, weights, image sizes or kinds of tokens.
    """
    for one in (a, b):
        if not isinstance(one, ChannelScores):
            raise InputError(f"overlap needs two ChannelScores, not {type(one).__name__}")
    for name in _ALIKE:
        of_a, of_b = a.meta.get(name), b.meta.get(name)
        if None not in (of_a, of_b) and of_a != of_b:
            raise InputError(f"scores of two {name}s are not compared: {of_a} and {of_b}")
    where = site or a.only_site()
    stages_a, stages_b = a.site(where), b.site(where)
    if [s.shape for s in stages_a] != [s.shape for s in stages_b]:
        shapes = [
            " + ".join(f"{n} × {d}" for n, d in (s.shape for s in stages))
            for stages in (stages_a, stages_b)
        ]
        raise InputError(f"scores of {shapes[0]} and of {shapes[1]} channels are not compared")
    if k is None and ratio is None:
        ratio = RATIO
    ks = resolve_k([stage.shape[1] for stage in stages_a], k=k, ratio=ratio)
    names = (str(a.meta.get("task") or "a"), str(b.meta.get("task") or "b"))
    return pd.DataFrame(plain_rows([(names[0], stages_a), (names[1], stages_b)], ks))
