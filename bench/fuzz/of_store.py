"""Files of a store: each kind of JSON in it, read by what the commands and pages read it with."""

import functools
import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from bench.fuzz.changes import JSON, JSON_LINES
from bench.fuzz.target import Form, Given, Target, World, in_file
from bench.fuzz.whole_store import prune, samples_of, whole
from ict.analysis.groups import over_seeds, telling
from ict.analysis.run_names import run_names
from ict.analysis.summary import ratio_series
from ict.documents.records import Odd
from ict.documents.shapes import shown
from ict.store import (
    Run,
    Store,
    basket,
    causal_files,
    channel_sets,
    imported_results,
    inspect_files,
    job_folder,
)
from ict.store.epoch_rows import epoch_rows
from ict.store.run_labels import read_label
from ict.store.run_rows import RunRow, run_rows, study_run_rows
from ict.store.run_times import expected_seconds, run_seconds
from ict.store.studies import counts, list_studies, read_studies, searches
from ict.store.table_view import kept_columns
from ict.store.trash import trashed
from ict.store.unreadable import everything

CACHES = ("store/index.json", "store/sound.json")
Reader = Callable[[Store, Path], Iterable[object]]


def sentences(found: Iterable[object]) -> list[str]:
    """What is said of the odd ones among records; of their paths, which may be long, the last name."""
    return [f"{shown(one.path.name)[:100]}: {one.reason}" for one in found if isinstance(one, Odd)]


def world_of(kind: str, read: Reader, root: Path) -> World:
    """A store of which the file of one kind is the input."""
    folder, paths = whole()
    shutil.copytree(folder, root, symlinks=True, dirs_exist_ok=True)
    links = root / "store" / "links.json"
    links.write_text(json.dumps({"birds": str(root / "birds")}))
    store, path = Store(root / "store"), root / paths[kind]
    samples = samples_of(kind, path)
    if read is not of_study:
        prune(store, [root / one for one in paths.values()])
    return World(
        root=root,
        samples=samples,
        place=in_file(path),
        read=lambda given: sentences(read(store, path)),
        caches=CACHES,
    )


def _of_run(store: Store, path: Path) -> Iterable[object]:
    """As a list of runs and the page of one read it."""
    table, odd = store.read_table()
    yield from odd
    rows = [RunRow.of(row) for row in table]
    folder = path.parent if path.parent.name != "checkpoint" else path.parent.parent
    run = Run(folder)
    yield from run.troubles()
    looked = (run.record, run.config, run.status(), run.queued(), run.error(), run.execution(), run.live(),
              run.selection(), run.progress(), run.log_tail(), run.saved_epoch(), run.job_runs(),
              epoch_rows(run), read_label(run), run.result())  # fmt: skip
    json.dumps(str(looked))
    _as_tables_do(rows)
    if (result := run.result()) is not None:
        json.dumps(result.to_dict())


def _as_tables_do(rows: Sequence[RunRow]) -> None:
    """Groups, names and times of runs, as their table and the figures make them."""
    run_names(rows)
    over_seeds(rows), telling(rows), ratio_series(rows)
    for row in rows:
        run_seconds(row), expected_seconds(row.more, rows)


def _of_index(store: Store, _path: Path) -> Iterable[object]:
    odd = store.read_table()[1]
    if len(run_rows(store)) + len(odd) < len(store.run_ids()):
        raise RuntimeError("the index hides runs")
    return odd


def _of_queue(store: Store, path: Path) -> Iterable[object]:
    from ict.running.queue import read_ticket, waiting

    yield from _of_run(store, path)
    read_ticket(Run(path.parent))
    waiting(store)


def of_study(store: Store, _path: Path) -> Iterable[object]:
    yield from read_studies(store)[1]
    for study in list_studies(store):
        counts(store, study), searches(store, study), study_run_rows(store, study), study.primary


def _of_scores(store: Store, path: Path) -> Iterable[object]:
    from ict.documents.score_record import ScoreRecord

    metas, odd = store.read_scores()
    yield from odd
    for meta in metas:
        json.dumps(ScoreRecord.of(meta).classes_with_images)


def _of_inspections(store: Store, _path: Path) -> Iterable[object]:
    found, odd = inspect_files.read_inspections(store)
    yield from odd
    for one in found:
        json.dumps([one.record.task, one.site])
        if one.blocks:
            inspect_files.channel_page(one, 0, 0)


def _of_causal(store: Store, _path: Path) -> Iterable[object]:
    checks, odd = causal_files.causal_checks(store)
    yield from odd
    for one in checks:
        one.effects(None), [point.to_dict() for point in one.curves], one.is_zeroed


def _of_sets(store: Store, _path: Path) -> Iterable[object]:
    sets, odd = channel_sets.read_sets(store)
    yield from odd
    for one in sets:
        one.to_csv(), one.to_dict(), one.channels, one.selection.stage_ks()
    channel_sets.figures_with(store, "mine")


def _of_imports(store: Store, _path: Path) -> Iterable[object]:
    rows, odd = imported_results.read_imported(store)
    imported_results.list_imports(store), sorted(row["test_accuracy"] for row in rows)
    return odd


def _of_basket(store: Store, _path: Path) -> Iterable[object]:
    from ict.figures.collected import request_of

    found, odd = basket.read_basket(store)
    yield from odd
    for entry in found:
        request_of(json.dumps(entry.request))


def _of_table(store: Store, _path: Path) -> Iterable[object]:
    ",".join(kept_columns(store))
    return ()


def _of_jobs(store: Store, _path: Path) -> Iterable[object]:
    jobs, odd = job_folder.read_jobs(store)
    yield from odd
    for job in jobs:
        job.command, job.result(), job.log_tail()


def _of_everything(store: Store, _path: Path) -> Iterable[object]:
    """As every list of runs tells what cannot be read."""
    trashed(store)
    return everything(store)


def _of_links(store: Store, _path: Path) -> Iterable[object]:
    from ict.tasks import list_tasks
    from ict.tasks.links import look_at_links, read_links

    list_tasks()
    read_links()
    return look_at_links()[1]


def _of_cache(store: Store, path: Path) -> Iterable[object]:
    """A cache of the user: whatever it holds, the answer is as without it."""
    from ict import catalogue
    from ict.tasks import decodable, digests

    catalogue._remembered(path)
    decodable._passed()
    for entry in digests._read(path).values():
        digests._kept(entry, str(path))
    return ()


_FILES = "ict/store/run_files.py"
_CHECKED = f"{_FILES}:read_file,odd_files"
_OF_RUNS = (_CHECKED, "ict/documents/records.py:read_record")
KINDS: dict[str, tuple[Reader, tuple[str, ...], Form]] = {
    "config": (_of_run, (f"{_FILES}:_stored,read_config,run_trouble,read_run_row",
               "ict/config/record.py:RunConfig.from_dict,RunConfig.check_stored,_is_known,_is_value",
               "ict/config/fields.py:check_age", "ict/config/values.py"), JSON),
    "result": (_of_run, ("ict/store/run_result.py",), JSON),
    "selection": (_of_run, ("ict/documents/selection_files.py:check_selection",), JSON),
    "progress": (_of_run, ("ict/store/run_folder.py:Run.progress,_is_epoch", "ict/files/reading.py:read_json_lines",
                 "ict/store/epoch_rows.py"), JSON_LINES),
    "execution": (_of_run, _OF_RUNS, JSON),
    "error": (_of_run, (_CHECKED,), JSON),
    "queued": (_of_queue, ("ict/running/queue.py:read_ticket,waiting",), JSON),
    "live": (_of_run, (_CHECKED,), JSON),
    "job": (_of_run, ("ict/store/run_folder.py:Run.job,Run.job_runs",), JSON),
    "lock": (_of_run, ("ict/store/locks.py:written_holder",), JSON),
    "state": (_of_run, ("ict/store/run_folder.py:Run.saved_epoch",), JSON),
    "label": (_of_run, ("ict/documents/labels.py:Label.from_dict,_at_most",), JSON),
    "index": (_of_index, ("ict/store/index.py:_load,_unpacked,_entry,look",), JSON),
    "sound": (_of_everything, ("ict/store/sound.py:known,stamp",), JSON),
    "score meta": (_of_scores, ("ict/store/score_folder.py", "ict/documents/score_record.py"), JSON),
    "inspect meta": (_of_inspections, ("ict/store/inspect_files.py:read_inspection,read_inspections",), JSON),
    "causal": (_of_causal, ("ict/store/causal_files.py", "ict/documents/shapes.py"), JSON),
    "study": (of_study, ("ict/store/studies.py:_read,_stored",), JSON),
    "set": (_of_sets, ("ict/store/channel_sets.py:_read,read_sets", "ict/selection/record.py:Selection.from_dict,"
            "BlockSelection.from_dict,Selection.stage_ks"), JSON),
    "imported": (_of_imports, ("ict/store/imported_results.py:_read,_typed,_known_count,_fraction,_plain,_listed",), JSON),
    "basket": (_of_basket, ("ict/store/basket.py:_read,_check_entries,read_basket",
               "ict/figures/collected.py:request_of,_fits"), JSON),
    "table": (_of_table, ("ict/store/table_view.py:kept_columns,_columns",), JSON),
    "job job.json": (_of_jobs, ("ict/store/job_folder.py:read_job,read_jobs,_read",), JSON),
    "job ended.json": (_of_jobs, ("ict/store/job_folder.py:_read",), JSON),
    "job live.json": (_of_jobs, ("ict/store/job_folder.py:_progress",), JSON),
    "job result.json": (_of_jobs, ("ict/store/job_folder.py:Job.result",), JSON),
    "links": (_of_links, ("ict/tasks/links.py:read_places,look_at_links,_entries,_table,_place",), JSON),
    "backbones": (_of_cache, ("ict/catalogue.py:_remembered,_usable",), JSON),
    "decodable": (_of_cache, ("ict/tasks/decodable.py:_passed", "ict/tasks/digests.py:_read"), JSON),
}  # fmt: skip


def targets() -> list[Target]:
    """One for each kind of file."""
    return [
        Target(
            name=f"store: {kind}",
            parser=parser,
            form=form,
            world=functools.partial(world_of, kind, read),
        )
        for kind, (read, parser, form) in KINDS.items()
    ]


def given_text(given: Given) -> str:
    """An input as a word that a person typed."""
    return given.content.decode("utf-8", "surrogateescape")
