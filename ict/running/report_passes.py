"""The passes over a task's images that a report card needs: on all of them, on two halves, with channels replaced.

Built-in criteria are scored on all images through the store, so that they serve again; the halves are
scored apart, each as if there were no other image, heads included, and are not kept. As nothing of them
is kept, the seconds that they take are those of this process.
"""

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

import torch
from torch import nn

from ict.analysis.report_card import Effect
from ict.criteria import Progress, Request, get_criterion, own_tokens
from ict.criteria.from_file import FromFile
from ict.criteria.kind import Computed
from ict.data import ImageSet, batches, load_set
from ict.errors import InputError
from ict.scores import ChannelScores
from ict.scoring.causal import Plan, measure
from ict.scoring.inputs import Inputs
from ict.scoring.score_request import ScoreRequest
from ict.scoring.task_scores import frozen_backbone, score_task, usual_batch
from ict.store.store import Store
from ict.tasks import load_subset
from ict.tasks.digests import ImageDigests
from ict.tasks.limits import STRATIFIED, Subset

if TYPE_CHECKING:
    from ict.criteria import Batches

CHECKED_IMAGES = 64
"""Of val200, at most: each channel that is replaced is one pass over them."""
CHECK_SPLIT = "val200"
Bar = Callable[[str], Progress | None]
"""Gives the progress bar of a pass that it is told the name of."""
One = TypeVar("One")


@dataclass(frozen=True)
class Halved(Generic[One]):
    """What came of each half of the images, and the seconds for both."""

    first: One
    second: One
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Passes:
    """The images of one task on a device, with the backbone that reads them."""

    store: Store
    base: ScoreRequest
    """Which images, backbone and site; its criterion is exchanged."""
    inputs: Inputs
    device: str
    bar: Bar
    images: ImageSet
    halves: tuple[ImageSet, ImageSet]
    model: nn.Module
    digests: ImageDigests = field(default_factory=ImageDigests)

    @classmethod
    def of(
        cls, store: Store, base: ScoreRequest, inputs: Inputs, *, device: str, bar: Bar
    ) -> "Passes":
        """Reads the images and the backbone, and runs it once, so that no pass is timed with its start."""
        model = frozen_backbone(base, inputs, device=device)
        subset = load_subset(base.subset_of(inputs.task))
        images = load_set(subset, inputs.backbone.image_size).to(device)
        passes = cls(
            store=store,
            base=base,
            inputs=inputs,
            device=device,
            bar=bar,
            images=images,
            halves=halves(images),
            model=model,
        )
        with torch.inference_mode():
            for pixels, _ in passes._batches(images)():
                model(pixels)
                break
        return passes

    def stored(self, criterion: str) -> Path:
        """The score file of a built-in criterion on all images, computed unless the store has it."""
        return score_task(
            self.store,
            replace(self.base, criterion=criterion, tokens=own_tokens(criterion)),
            task=self.inputs.task,
            backbone=self.inputs.backbone,
            weights_file=self.inputs.weights_file,
            device=self.device,
            progress=self.bar(criterion),
            images=self.images,
            digests=self.digests,
        )

    def known(self, criterion: str, images: ImageSet, said: str) -> ChannelScores:
        """Scores of some of the images by a criterion that `ict` knows, not kept."""
        one = get_criterion(criterion)
        request = self._request(images, one.default_tokens, f"{criterion}, {said}")
        return self._scores(one.compute(self.model, self._batches(images), request), criterion)

    def of_file(self, own: FromFile, images: ImageSet, said: str) -> ChannelScores:
        """Scores of some of the images by a user's own criterion, on a model that nobody else reads."""
        request = self._request(images, own.criterion.default_tokens, f"{own.name}, {said}")
        computed = own.compute(
            copy.deepcopy(self.model), self._batches(images), request, self.inputs.backbone.stages
        )
        return self._scores(computed, own.name)

    def on_halves(self, score: Callable[[ImageSet, str], One]) -> Halved[One]:
        """What `score` gives for each half of the images. Raises InputError where a half is too small."""
        started = time.perf_counter()
        first, second = (
            score(half, f"half {number}") for number, half in enumerate(self.halves, start=1)
        )
        return Halved(first, second, time.perf_counter() - started)

    def effects(self, channels: int) -> tuple[list[Effect], int]:
        """What replacing so many channels of each block does, and on how many images that was seen.

        The head is a linear probe on all images of the card, which are none of those that are looked at.
        Raises InputError where the check has images of a class that the probe never saw.
        """
        subset = Subset(self.inputs.task, CHECK_SPLIT, CHECKED_IMAGES, STRATIFIED)
        checked = load_set(load_subset(subset), self.inputs.backbone.image_size).to(self.device)
        plan = Plan(
            site=self.base.sites[0], fractions=(), random_draws=0, scatter_channels=channels
        )
        document = measure(
            self.model,
            self._batches(self.images),
            self._batches(checked),
            plan=plan,
            classes=self.images.classes,
            scores={},
            progress=self.bar("replacing channels"),
        )
        effects = [
            Effect(row["block"], row["channel"], row["effect_size"]) for row in document["scatter"]
        ]
        return effects, len(checked)

    def _batches(self, images: ImageSet) -> "Batches":
        backbone = self.inputs.backbone
        mean, std = backbone.pixels(self.base.pixel_normalisation)
        size = usual_batch(backbone.image_size)
        return lambda: batches(images, size, mean=mean, std=std, dtype=torch.float32)

    def _request(self, images: ImageSet, tokens: str, said: str) -> Request:
        return Request(
            sites=self.base.sites,
            classes=images.classes,
            images=len(images),
            tokens=tokens,
            progress=self.bar(said),
        )

    def _scores(self, computed: Computed, criterion: str) -> ChannelScores:
        meta = {"criterion": criterion, "backbone": self.base.backbone, "task": self.base.task}
        return ChannelScores(computed.arrays, meta, gradients=computed.gradients)


def halves(images: ImageSet) -> tuple[ImageSet, ImageSet]:
    """Two halves, dealt by turns class after class, so that neither they nor their classes differ by more than 1.

    Raises InputError for a single image.
    """
    if len(images) == 1:
        raise InputError("one image has no two halves; give a larger --limit")
    dealt = images.labels.argsort(stable=True)
    first, second = (dealt[start::2].sort().values for start in (0, 1))
    return _taken(images, first), _taken(images, second)


def _taken(images: ImageSet, chosen: torch.Tensor) -> ImageSet:
    return ImageSet(images.images[chosen], images.labels[chosen], images.classes)
