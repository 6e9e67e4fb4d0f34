"""A store in which every kind of file is there and right: what the files of a store are fuzzed from."""

import functools
import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ict.documents.labels import Change
from ict.store import Run, Store, basket, job_folder
from ict.store.run_labels import change_label
from ict.store.table_view import keep_columns
from ict.store.unreadable import everything

_CHOICES: dict[str, dict[str, object]] = {
    "curves": {"smooth": 0.5, "log": True, "xlim": "0:3"},
    "k-ratio": {"k": [3, 24], "ratio": 0.125, "published": False},
    "score-map": {"block": 3, "channel": 7, "pair": ["a", "b"], "set": "mine"},
}
"""Of collected figures, by the figure's name."""
_ALONE = ("score meta",)  # the others of their kind are of other files


@functools.cache
def whole() -> tuple[Path, dict[str, Path]]:
    """A folder with a store in which every kind of file is there and right, beside it a task and a cache."""
    from tests.odd_files import whole_store

    root = Path(tempfile.mkdtemp(prefix="whole-"))
    store, paths = whole_store(root / "store")
    done, killed = Run(paths["config"].parent), Run(paths["execution"].parent)
    change_label(
        done, Change(name="first", note="as in\nthe paper", tag=("a", "b"), archived=False)
    )
    paths["label"] = done.label_path
    for name, choice in _CHOICES.items():
        request = {"name": name, "sources": [done.id], "choice": choice}
        basket.add(store, basket.Entry(name=name, request=request, caption="Curves.", style="iclr"))
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


def samples_of(kind: str, path: Path) -> Sequence[bytes]:
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
    if kind == "lock":
        return [{"host": "node7", "pid": 3, "job": "7_0", "start_ticks": 5}]
    if kind == "table":
        return [{"columns": [f"column{i}" for i in range(100)]}]
    if kind == "label":
        return [{"name": "x" * 120, "tags": ["y" * 40]}]
    if kind == "imported":
        row = {"method": "VPT", "task": "digits", "test_accuracy": 0.5}
        return [
            {"rows": [{**row, "adapter_parameters": said} for said in ("0.1M", "few", 7)]}
        ]  # as of 0.1.0
    if kind == "links":
        return [{"b": {"path": "/usr", "lists": "linked/b", "inside": "/usr"}, "a": "/usr"}]
    return []


def prune(store: Store, kept: Sequence[Path]) -> None:
    """Leaves the runs of these files alone in a store, which is then read sooner."""
    for run_id in store.run_ids():
        folder = store.runs_dir / run_id
        if not any(path.is_relative_to(folder) for path in kept):
            shutil.rmtree(folder)
