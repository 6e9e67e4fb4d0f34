"""Score files with per-image sums, found in the store or computed in a process of their own.

The child is `python -m ict score`, so that whoever asks never imports torch.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ict.analysis.sources import RESAMPLED, Source, open_source
from ict.catalogue import BUNDLED, SITE, Backbone, check_site, get_backbone
from ict.criteria import CRITERION
from ict.documents.identity import REQUESTS
from ict.errors import IctError, InputError
from ict.files import refuse_published
from ict.scores import load_scores
from ict.store.names import score_file
from ict.store.same_images import Reading, check_file
from ict.store.store import Store
from ict.tasks import Task, fingerprint, get_task
from ict.tasks.digests import ImageDigests
from ict.tasks.limits import Subset, rule_for
from ict.weights import find as find_weights


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is to be scored for each task; `site` is one."""

    backbone: str = BUNDLED
    criterion: str = CRITERION
    site: str = SITE
    tokens: str = "patch"
    split: str = "train800val200"
    weights: str | None = None
    limit: int | None = None
    image_size: int | None = None
    pixel_normalisation: str = "native"
    device: str | None = None
    threads: int | None = None

    def __post_init__(self) -> None:
        if self.criterion not in RESAMPLED:
            raise InputError(
                f"{self.criterion} cannot be recomputed for a part of the images; choose "
                f"{', '.join(RESAMPLED)}"
            )

    def command(self, task: str) -> list[str]:
        """The command that scores `task` so."""
        options = {
            "--backbone": self.backbone,
            "--criterion": self.criterion,
            "--site": self.site,
            "--tokens": self.tokens,
            "--split": self.split,
            "--weights": self.weights,
            "--limit": self.limit,
            "--image-size": self.image_size,
            "--pixel-normalisation": self.pixel_normalisation,
            "--device": self.device,
            "--threads": self.threads,
        }
        words = [
            str(w) for name, value in options.items() if value is not None for w in (name, value)
        ]
        return [sys.executable, "-m", "ict", "score", task, *words, "--keep-images", "--json"]


def sources(
    tasks: Sequence[str],
    wanted: Wanted,
    store: Store,
    *,
    say: Callable[[str], None] = lambda _: None,
) -> list[Source]:
    """One source a task (or score id, or score file), computing the files that are missing.

    Raises InputError for an unknown task before anything is computed, and IctError with the
    child's sentence if it fails.
    """
    if len(set(tasks)) < len(tasks):
        twice = next(task for task in tasks if list(tasks).count(task) > 1)
        raise InputError(f"{twice} is named twice")
    backbone = get_backbone(wanted.backbone)
    check_site(backbone.at(wanted.image_size), wanted.site)
    paths = [_given(task, store) for task in tasks]
    if None in paths:
        meant = _meant(wanted, backbone)
        paths = [
            path or _kept(get_task(task), wanted, meant, store)
            for task, path in zip(tasks, paths, strict=True)
        ]
    missing = [task for task, path in zip(tasks, paths, strict=True) if path is None]
    for number, task in enumerate(missing, start=1):
        say(f"scoring {task} ({number} of {len(missing)})")
        paths[list(tasks).index(task)] = _compute(task, wanted, store)
    return [open_source(path, site=wanted.site) for path in paths if path is not None]


def _given(task: str, store: Store) -> Path | None:
    """The file if `task` names a score file or a score id; InputError for scores without a name."""
    path = Path(task)
    if task.endswith(".safetensors") or os.path.isfile(score_file(path)):
        if not load_scores(path, kinds=()).meta.get("task"):
            raise InputError(
                f"{path}: the scores name no task; score again with ict.score(…, task=NAME)"
            )
        return path
    if "-" in task and os.path.isfile(score_file(store.scores_dir / task)):
        return score_file(store.scores_dir / task)
    return None


def _meant(wanted: Wanted, backbone: Backbone) -> dict[str, Any]:
    """What the metadata of a file hold that is `wanted`, whatever its task."""
    return {
        "backbone": wanted.backbone,
        "criterion": wanted.criterion,
        "tokens": wanted.tokens,
        "split": wanted.split,
        "limit": wanted.limit,
        "limit_rule": rule_for(wanted.limit),
        "shots": None,
        "keep_images": True,
        "image_size": backbone.own_size(wanted.image_size),
        "pixel_normalisation": wanted.pixel_normalisation,
        "weights": find_weights(backbone, wanted.weights, fetch=False).identity,
    }


def _kept(task: Task, wanted: Wanted, meant: Mapping[str, Any], store: Store) -> Path | None:
    """The store's file of exactly this, with per-image sums; None if there is none.

    Raises InputError for one that was made from other images than those of now.
    """
    data = fingerprint(task, splits=(wanted.split,))
    meant = {**meant, "task": task.name, "data": data}
    for meta in store.scores():
        request = {**REQUESTS, **meta}
        same = all(request.get(name) == value for name, value in meant.items())
        if same and wanted.site in (meta.get("sites") or ()) and not meta.get("options"):
            path = Path(meta["path"])
            subset = Subset(task, wanted.split, wanted.limit, rule_for(wanted.limit))
            reading = Reading({wanted.split: subset}, ImageDigests())
            check_file(store, path.parent, meta, reading)
            return path
    return None


def _compute(task: str, wanted: Wanted, store: Store) -> Path:
    environment = {**os.environ, "ICT_STORE": str(store.root)}
    refuse_published()
    child = subprocess.run(
        wanted.command(task), env=environment, stdout=subprocess.PIPE, text=True, check=False
    )
    answer = _last_document(child.stdout)
    if child.returncode == 0 and "path" in answer:
        return Path(str(answer["path"]))
    sentence = answer.get("error") or f"scoring {task} ended with exit code {child.returncode}"
    raise (InputError if child.returncode == 2 else IctError)(str(sentence))


def _last_document(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def scored_ks(source: Source, k: Sequence[int], ratio: float | None) -> tuple[int, ...]:
    """K of each stage of the file's site."""
    from ict.selection import resolve_k

    widths = [s.shape[1] for s in load_scores(source.path, kinds=("",)).site(source.site)]
    return resolve_k(widths, k=list(k) or None, ratio=ratio if not k else None)
