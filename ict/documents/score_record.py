"""What a score file says of itself, as a record: its meta.json, or the meta in its own header."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class ScoreRecord:
    """What was scored, how, on which images. None, or nothing in it: the file does not say."""

    score_id: str = ""
    path: str = ""
    """Of the score file, where it was found in a store."""
    task: str | None = None
    criterion: str | None = None
    backbone: str | None = None
    weights: str | None = None
    """`none` are random weights."""
    data: str | None = None
    split: str | None = None
    tokens: str | None = None
    sites: tuple[str, ...] = ()
    images: int | None = None
    image_size: int | None = None
    pixel_normalisation: str | None = None
    classes: int | None = None
    class_names: tuple[str, ...] = ()
    images_per_class: tuple[int, ...] = ()
    tokens_per_image: int | tuple[int, ...] | None = None
    """Of the first stage, or one number a stage."""
    keep_images: bool = False
    normalise: bool = False
    """Of class_l2: whether each class counts the same."""
    said: Mapping[str, Any] = field(default_factory=dict)
    """All that the file says, which tells one computation from another."""

    @classmethod
    def of(cls, meta: Mapping[str, Any], *, score_id: str | None = None) -> Self:
        """The record of a meta that `ict.documents.score_files.META` allows; `score_id` wins over its own."""
        said = dict(meta) if score_id is None else {**meta, "score_id": score_id}
        plain = {name: said[name] for name in _PLAIN if said.get(name) is not None}
        tokens = said.get("tokens_per_image")
        return cls(
            **plain,
            sites=tuple(said.get("sites") or filter(None, (said.get("site"),))),
            class_names=tuple(said.get("class_names") or ()),
            images_per_class=tuple(said.get("images_per_class") or ()),
            tokens_per_image=tuple(tokens) if isinstance(tokens, list) else tokens,
            normalise=bool((said.get("options") or {}).get("normalise", False)),
            said=said,
        )

    def of_task(self, task: str) -> Self:
        """The same under another name of its task."""
        return replace(self, task=task, said={**self.said, "task": task})

    @property
    def is_random(self) -> bool:
        """Whether the backbone had no trained weights."""
        return self.weights == "none"

    @property
    def classes_with_images(self) -> int | None:
        if self.images_per_class:
            return sum(count > 0 for count in self.images_per_class)
        return self.classes


_PLAIN = (
    "score_id", "path", "task", "criterion", "backbone", "weights", "data", "split", "tokens",
    "images", "image_size", "pixel_normalisation", "classes", "keep_images",
)  # fmt: skip
