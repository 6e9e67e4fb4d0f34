"""The label of a run: `label.json` in its folder, changed by many hands and never lost.

A change reads, merges and writes under a lock of its own, `label.lock`: that of the run is held by
whoever trains it. Each change names only the fields that it changes.
"""

from ict.documents.labels import Change, Label
from ict.documents.records import Odd
from ict.errors import InputError, quoted
from ict.files import atomic_write_json
from ict.store.locks import RunLock
from ict.store.run_files import read_file
from ict.store.run_folder import Run


def read_label(run: Run) -> Label:
    """The run's label; the neutral one where there is none, or none that can be read."""
    document = read_file(run.path, run.label_path.name)
    return Label.from_dict(document) if isinstance(document, dict) else Label()


def change_label(run: Run, change: Change) -> Label:
    """Writes the run's label as `change` says; gives the new one.

    Raises InputError where there is no such run, where the file is odd (it may hold what somebody
    wrote), or where somebody else changed meanwhile what `change` changes.
    """
    if not run.has_config:
        raise InputError(f"no run {quoted(run.id)} in {run.path.parent.parent}")
    lock = RunLock(run.label_lock_path)
    if not lock.acquire(blocking=True):
        raise InputError(f"run {quoted(run.id)} was deleted meanwhile")
    try:
        document = read_file(run.path, run.label_path.name)
        if isinstance(document, Odd):
            raise InputError(str(document))
        before = Label() if document is None else Label.from_dict(document)
        after = change.of(before)
        if after != before:
            atomic_write_json(run.label_path, {**(document or {}), **after.to_dict()})
    finally:
        lock.release()
    return after
