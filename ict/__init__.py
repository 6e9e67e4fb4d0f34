"""Important Channel Tuning: score, select and tune the channels of a frozen vision transformer.

Importing this package imports nothing: the public names below, and modules under names that they had
in version 0.1.0, load when first used.
"""

import sys
from typing import Any

_HOMES = {
    "score": "ict.scoring.model_scores",
    "select": "ict.selection",
    "attach": "ict.model.adapters",
    "detach": "ict.model.adapters",
    "save_adapter": "ict.model.adapter_files",
    "load_adapter": "ict.model.adapter_files",
    "load": "ict.running.loading",
    "backbone": "ict.notebook.data",
    "loader": "ict.notebook.data",
    "overlap": "ict.notebook.comparing",
    "export": "ict.notebook.pictures",
    "train": "ict.notebook.runs",
    "runs": "ict.notebook.runs",
    "ChannelScores": "ict.scores",
    "Selection": "ict.selection",
    "RunConfig": "ict.config",
    "Store": "ict.store.store",
}
__all__ = [
    "ChannelScores",
    "RunConfig",
    "Selection",
    "Store",
    "attach",
    "backbone",
    "detach",
    "export",
    "load",
    "load_adapter",
    "loader",
    "overlap",
    "runs",
    "save_adapter",
    "score",
    "select",
    "train",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from ict.provenance import version

        return version()
    if name not in _HOMES:
        raise AttributeError(f"module 'ict' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])


class _OldNames:
    """Asked last, for a module that no file has: it may be one of 0.1.0 under the name it had then."""

    @staticmethod
    def find_spec(fullname: str, path: Any = None, target: Any = None) -> Any:
        if not fullname.startswith("ict."):
            return None
        from ict.public.old_names import spec

        return spec(fullname)


sys.meta_path.append(_OldNames)
