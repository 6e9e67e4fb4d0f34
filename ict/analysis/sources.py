"""Per-image sums of a score file, from which scores of any subset of the images are computed.

Shapes: N images, L blocks, D channels, F = L·D flattened, C classes.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ict.criteria import CRITERION
from ict.documents.identity import digest_of_text
from ict.documents.names import score_file
from ict.documents.score_record import ScoreRecord
from ict.documents.tensor_files import open_tensors
from ict.errors import InputError, quoted
from ict.scores import load_scores

_OF_THE_COPY = ("keep_images", "path")
RESAMPLED = ("class_l2", "l2", "variance")


@dataclass(frozen=True)
class Sums:
    """Σ_t a² and the token means of every image at one site, one array a stage."""

    name: str
    labels: np.ndarray
    per_image: list[np.ndarray]
    """(N, blocks of the stage, D) each, float32."""
    criterion: str = CRITERION
    token_mean: list[np.ndarray] | None = None
    tokens: list[int] | None = None
    """Tokens of an image that were scored, one number a stage."""
    normalise: bool = False

    @property
    def widths(self) -> list[int]:
        return [stage.shape[2] for stage in self.per_image]

    @property
    def blocks(self) -> list[int]:
        return [stage.shape[1] for stage in self.per_image]


@dataclass(frozen=True)
class Source:
    """A score file that holds per-image sums; nothing large is read until `read`."""

    path: Path
    name: str
    site: str
    record: ScoreRecord
    labels: np.ndarray
    probe: np.ndarray
    """(N, 8) sums of the first channels: equal in two files that were scored on the same images."""

    @property
    def key(self) -> str:
        """What names these sums in a cache: see `key_of`; of a file without an id, path, size, time."""
        if self.record.score_id:
            return key_of(self.record, self.site)
        stat = self.path.stat()
        return f"{self.path}:{self.site}:{stat.st_size}-{stat.st_mtime_ns}"

    def read(self) -> Sums:
        """All sums of the site, as float32."""
        scores = load_scores(self.path, kinds=("per_image", "token_mean"))
        means = None
        if f"{self.site}.0.token_mean" in scores.arrays:
            means = [_float32(a) for a in scores.site(self.site, "token_mean")]
        return Sums(
            name=self.name,
            labels=self.labels,
            per_image=[_float32(a) for a in scores.site(self.site, "per_image")],
            criterion=self.record.criterion or CRITERION,
            token_mean=means,
            tokens=tokens_per_image(self.record, len(scores.site(self.site, "per_image"))),
            normalise=self.record.normalise,
        )

    def scores(self) -> list[np.ndarray]:
        """The scores themselves, (blocks, D) a stage, as the file has them."""
        return load_scores(self.path, kinds=("",)).site(self.site)


def open_source(path: str | Path, *, site: str | None = None, name: str | None = None) -> Source:
    """Opens a score file that was written with `--keep-images`.

    Raises InputError if it is none, or if its criterion cannot be recomputed from such sums.
    """
    path = Path(path)
    path = score_file(path) if os.path.isdir(path) else path
    scores = load_scores(path, kinds=("",))
    site = site or scores.only_site()
    record = scores.record
    criterion = record.criterion or CRITERION
    if criterion not in RESAMPLED:
        raise InputError(
            f"{criterion} cannot be recomputed for a part of the images from per-image sums; "
            f"choose {', '.join(RESAMPLED)}"
        )
    if scores.labels is None:
        raise InputError(f"{path}: has no per-image sums; score again with --keep-images")
    try:
        with open_tensors(path) as file:
            probe = file.get_slice(f"{site}.0.per_image")[:, 0:1, 0:8][:, 0]
    except InputError:
        raise InputError(
            f"{path}: site {quoted(site)} has no per-image sums; score again with --keep-images"
        ) from None
    task = name or record.task or path.parent.name
    return Source(path, task, site, record, scores.labels, _float32(probe))


def lacking_sums(paths: Iterable[Path], site: str) -> Path | None:
    """The first score file without per-image sums of `site`; None if all have them."""
    for path in paths:
        try:
            open_source(path, site=site)
        except InputError:
            return path
    return None


def key_of(record: ScoreRecord, site: str) -> str:
    """The score id, the site and a digest of the file's meta, which tells when it was computed.

    A file computed anew has another key. A copy has the same, also one whose per-image sums were
    left behind: what was made of them can still be looked up.
    """
    said = {name: value for name, value in record.said.items() if name not in _OF_THE_COPY}
    text = json.dumps(said, sort_keys=True, default=str)
    return f"{record.score_id}:{site}:{digest_of_text(text)}"


def tokens_per_image(record: ScoreRecord, stages: int) -> list[int] | None:
    """How many tokens of an image were scored, one number a stage; None where not recorded.

    One number is that of the first stage; each later stage of a Swin merges 2 × 2 patches.
    """
    first = record.tokens_per_image
    if first is None or isinstance(first, tuple):
        return None if first is None else list(first)
    return [max(1, first // 4**stage) for stage in range(stages)]


def same_images(a: Source | Sums, b: Source | Sums) -> bool:
    """Whether both were scored on the same images in the same order (as sprites_loc and _ori)."""
    first, second = _probe(a), _probe(b)
    return first.shape == second.shape and bool(np.allclose(first, second, rtol=1e-3))


def _probe(source: Source | Sums) -> np.ndarray:
    return source.probe if isinstance(source, Source) else source.per_image[0][:, 0, :8]


def _float32(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, dtype=np.float32)
