"""Important Channel Tuning: score, select and tune the channels of a frozen vision transformer.

Importing this package imports nothing heavy; the public names below load when first used.
"""

import importlib
from typing import Any

_HOMES = {
    "score": "ict.scoring",
    "select": "ict.selection",
    "attach": "ict.model.adapters",
    "detach": "ict.model.adapters",
    "load": "ict.model.adapters",
    "RunConfig": "ict.config",
    "Store": "ict.store",
}
__all__ = ["RunConfig", "Store", "attach", "detach", "load", "score", "select"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ict' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
