"""What lies in a store and cannot be read: each thing once, with what to do about it."""

from ict.documents.records import Odd, names_in
from ict.store import names
from ict.store.base import BaseStore
from ict.store.causal_files import causal_checks
from ict.store.channel_sets import read_sets
from ict.store.imported_results import read_imported
from ict.store.index import look
from ict.store.inspect_files import read_inspections
from ict.store.run_files import run_trouble
from ict.store.studies import read_studies
from ict.tasks.links import look_at_links


def everything(store: BaseStore) -> list[Odd]:
    """All that cannot be read, folder by folder. Nothing here raises."""
    return [
        *_runs(store),
        *store.read_scores()[1],
        *read_studies(store)[1],
        *read_inspections(store)[1],
        *causal_checks(store)[1],
        *read_sets(store)[1],
        *read_imported(store)[1],
        *look_at_links(store.root / names.LINKS)[1],
    ]


def _runs(store: BaseStore) -> list[Odd]:
    """Runs that `Store.table` lacks, or has beside an odd file; and what is no run at all."""
    names, troubles = names_in(store.runs_dir)
    by_id = {
        odd.path.name: odd for odd in look(store.runs_dir, store.run_ids(), store.index_path)[1]
    }
    folders = set(store.run_ids())
    for name in names:
        if name in by_id:
            troubles.append(by_id[name])
        elif name not in folders and (odd := run_trouble(store.runs_dir / name)):
            troubles.append(odd)
    return troubles
