"""Files of a store: each kind of JSON in it, read by what the commands and pages read it with."""

import functools
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from bench.fuzz.changes import JSON, JSON_LINES
from bench.fuzz.target import Form, Given, Target, World, in_file
from ict.documents.labels import Change
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
from ict.store.run_labels import change_label, read_label
from ict.store.run_rows import run_rows, study_run_rows
from ict.store.studies import counts, list_studies, read_studies, searches
from ict.store.table_view import keep_columns, kept_columns
from ict.store.trash import trashed
from ict.store.unreadable import everything

CACHES = ("store/index.json", "store/sound.json")
_ALONE = ("score meta",)  # the others of their kind are of other files
Reader = Callable[[Store, Path], Iterable[object]]


@functools.cache
def _whole() -> tuple[Path, dict[str, Path]]:
    """A folder with a store in which every kind of file is there and right, beside it a task and a cache."""
    from tests.odd_files import whole_store

    root = Path(tempfile.mkdtemp(prefix="whole-"))
    store, paths = whole_store(root / "store")
    done, killed = Run(paths["config"].parent), Run(paths["execution"].parent)
    change_label(
        done, Change(name="first", note="as in\nthe paper", tag=("a", "b"), archived=False)
    )
    paths["label"] = done.label_path
    request = {"name": "curves", "sources": [done.id], "choice": {"smooth": 0.5}}
    basket.add(store, basket.Entry(name="curves", request=request, caption="Curves."))
    keep_columns(store, ["task", "seed"])
    paths |= {"basket": store.root / "figures.json", "table": store.root / "table.json"}
    paths["state"] = killed.state_epoch_path
    job = job_folder.job_folder(store, ["score", "digits"])
    job.mkdir(parents=True)
    documents = {
        "job.json": {"words": ["score", "digits"], "asked_at": "2026-01-01T08:00:00.000Z"},
        "ended.json": {"exit_code": 1, "ended_at": "2026-01-01T08:01:00.000Z", "error": "no image"},
        "live.json": {
            "phase": "scoring",
            "done": 1,
            "total": 2,
            "unit": "images",
            "eta_seconds": 3.0,
        },
        "result.json": {"score_id": "a"},
    }
    for name, document in documents.items():
        (job / name).write_text(json.dumps(document))
        paths[f"job {name}"] = job / name
    paths["state"].parent.mkdir(parents=True, exist_ok=True)
    paths["state"].write_text(json.dumps({"epoch": 2}))
    store.table()
    everything(store)
    paths["sound"] = store.root / "sound.json"
    return root, {kind: path.relative_to(root) for kind, path in paths.items()}


def sentences(found: Iterable[object]) -> list[str]:
    """What is said of the odd ones among records; of their paths, which may be long, the last name."""
    return [f"{shown(one.path.name)[:100]}: {one.reason}" for one in found if isinstance(one, Odd)]


def world_of(kind: str, read: Reader, root: Path) -> World:
    """A store of which the file of one kind is the input."""
    whole, paths = _whole()
    shutil.copytree(whole, root, symlinks=True, dirs_exist_ok=True)
    links = root / "store" / "links.json"
    links.write_text(json.dumps({"birds": str(root / "birds")}))
    store, path = Store(root / "store"), root / paths[kind]
    return World(
        root=root,
        samples=_samples(kind, path),
        place=in_file(path),
        read=lambda given: sentences(read(store, path)),
        caches=CACHES,
    )


def _samples(kind: str, path: Path) -> Sequence[bytes]:
    """The file itself, and others of its kind in the store, each content once."""
    alone = path.parent.name == "store" or kind in _ALONE
    others = [] if alone else sorted(path.parent.parent.glob(f"*/{path.name}"))
    contents = [path.read_bytes(), *(one.read_bytes() for one in others)]
    contents += [json.dumps(one).encode() for one in _more(kind)]
    return list(dict.fromkeys(content for content in contents if content))[:12]


def _more(kind: str) -> Sequence[object]:
    """Sound documents of a kind that the store has not."""
    if kind == "backbones":
        from ict.catalogue import get_backbone

        return [{"vit_x": {**vars(get_backbone("ict_tiny")), "name": "vit_x"}}]
    if kind == "decodable":
        return [{"files": {"a.png": [1, 2, 3, 4, "a" * 64]}}]
    if kind == "queued":
        return [
            {"sequence": 3, "slots": 2, "threads": 1, "tries": 0, "devices": ["cpu"], "data_root": "/data",
             "compile": "auto", "launcher": "local"},
            {"launcher": "slurm", "host": "node7", "pid": 3},
        ]  # fmt: skip
    if kind == "links":
        return [{"b": {"path": "/usr", "lists": "linked/b", "inside": "/usr"}, "a": "/usr"}]
    return []


def _of_run(store: Store, path: Path) -> Iterable[object]:
    """As a list of runs and the page of one read it."""
    yield from store.read_table()[1]
    rows = run_rows(store)
    folder = path.parent if path.parent.name != "checkpoint" else path.parent.parent
    run = Run(folder)
    yield from run.troubles()
    looked = (run.record, run.config, run.status(), run.queued(), run.error(), run.execution(), run.live(),
              run.selection(), run.progress(), run.log_tail(), run.saved_epoch(), run.job_runs(),
              epoch_rows(run), read_label(run), run.result())  # fmt: skip
    json.dumps([str(looked), len(rows)])
    if (result := run.result()) is not None:
        json.dumps(result.to_dict())


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


def _of_study(store: Store, _path: Path) -> Iterable[object]:
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
    for name, entry in digests._read(path).items():
        digests._kept(entry, name)
    return ()


_FILES = "ict/store/run_files.py"
_OF_RUNS = (f"{_FILES}:read_file,odd_files", "ict/documents/records.py:read_record,odd")
KINDS: dict[str, tuple[Reader, tuple[str, ...], Form]] = {
    "config": (_of_run, (f"{_FILES}:_stored,read_config,run_trouble,read_run_row",
               "ict/config/record.py:RunConfig.from_dict,RunConfig.check_stored,_is_known,_is_value",
               "ict/config/fields.py:check_age", "ict/config/values.py"), JSON),
    "result": (_of_run, ("ict/store/run_result.py",), JSON),
    "selection": (_of_run, ("ict/documents/selection_files.py:check_selection",), JSON),
    "progress": (_of_run, ("ict/store/run_folder.py:Run.progress,_is_epoch", "ict/files/reading.py:read_json_lines",
                 "ict/store/epoch_rows.py"), JSON_LINES),
    "execution": (_of_run, _OF_RUNS, JSON),
    "error": (_of_run, _OF_RUNS, JSON),
    "queued": (_of_queue, ("ict/running/queue.py:read_ticket,waiting",), JSON),
    "live": (_of_run, _OF_RUNS, JSON),
    "job": (_of_run, ("ict/store/run_folder.py:Run.job,Run.job_runs",), JSON),
    "lock": (_of_run, ("ict/store/locks.py:written_holder,lock_holder,is_process",), JSON),
    "state": (_of_run, ("ict/store/run_folder.py:Run.saved_epoch",), JSON),
    "label": (_of_run, ("ict/documents/labels.py:Label.from_dict,_at_most",), JSON),
    "index": (_of_index, ("ict/store/index.py:_load,_unpacked,_entry,look",), JSON),
    "sound": (_of_everything, ("ict/store/sound.py:known,stamp",), JSON),
    "score meta": (_of_scores, ("ict/store/score_folder.py", "ict/documents/score_record.py"), JSON),
    "inspect meta": (_of_inspections, ("ict/store/inspect_files.py:read_inspection,read_inspections",), JSON),
    "causal": (_of_causal, ("ict/store/causal_files.py", "ict/documents/shapes.py"), JSON),
    "study": (_of_study, ("ict/store/studies.py:_read,_stored", "ict/store/study_choices.py"), JSON),
    "set": (_of_sets, ("ict/store/channel_sets.py:_read,read_sets", "ict/selection/record.py:Selection.from_dict,"
            "BlockSelection.from_dict,Selection.stage_ks"), JSON),
    "imported": (_of_imports, ("ict/store/imported_results.py:_read,_typed,_known_count,_fraction,_plain,_listed",), JSON),
    "basket": (_of_basket, ("ict/store/basket.py:_read,_check_entries,read_basket",
               "ict/figures/collected.py:request_of,_fits"), JSON),
    "table": (_of_table, ("ict/store/table_view.py:kept_columns,_columns",), JSON),
    "job job.json": (_of_jobs, ("ict/store/job_folder.py:read_job,read_jobs,_status,_read",), JSON),
    "job ended.json": (_of_jobs, ("ict/store/job_folder.py:_status",), JSON),
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
