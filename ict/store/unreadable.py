"""What lies in a store and cannot be read: each thing once, with what to do about it."""

import importlib
import os
from collections.abc import Callable

from ict.documents.records import Odd, names_in
from ict.store import names
from ict.store.base import BaseStore
from ict.store.run_files import run_trouble
from ict.store.sound import known, remember, stamp

_READERS = (  # of each folder that most stores have not, or not at first: imported where it is there
    ("inspect_dir", "ict.store.inspect_files", "read_inspections"),
    ("causal_dir", "ict.store.causal_files", "causal_checks"),
    ("sets_dir", "ict.store.channel_sets", "read_sets"),
    ("imported_dir", "ict.store.imported_results", "read_imported"),
    ("jobs_dir", "ict.store.job_folder", "read_jobs"),
)


def everything(store: BaseStore, of_table: list[Odd] | None = None) -> list[Odd]:
    """All that cannot be read, folder by folder; `of_table`, if `read_table` told it. Raises nothing."""
    if of_table is None:
        of_table = store.read_table()[1]
    troubles = _runs(store, of_table) + store.read_scores()[1] + _studies(store)
    for folder, module, name in _READERS:
        if os.path.lexists(getattr(store, folder)):
            read: Callable[[BaseStore], tuple[object, list[Odd]]]
            read = getattr(importlib.import_module(module), name)
            troubles += read(store)[1]
    return troubles + _basket(store) + _links(store)


def _basket(store: BaseStore) -> list[Odd]:
    if not os.path.lexists(store.root / names.BASKET):
        return []
    from ict.store.basket import read_basket

    return read_basket(store)[1]


def _links(store: BaseStore) -> list[Odd]:
    path = store.root / names.LINKS
    if not os.path.lexists(path):
        return []
    from ict.tasks.links import look_at_links

    return look_at_links(path)[1]


def _runs(store: BaseStore, of_table: list[Odd]) -> list[Odd]:
    """Runs that `Store.table` lacks, or has beside an odd file; and what is no run at all."""
    there, troubles = names_in(store.runs_dir)
    by_name = {odd.path.name: odd for odd in of_table}
    folders = set(store.run_ids())
    for name in there:
        if name in by_name:
            troubles.append(by_name[name])
        elif name not in folders and (odd := run_trouble(store.runs_dir / name)):
            troubles.append(odd)
    return troubles


def _studies(store: BaseStore) -> list[Odd]:
    """What lies among the studies and is none; one that was sound and has not changed is not read."""
    there, troubles = names_in(store.studies_dir)
    files = {name: f"{store.studies_dir.name}/{name}/{names.STUDY}" for name in there}
    stamps = {name: stamp(f"{store.root}/{file}") for name, file in files.items()}
    sound = known(store.root)
    new = [name for name in there if stamps[name] is None or sound.get(files[name]) != stamps[name]]
    if not new:
        return troubles
    from ict.store.studies import read_studies

    troubles = read_studies(store)[1]
    odd = {one.path.name for one in troubles}
    remember(
        store.root, {files[n]: at for n, at in stamps.items() if at is not None and n not in odd}
    )
    return troubles
