"""The folders of a store, its runs, their table and scores: what every part of `ict.store` builds on."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ict.documents.identity import check_id, is_id
from ict.errors import InputError, did_you_mean, quoted
from ict.files import (
    absolute,
    atomic_write_bytes,
    atomic_write_json,
    make_folder,
    read_regular,
    store_root,
)
from ict.store import names, transitions
from ict.store.run_folder import Run, utc_now

if TYPE_CHECKING:
    from ict.documents.records import Odd


class BaseStore:
    """A folder of runs, scores and studies. Making one writes nothing."""

    def __init__(self, root: str | os.PathLike[str] | None = None) -> None:
        self.root = store_root() if root is None else absolute(root)
        if os.path.isfile(self.root):
            raise InputError(f"{self.root} is a file: set ICT_STORE to a folder")
        self.runs_dir = self.root / "runs"
        self.scores_dir = self.root / "scores"
        self.inspect_dir = self.root / "inspect"
        self.causal_dir = self.root / "causal"
        self.studies_dir = self.root / "studies"
        self.sets_dir = self.root / "sets"
        self.imported_dir = self.root / "imported"
        self.workers_dir = self.root / "workers"
        self.trash_dir = self.root / "trash"
        self.jobs_dir = self.root / "jobs"
        self.images_dir = self.root / "images"
        self.index_path = self.root / names.INDEX

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.root)!r})"

    def create_run(self, config_record: dict[str, Any]) -> Run:
        """Writes config.json of `config_record["run_id"]` unless it is there; gives the run.

        One that is there learns where its weights lie now, if they were moved since.
        """
        run = Run(self.runs_dir / check_id(config_record["run_id"]))
        if not run.record:
            stamps = {"created_at": utc_now(), "command": None}
            transitions.create(run, {**stamps, **config_record})
        elif _moved(run.record, config_record):
            sources = {**run.record["sources"], **config_record["sources"]}
            atomic_write_json(run.config_path, {**run.record, "sources": sources})
        return run

    def record_images(self, run: Run, images: dict[str, str]) -> None:
        """Writes the digests of the images that `run` is asked for beside its configuration."""
        atomic_write_json(run.config_path, {**run.record, "images_sha256": images})

    def record_weights(self, run: Run, path: Path) -> None:
        """Writes where the weights of `run` lie now; they must be those that it was asked for with."""
        sources = {**(run.record.get("sources") or {}), "weights_file": str(path)}
        atomic_write_json(run.config_path, {**run.record, "sources": sources})

    def keep_digests(self, name: str, digests: Sequence[str]) -> None:
        """Keeps the digest of each image behind the digest `name`, so that a change can be named."""
        path = self._digests_path(name)
        if not os.path.isfile(path):
            make_folder(path.parent)
            atomic_write_bytes(path, "".join(f"{digest[:16]}\n" for digest in digests).encode())

    def kept_digests(self, name: str) -> list[str] | None:
        """The first 16 digits of what `keep_digests` was given; None where that is not known."""
        if not is_id(name):
            return None
        try:
            return read_regular(self._digests_path(name)).decode("ascii").split()
        except (OSError, ValueError, InputError):
            return None

    def _digests_path(self, name: str) -> Path:
        return self.images_dir / f"{check_id(name, 'digest')}.txt"

    def run(self, run_id: str) -> Run:
        """The run of that id or of that unique beginning; raises InputError with the nearest."""
        check_id(run_id)
        if os.path.lexists(self.runs_dir / run_id):
            return Run(self.runs_dir / run_id)
        ids = self.run_ids()
        matches = [name for name in ids if name.startswith(run_id)]
        if len(matches) == 1:
            return Run(self.runs_dir / matches[0])
        if matches:
            raise InputError(f"run {quoted(run_id)} is not unique: {_some(matches, 'runs')}")
        raise InputError(f"no run {quoted(run_id)} in {self.root}{did_you_mean(run_id, ids)}")

    def run_ids(self) -> list[str]:
        """Names of the folders that may be runs, in alphabetical order, unread."""
        try:
            with os.scandir(self.runs_dir) as entries:
                return sorted(e.name for e in entries if is_id(e.name) and _is_folder(e))
        except OSError:
            return []  # `unreadable` says why

    def runs(self) -> list[Run]:
        """All readable runs, oldest first."""
        runs = [Run(self.runs_dir / name) for name in self.run_ids()]
        dated = [(record["created_at"], run) for run in runs if (record := run.record)]
        return [run for _, run in sorted(dated, key=lambda pair: (pair[0], pair[1].id))]

    def table(self, filter: Callable[[dict[str, Any]], bool] | None = None) -> list[dict[str, Any]]:
        """One flat row a run, oldest first: run_id, status, created_at, config, result numbers.

        A list of one value (`k` of a ViT) is that value, a longer one is text. Config fields win
        over result fields of the same name. Rows that `filter` refuses are left out. Fast for
        thousands of runs (ict/store/index.py).
        """
        return [row for row in self.read_table()[0] if filter is None or filter(row)]

    def read_table(self) -> "tuple[list[dict[str, Any]], list[Odd]]":
        """`table()`, and the folders of runs in which something cannot be read."""
        from ict.store.index import look

        return look(self.runs_dir, self.run_ids(), self.index_path)

    def remove(self, run_id: str) -> None:
        """Deletes the run's folder; raises InputError while it runs."""
        transitions.remove(self.run(run_id))

    def score_dir(self, score_id: str) -> Path:
        return self.scores_dir / check_id(score_id, "score")

    def score_file(self, score_id: str) -> Path:
        """Where the scores of that id lie, there or not."""
        return names.score_file(self.score_dir(score_id))

    def causal_file(self, causal_id: str) -> Path:
        """Where the causal check of that id lies, there or not."""
        return self.causal_dir / causal_id / names.CAUSAL

    def find_score(self, text: str) -> Path:
        """The folder of the score of that id or of that unique beginning; InputError with the nearest."""
        check_id(text, "score")
        ids = [meta["score_id"] for meta in self.scores()]
        matches = [text] if text in ids else [name for name in ids if name.startswith(text)]
        if len(matches) == 1:
            return self.scores_dir / matches[0]
        if matches:
            raise InputError(f"score {quoted(text)} is not unique: {_some(matches, 'scores')}")
        raise InputError(
            f"no score {quoted(text)} in {self.root}{did_you_mean(text, ids)}; `ict scores` lists them"
        )

    def scores(self) -> list[dict[str, Any]]:
        """meta.json of every finished score, with its `score_id` and `path`."""
        return self.read_scores()[0]

    def read_scores(self) -> "tuple[list[dict[str, Any]], list[Odd]]":
        """`scores()`, and the folders of scores that cannot be read."""
        from ict.documents.records import names_in, split
        from ict.store.score_folder import read_score

        names, troubles = names_in(self.scores_dir)
        metas, odd = split(read_score(self.scores_dir / name) for name in names)
        return metas, troubles + odd


def _some(names: list[str], kind: str) -> str:
    """How many names begin alike, and the first three."""
    more = ", …" if len(names) > 3 else ""
    return f"{len(names)} {kind} begin so ({', '.join(sorted(names)[:3])}{more})"


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads round in a circle
        return False


def _moved(before: dict[str, Any], now: dict[str, Any]) -> bool:
    """True if the weights file of a run is gone from its place, and asked for at another one.

    The id holds what they are: the same id, the same weights.
    """
    places = [(record.get("sources") or {}).get("weights_file") for record in (before, now)]
    return None not in places and places[0] != places[1] and not os.path.isfile(str(places[0]))
