"""Important Channel Tuning: score, select and tune the channels of a frozen vision transformer.

Importing this package imports nothing heavy; the public names below load when first used.
"""

from ict.public import old_names
from ict.public.face import face, table

_HOMES = table("""
    ict.scoring.model_scores: score
    ict.selection: select
    ict.model.adapters: attach detach
    ict.running.loading: load
    ict.config: RunConfig
    ict.store.store: Store
""")
__all__ = ["RunConfig", "Store", "attach", "detach", "load", "score", "select"]
__getattr__, __dir__ = face(__name__, _HOMES)

old_names.install()
