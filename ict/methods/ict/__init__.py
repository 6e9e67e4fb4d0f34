"""ICT, the paper's method: a linear layer with bias on K chosen channels of each block."""

from collections.abc import Mapping
from typing import Any, Final

from ict.catalogue import Backbone, adapter_parameters
from ict.methods.method import SEED, SELECTION, TRAINING, Method

QUICK_K: Final = 24
QUICK_LEAST_K: Final = 3
# The best on val200 of digits with ict_tiny of 0.005, 0.01, 0.02 and 0.04 (98.0, 98.0, 98.5 and
# 98.0 %, seed 42; `ict train digits --set lr=…`).
_QUICK_RATE = 0.02


def quick_rate(k: int) -> float:
    """ICT's learning rate in recipe `quick`: 0.02 at K = 24, ∝ 1/K, and level below K = 3.

    Under Adam every weight moves by about the rate in a step, so an adapter's output moves with K
    times the rate. Of three rules this one keeps the loss on val200 flattest over K = 3, 24, 96
    (`python -m bench.k_step`); below 3 none was tried. Version 0.1.0 had 0.02 up to K = 24.
    """
    return _QUICK_RATE * QUICK_K / max(k, QUICK_LEAST_K)


def _count(backbone: Backbone, fields: Mapping[str, Any]) -> int:
    return adapter_parameters(backbone, fields["k"] or (), blocks=fields["blocks"])


ICT: Final = Method(
    name="ict",
    title="ICT",
    words="channels (ict)",
    trains="a linear layer on K chosen channels of each block",
    source="after SCT, arXiv 2309.08513",
    tuning="ict.methods.ict.tuning:prepare",
    count=_count,
    reads=(SELECTION, TRAINING, SEED),
    quick={"lr": _QUICK_RATE, "weight_decay": 0.0001, "drop_path": 0.0},
    quick_rate=quick_rate,
    authors_rate=True,
    adds=(".adapter.",),
    folds=True,
    colour="#0072B2",
)
