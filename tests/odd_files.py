"""Stores with odd things in them: every kind of file, in every way in which a file can be wrong.

`whole_store` makes a store in which each KIND of file is there and right; a CORRUPTION makes one of
its files wrong. Nothing here is a case that was met: new kinds and new corruptions go into the tables.
"""

import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ict.store import Run, Store
from tests.app import fixture_store

KINDS = {
    "config": "runs/{done}/config.json",
    "result": "runs/{done}/result.json",
    "selection": "runs/{done}/selection.json",
    "progress": "runs/{done}/progress.jsonl",
    "execution": "runs/{killed}/execution.json",
    "error": "runs/{failed}/error.json",
    "queued": "runs/{queued}/queued",
    "live": "runs/{killed}/live.json",
    "job": "runs/{killed}/job.json",
    "lock": "runs/{killed}/lock",
    "log": "runs/{failed}/log.txt",
    "adapter": "runs/{done}/adapter.safetensors",
    "index": "index.json",
    "score meta": "scores/{score}/meta.json",
    "scores": "scores/{score}/scores.safetensors",
    "inspect meta": "inspect/digits-inspect/meta.json",
    "inspect rows": "inspect/digits-inspect/inspect.safetensors",
    "inspect thumbs": "inspect/digits-inspect/thumbs.safetensors",
    "causal": "causal/digits-check/causal.json",
    "study": "studies/k_ratio/study.json",
    "set": "sets/mine.json",
    "imported": "imported/theirs.json",
    "links": "links.json",
    "sequence": "workers/sequence.json",
    "info": "../birds/info.json",
    "list": "../birds/train800.txt",
    "backbones": "../cache/ict/backbones.json",
    "decodable": "../cache/ict/decodable.json",
}
NESTED = 2000


def _bytes(content: bytes) -> Callable[[Path], None]:
    return lambda path: _replace(path, lambda: path.write_bytes(content))


def _replace(path: Path, make: Callable[[], object]) -> None:
    if os.path.lexists(path):
        path.unlink()
    make()


def _socket(path: Path) -> None:
    here = os.getcwd()
    path.unlink()
    os.chdir(path.parent)  # a socket's path may have 107 characters
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(path.name)
    finally:
        os.chdir(here)


def _giant(path: Path) -> None:
    path.write_bytes(b"[")
    os.truncate(path, 3 << 30)  # a hole: takes no space


def _torn(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: max(1, len(content) // 2)])


CORRUPTIONS: dict[str, Callable[[Path], None]] = {
    "empty": _bytes(b""),
    "torn": _torn,
    "brackets": _bytes(b"[" * NESTED),
    "closed brackets": _bytes(b"[" * NESTED + b"]" * NESTED),
    "deep table": _bytes(b'{"a":' * NESTED + b"1" + b"}" * NESTED),
    "list": _bytes(b"[]"),
    "table": _bytes(b"{}"),
    "text": _bytes(b'"high"'),
    "null": _bytes(b"null"),
    "number": _bytes(b"1e999"),
    "digits": _bytes(b"9" * 10_000),
    "NaN": _bytes(b"NaN"),
    "half a character": _bytes(b'{"a": "\\ud800"}'),
    "not text": _bytes(b"\xff\xfe\x00\x80"),
    "zeros": _bytes(bytes(4096)),
    "folder": lambda path: _replace(path, path.mkdir),
    "FIFO": lambda path: _replace(path, lambda: os.mkfifo(path)),
    "socket": _socket,
    "device": lambda path: _replace(path, lambda: path.symlink_to("/dev/zero")),
    "loop": lambda path: _replace(path, lambda: path.symlink_to(path)),
    "dangling": lambda path: _replace(path, lambda: path.symlink_to("/nowhere/at/all")),
    "giant": _giant,
}
ODD_VALUES: tuple[Any, ...] = (
    None,
    "high",
    "\ud800",
    "a\x1b[2Jb\n",
    [],
    {},
    [None],
    {"a": []},
    True,
    -1,
    0,
    1e400,
    float("nan"),
    -float("inf"),
    10**30,
    10**400,
    "x" * 100_000,
    [[[[]]]],
)


def whole_store(root: Path) -> tuple[Store, dict[str, Path]]:
    """A store in `root` with every kind of file, and the path of each kind.

    Beside it a folder of a task (`birds`, linked) and a cache, as `XDG_CACHE_HOME` should name them.
    """
    store = Store(root)
    score = fixture_store.add_scores(store)
    fixture_store.add_scores(store, criterion="l2", seed=1)
    fixture_store.add_scores(store, "sprites_loc")
    done = fixture_store.add_done(store, score_id=score, seed=42)
    for seed in (44, 82):
        fixture_store.add_done(store, score_id=score, seed=seed)
    runs = {"done": done, "failed": fixture_store.add_failed(store, seed=1)}
    runs["killed"] = fixture_store.add_killed(store, seed=2)
    runs["queued"] = fixture_store.add_queued(store, seed=3)
    fixture_store.add_inspection(store)
    fixture_store.add_study(store)
    _more(store, runs)
    names = {name: run.id for name, run in runs.items()} | {"score": score}
    paths = {kind: Path(os.path.normpath(root / at.format(**names))) for kind, at in KINDS.items()}
    for kind in ("index", "backbones", "decodable"):
        paths[kind].parent.mkdir(parents=True, exist_ok=True)
    paths["backbones"].write_text("{}")
    paths["decodable"].write_text('["key"]')
    store.table()  # writes the index
    return store, paths


def _more(store: Store, runs: dict[str, Run]) -> None:
    """What the pages' stores have not: a set, imports, links, a causal check, a task's folder."""
    from safetensors.numpy import save_file

    killed, done = runs["killed"].path, runs["done"].path
    _write(killed / "live.json", {"phase": "training", "done": 4, "total": 8, "epoch": 1})
    _write(killed / "job.json", {"job": "7_0"})
    _write(killed / "lock", {"host": "node7", "pid": 3, "job": None})
    chosen = json.loads((done / "selection.json").read_text())
    save_file({"head.bias": __import__("numpy").zeros(3)}, done / "adapter.safetensors")
    _write(store.root / "sets" / "mine.json", {"name": "mine", "selection": chosen})
    row = {"method": "VPT", "task": "digits", "test_accuracy": 0.5, "seed": 1, "k": 96}
    _write(store.root / "imported" / "theirs.json", {"source": "theirs.csv", "rows": [row]})
    _write(store.root / "workers" / "sequence.json", 7)
    _write(store.root / "causal" / "digits-check" / "causal.json", causal_check())
    birds = store.root.parent / "birds"
    _write(birds / "info.json", {"task": "birds", "num_classes": 2, "class_names": ["a", "b"]})
    for split in ("train800", "val200", "train800val200", "test"):
        (birds / f"{split}.txt").write_text("images/a.jpg 0\nimages/b.jpg 1\n")
    _write(store.root / "links.json", {"birds": str(birds)})


def causal_check() -> dict[str, Any]:
    """What `ict causal` leaves, of two blocks."""
    series = [("class_l2", 0), ("random", 0), ("random", 1)]
    curves = [
        {"series": name, "seed": seed, "mode": mode, "fraction": fraction, "accuracy": 0.5}
        for name, seed in series
        for mode in ("deletion", "insertion")
        for fraction in (0.5, 1.0)
    ]
    scatter = [
        {"block": block, "channel": c, "effect": 0.1, "effect_size": 0.1 * c, "scores": {"class_l2": 1.0 * c}}
        for block in (0, 1) for c in (3, 5, 7)
    ]  # fmt: skip
    agreement = [{"criterion": "class_l2", "block": b, "spearman": 1.0, "n": 3} for b in (0, 1)]
    return {
        "task": "digits", "backbone": "ict_tiny", "site": "attn", "criteria": ["class_l2"],
        "replacement": "mean", "accuracy": 0.9, "validation_images": 200, "curves": curves,
        "scatter": scatter, "agreement": agreement, "notes": [], "blocks": None,
        "created_at": "2026-01-01T08:00:00.000Z",
    }  # fmt: skip


def _write(path: Path, document: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))


def mutations(document: Any, *, most: int = 3) -> Iterator[tuple[str, Any]]:
    """`document` with one value replaced by each odd one, and with one field left out.

    Of a list the first `most` members are gone into.
    """
    for where, value in _places(document, (), most):
        for odd in ODD_VALUES:
            yield f"{'.'.join(map(str, where))} = {_brief(odd)}", _with(document, where, odd)
        if where and isinstance(where[-1], str):
            yield f"{'.'.join(map(str, where))} gone", _without(document, where)
        del value


def _brief(odd: Any) -> str:
    text = repr(odd)
    return text if len(text) < 40 else f"{text[:20]}…"


def _places(value: Any, where: tuple[Any, ...], most: int) -> Iterator[tuple[tuple[Any, ...], Any]]:
    yield where, value
    if isinstance(value, dict):
        for name, one in value.items():
            yield from _places(one, (*where, name), most)
    elif isinstance(value, list):
        for i, one in enumerate(value[:most]):
            yield from _places(one, (*where, i), most)


def _with(document: Any, where: tuple[Any, ...], value: Any) -> Any:
    if not where:
        return value
    copy: Any = dict(document) if isinstance(document, dict) else list(document)
    copy[where[0]] = _with(copy[where[0]], where[1:], value)
    return copy


def _without(document: Any, where: tuple[Any, ...]) -> Any:
    copy: Any = dict(document) if isinstance(document, dict) else list(document)
    if len(where) == 1:
        del copy[where[0]]
    else:
        copy[where[0]] = _without(copy[where[0]], where[1:])
    return copy


def write_mutation(path: Path, document: Any) -> None:
    """As JSON that Python's own reader takes: NaN, infinity and half characters included."""
    path.write_text(json.dumps(document))
