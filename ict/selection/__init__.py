"""From channel scores, or gradients of adapters, to the channels that are tuned. No torch here."""

from ict.selection.choose import select, select_random
from ict.selection.ranking import random_k, top_k
from ict.selection.record import BlockSelection, Selection
from ict.selection.sizes import check_k, k_from_ratio, resolve_k

__all__ = [
    "BlockSelection",
    "Selection",
    "check_k",
    "k_from_ratio",
    "random_k",
    "resolve_k",
    "select",
    "select_random",
    "top_k",
]
