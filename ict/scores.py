"""Scores of every channel of every block, as arrays and as files. No torch here."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ict.documents.number_words import number_words
from ict.errors import InputError, quoted

if TYPE_CHECKING:
    import pandas as pd

    from ict.adapter_gradients import AdapterGradients
    from ict.documents.score_record import ScoreRecord


def ranked(scores: np.ndarray, selector: str = "top") -> np.ndarray:
    """Indices from the highest score (`lowest`: from the lowest) along the last axis; ties by index."""
    return np.argsort(scores if selector == "lowest" else -scores, axis=-1, kind="stable")


def places(scores: np.ndarray) -> np.ndarray:
    """The place of each channel in `ranked`, 0 for the highest score, in the shape of `scores`."""
    order = ranked(scores)
    result = np.empty_like(order)
    np.put_along_axis(result, order, np.broadcast_to(np.arange(order.shape[-1]), order.shape), -1)
    return result


@dataclass(frozen=True, repr=False)
class ChannelScores:
    """One criterion on one task at one or more sites.

    `arrays` holds float32, one entry a site and stage (a ViT has stage 0 only):
    `attn.0` (blocks, D) the scores; `attn.0.per_class` (blocks, C, D) where the criterion has it,
    NaN for a class without images; with images kept `attn.0.per_image` (N, blocks, D) the sums
    over tokens of a², and `attn.0.token_mean` (N, blocks, D). `labels` (N,) belong to the latter.
    `meta` says what was scored: task, split, backbone, weights, criterion, tokens, images, …

    Criterion adapter_gradient has `attn.0.write` and `attn.0.read` (blocks, D), and `gradients`, what these
    are norms of, where they were just computed: a file of scores holds none (`gradients.save(FILE)`).
    """

    arrays: Mapping[str, np.ndarray]
    meta: Mapping[str, Any] = field(default_factory=dict)
    labels: np.ndarray | None = None
    gradients: "AdapterGradients | None" = field(default=None, compare=False)
    """Of criterion adapter_gradient, as it was computed; they have a file of their own (`gradients.save`)."""

    def __repr__(self) -> str:
        parts = [
            f"{site} {' + '.join(f'{len(a)} × {a.shape[1]}' for a in self.site(site))}"
            for site in self.sites
        ]
        what = f"{self.meta.get('criterion', 'scores')} of {self.meta.get('task') or 'a model'}"
        return f"ChannelScores({what}: {', '.join(parts)})"

    def _repr_html_(self) -> str:
        from ict.documents.cards import card

        rows = [
            (
                site,
                stage,
                *array.shape,
                number_words(np.nanmedian(array), ".4g"),
                number_words(np.nanmax(array), ".4g"),
            )
            for site in self.sites
            for stage, array in enumerate(self.site(site))
        ]
        what = f"{self.meta.get('criterion', 'scores')} of {self.meta.get('task') or 'a model'}"
        header = ("site", "stage", "blocks", "channels", "median score", "highest")
        return card(f"ChannelScores: {what}", header, rows)

    def plot(self, selection: Any = None, *, site: str | None = None, view: str = "raw") -> Any:
        """A Plotly map of the scores, blocks × channels, with the channels of `selection` marked.

        `view` is raw, z, rank or log. Raises InputError for another one, for a site that was not scored,
        and for a selection of another site or other blocks.
        """
        from ict.public.face import late

        return late("ict.notebook.pictures", "plot_scores")(self, selection, site=site, view=view)

    @property
    def record(self) -> "ScoreRecord":
        """What `meta` says, typed."""
        from ict.documents.score_record import ScoreRecord

        return ScoreRecord.of(self.meta)

    @property
    def sites(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name.split(".")[0] for name in self.arrays))

    def only_site(self) -> str:
        if len(self.sites) != 1:
            raise InputError(f"scores of {', '.join(self.sites) or 'no site'}: name one with site=")
        return self.sites[0]

    def site(self, site: str, kind: str = "") -> list[np.ndarray]:
        """The arrays of one site, one a stage; `kind` is "", "per_class", "per_image", "token_mean",
        "write", "read".

        Raises InputError if the site, or that kind, was not scored.
        """
        suffix = f".{kind}" if kind else ""
        stages: list[np.ndarray] = []
        while (name := f"{site}.{len(stages)}{suffix}") in self.arrays:
            stages.append(self.arrays[name])
        if not stages:
            what = f"{kind} of site {quoted(site)}" if kind else f"site {quoted(site)}"
            raise InputError(
                f"{what} was not scored; this file has {', '.join(sorted(self.arrays))}"
            )
        return stages

    def stacked(self, site: str, kind: str = "") -> np.ndarray:
        """All blocks as rows (L, D) when all stages have one width; InputError otherwise."""
        stages = self.site(site, kind)
        axis = 1 if kind in ("per_image", "token_mean") else 0
        if len({stage.shape[-1] for stage in stages}) > 1:
            raise InputError(
                f"site {quoted(site)}: stages differ in width, so blocks cannot be stacked"
            )
        return np.concatenate(stages, axis=axis)

    def frame(self, kind: str = "") -> "pd.DataFrame":
        """One row a channel: site, stage, block (counted over all stages), channel, score.

        `kind` "per_class" gives a row a class and channel, with its `class`. Raises InputError for
        a kind that was not scored, or that has more axes.
        """
        from ict.documents.score_tables import table

        return table({site: self.site(site, kind) for site in self.sites}, kind)

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Writes a score file (safetensors, `meta` in its header), which `ict overlap` reads too.

        Raises InputError if the file is there, unless `overwrite` is set; StoreError from the disk.
        """
        from ict.files import write_new

        return write_new(path, to_bytes(self), overwrite=overwrite)

    @staticmethod
    def load(path: str | Path) -> "ChannelScores":
        """The scores in a file of `save` or of the store; raises InputError if it is none."""
        return load_scores(path)


def to_bytes(scores: ChannelScores) -> bytes:
    """The safetensors file of `scores`, with `meta` as JSON in its header."""
    import json

    from safetensors.numpy import save

    tensors = {name: np.ascontiguousarray(array) for name, array in scores.arrays.items()}
    if scores.labels is not None:
        tensors["labels"] = np.ascontiguousarray(scores.labels, dtype=np.int64)
    return save(tensors, metadata={"meta": json.dumps(dict(scores.meta), sort_keys=True)})


def load_scores(path: str | Path, *, kinds: tuple[str, ...] | None = None) -> ChannelScores:
    """Reads a score file; `kinds` limits what is read ("" is the scores themselves).

    Raises InputError if the file is missing or is not a score file.
    """
    from ict.documents.names import score_file
    from ict.documents.score_files import check
    from ict.documents.shapes import shown
    from ict.documents.tensor_files import open_tensors

    path = Path(path)
    if os.path.isdir(path):
        path = score_file(path)
    if not os.path.lexists(path):
        raise InputError(
            f"{shown(path)}: no such score file; run `ict score` or see `ict score --help`"
        )
    try:
        with open_tensors(path) as file:
            meta = check(file)
            names = list(file.keys())
            labels = file.get_tensor("labels") if "labels" in names else None
            chosen_names = [
                n for n in names if n != "labels" and (kinds is None or _kind(n) in kinds)
            ]
            arrays = {name: file.get_tensor(name) for name in chosen_names}
    except ValueError as error:
        raise InputError(f"{shown(path)}: not a readable score file ({error})") from error
    return ChannelScores(arrays, meta, labels)


def _kind(name: str) -> str:
    return name.split(".", 2)[2] if name.count(".") >= 2 else ""
