"""Runs and files of the store are used again only with the images that they were made from.

`images_sha256` stands beside a configuration and is no part of its id: a mapping from what was read
(`train800`, `test`, or `TASK:SPLIT` of another task that scores come from) to its digest. A run or file
of version 0.1.0 has none: it is used as it is, and said to be unrecorded, unless its images have more
than 8 bits, which that version read as white or black.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from ict.config import RunConfig
from ict.errors import IctError, InputError
from ict.files import refuse_published
from ict.resolve import Resolved
from ict.store.base import BaseStore
from ict.store.run_folder import Run
from ict.tasks import Task
from ict.tasks.decodable import first_wide
from ict.tasks.digests import ImageDigests
from ict.tasks.limits import Subset
from ict.tasks.others import scored_tasks
from ict.weights import check_fits

UNRECORDED = "the digests of its images were not recorded (it is of version 0.1.0)"


@dataclass(frozen=True)
class Reading:
    """The images that something reads, with their digests of now."""

    parts: Mapping[str, Subset]
    """By their key in `images_sha256`."""
    digests: ImageDigests

    @classmethod
    def of_run(cls, config: RunConfig, tasks: Mapping[str, Task], digests: ImageDigests) -> Self:
        """What a run of `config` reads of its `tasks`, which are found by name."""
        splits = {split: (config.task, split) for split in (*config.trained_splits, "test")}
        if split := config.score_split:
            for scored in scored_tasks(config.score_task):
                splits[split if scored == config.task else f"{scored}:{split}"] = (scored, split)
        parts = {
            key: Subset.asked(config, tasks[task], split) for key, (task, split) in splits.items()
        }
        return cls(parts, digests)

    def now(self) -> dict[str, str]:
        """`images_sha256` of the images as they are; asked again, what was found first."""
        return {key: self.digests.of(part) for key, part in self.parts.items()}

    def record(self, store: BaseStore) -> dict[str, str]:
        """`now`; the store keeps the digest of each image, so that a change can be named."""
        digests = self.now()
        for key, part in self.parts.items():
            store.keep_digests(digests[key], self.digests.images(part))
        return digests

    def changes(self, store: BaseStore, document: Mapping[str, Any] | None) -> str:
        """How many images differ from those that `document` records, and the first of them.

        "" when none does, and when the document records none.
        """
        then = recorded(document) or {}
        changed: list[str] = []
        unnamed: list[str] = []
        for key, part in self.parts.items():
            if key not in then or then[key] == self.digests.of(part):
                continue
            names = self._changed(store, then[key], part)
            changed += names
            if not names:
                unnamed.append(key)
        changed = list(dict.fromkeys(changed))
        if changed:
            return (
                f"{len(changed)} image{'s' * (len(changed) > 1)} changed since, first {changed[0]}"
            )
        return f"images of {', '.join(unnamed)} changed since" if unnamed else ""

    def misread(self, document: Mapping[str, Any] | None) -> str | None:
        """An image of more than 8 bits that went into a `document` without a record of its images."""
        if recorded(document) is not None:
            return None
        wide = (first_wide(part, self.digests) for part in self.parts.values())
        return next(filter(None, wide), None)

    def trouble(self, store: BaseStore, document: Mapping[str, Any] | None, undo: str) -> str:
        """Why what `document` tells of cannot be used again, and to `undo` it; "" if it can."""
        if changed := self.changes(store, document):
            return f"was made from other images: {changed}; put them back, or {undo}"
        if wide := self.misread(document):
            seen = (
                "was made by version 0.1.0, which read images of more than 8 bits as white or black"
            )
            return f"{seen} (first {wide}); {undo}"
        return ""

    def _changed(self, store: BaseStore, then: str, part: Subset) -> list[str]:
        """Names of the images whose digest differs; none where the digests of then are not kept."""
        before, now = store.kept_digests(then), self.digests.images(part)
        if before is None or len(before) != len(now):
            return []
        names = self.digests.names(part)
        return [n for n, old, new in zip(names, before, now, strict=True) if old != new[:16]]


def recorded(document: Mapping[str, Any] | None) -> dict[str, str] | None:
    """`images_sha256` of a configuration or of the metadata of a file; None where there is none."""
    digests = (document or {}).get("images_sha256")
    if not isinstance(digests, Mapping) or not all(isinstance(v, str) for v in digests.values()):
        return None
    return dict(digests)


def ask(
    store: BaseStore,
    wanted: Iterable[Resolved],
    *,
    command: str | None,
    digests: ImageDigests | None = None,
) -> list[Run]:
    """Writes the folders of the runs that are `wanted`, or finds them.

    Raises InputError, before anything is written, if one of them has work in it that other images
    went into, or if a weights file that a new one names is none of its backbone. A run without such work is asked for anew with the images of now.
    """
    refuse_published()
    digests = digests or ImageDigests()
    pairs = [(one, Reading.of_run(one.config, one.tasks, digests)) for one in wanted]
    refused = [said for resolved, reading in pairs if (said := _refusal(store, resolved, reading))]
    if refused:
        more = f"; {len(refused) - 1} more runs likewise" if len(refused) > 1 else ""
        raise InputError(refused[0] + more)
    for resolved, _ in pairs:
        _check_weights(store, resolved)
    return [_ask(store, resolved, reading, command) for resolved, reading in pairs]


def _refusal(store: BaseStore, resolved: Resolved, reading: Reading) -> str:
    run = Run(store.runs_dir / resolved.run_id)
    if not run.record or not _has_work(run):
        return ""
    trouble = reading.trouble(store, run.record, f"`ict remove {run.id}` and ask again")
    return trouble and f"run {run.id} {trouble}"


def _check_weights(store: BaseStore, resolved: Resolved) -> None:
    """A file that a user named must fit; what the hub's cache holds was named by timm."""
    path, named = resolved.sources.get("weights_file"), str(resolved.config.weights)
    if path and named.startswith("sha256:") and not Run(store.runs_dir / resolved.run_id).record:
        check_fits(resolved.config.backbone, Path(path))


def _has_work(run: Run) -> bool:
    return run.is_resumable or run.status() in ("done", "running")


def _ask(store: BaseStore, resolved: Resolved, reading: Reading, command: str | None) -> Run:
    now = reading.record(store)
    run = store.create_run(resolved.record(command=command, images=now))
    if recorded(run.record) != now and not _has_work(run):
        store.record_images(run, now)
    return run


def unrecorded(runs: Iterable[Run]) -> str:
    """A sentence on finished or begun runs whose images were not recorded; "" if there is none."""
    old = [run.id for run in runs if recorded(run.record) is None and _has_work(run)]
    if not old:
        return ""
    more = f" (and {len(old) - 1} more)" if len(old) > 1 else ""
    return f"run {old[0]}{more} is used as it is: {UNRECORDED}"


def check_run(store: BaseStore, run: Run, reading: Reading) -> None:
    """Raises IctError if the images are not those that the run was asked for, or begun, with."""
    undo = f"`ict remove {run.id}` and ask again"
    if changed := reading.changes(store, run.record):
        differ = f"the images of run {run.id} are not those it was asked for with"
        raise IctError(f"{differ}: {changed}; put them back, or {undo}")
    if run.is_resumable and (changed := reading.trouble(store, run.record, undo)):
        raise IctError(f"run {run.id} {changed}")


def check_file(
    store: BaseStore, folder: Path, meta: Mapping[str, Any] | None, reading: Reading
) -> None:
    """Raises InputError if the scores (or what else is in `folder`) were made from other images."""
    if trouble := reading.trouble(store, meta, f"delete {folder} and ask again"):
        raise InputError(f"{folder.name} {trouble}")
