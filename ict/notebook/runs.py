"""Runs from a notebook: started, and as a pandas table."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from ict.config import RunConfig
from ict.errors import InputError, quoted
from ict.resolve import resolve
from ict.running.asked import asked_run
from ict.running.compile_mode import MODES
from ict.store.run_folder import Run
from ict.store.store import Store

PLACES = ("detached", "here")


def train(
    config: Mapping[str, Any],
    *,
    recipe: str = "quick",
    weights: str | Path | None = None,
    device: str | None = None,
    where: str = "detached",
    compile: str | None = None,
    store: str | Path | None = None,
) -> Run:
    """Starts the run of a table of fields (`{"task": "digits", "method": "ict"}`), or finds it.

    `ict fields` lists the fields; what the table leaves out comes from `recipe`. The run is the one
    that `ict train` makes of them, with the same id. `where` is `detached`, in a process of its own
    that outlives the notebook (`run.status()` looks at it), or `here`, in this process, which then
    computes deterministically and with the run's number of threads; a finished run is only found.
    `compile` is `auto` (the default), `on` or `off`, as of `ict train`.
    Raises InputError for what cannot be run, and IctError if a run `here` fails.
    """
    if isinstance(config, RunConfig) or not isinstance(config, Mapping):
        raise InputError(
            f"train needs a table of fields, such as {{'task': 'digits'}}, not {type(config).__name__}"
        )
    if where not in PLACES:
        raise InputError(f"where={quoted(where)}: choose one of {', '.join(PLACES)}")
    if compile not in (None, *MODES):
        raise InputError(f"compile={quoted(compile)}: choose one of {', '.join(MODES)}")
    resolved = resolve(config, recipe=recipe, weights=weights, device=device)
    opened = Store(store)
    run = asked_run(resolved, opened, command=None)
    if run.status() == "done":
        return run
    if where == "here":
        from ict.running import execute

        execute.run(run.id, opened, device=device, compile=compile)
    else:
        from ict.running import local

        local.submit(opened, [run.id], device=device, compile=compile)
    return run


def runs(
    *,
    study: str | None = None,
    store: str | Path | None = None,
    everything: bool = False,
    **equal: Any,
) -> pd.DataFrame:
    """One row a run of the store, oldest first: its id, status, fields and what came out.

    Archived runs are left out, and counted in `table.attrs["archived_left_out"]`, unless `everything`
    is asked for, a study, or `archived=True`.

    Accuracies are fractions, times seconds, memory bytes, as the columns' names say; empty without runs.
    `equal` keeps those with a field of that value (`task="digits"`), `study` those of a study.
    Raises InputError for a study that is not there, and a column that no run has.
    """
    opened = Store(store)
    table = pd.DataFrame(opened.table())
    if study is not None:
        from ict.store.studies import load_study

        ids = set(load_study(opened, study).run_ids)
        table = table[table["run_id"].isin(ids)] if len(table) else table
    archived = 0
    if len(table) and "archived" in table and not (everything or study or "archived" in equal):
        hidden = table["archived"].fillna(False).astype(bool)
        archived, table = int(hidden.sum()), table[~hidden]
    for name, value in equal.items() if len(table) else ():
        if name not in table:
            raise InputError(f"no run has {quoted(name)}; there are {', '.join(map(str, table))}")
        table = table[table[name] == value]
    table = table.reset_index(drop=True)
    table.attrs["archived_left_out"] = archived
    return table
