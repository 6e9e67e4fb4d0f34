"""A report card of criteria and selectors on one task: scored, chosen, held out, replaced, timed."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from ict.adapter_gradients import AdapterGradients
from ict.analysis.first_step import DRAWS
from ict.analysis.report_card import (
    CRITERION_KIND,
    FILE_KIND,
    SELECTOR_KIND,
    Candidate,
    CardRow,
    Effect,
    ReportCard,
    card_rows,
)
from ict.criteria import ADAPTER_GRADIENT, CRITERION, SELECTORS, Choice, spelled
from ict.criteria.from_file import FromFile
from ict.data import ImageSet
from ict.errors import InputError, lacking
from ict.running.report_asked import REFERENCES, Asked
from ict.running.report_passes import CHECK_SPLIT, Bar, Halved, Passes
from ict.scores import ChannelScores, load_scores
from ict.scoring.inputs import Inputs
from ict.scoring.score_request import request_for
from ict.selection import Selection, select, select_random
from ict.selection.by_gradient import select_by_gradient
from ict.store.names import gradient_file
from ict.store.store import Store
from ict.tasks.limits import TRAIN800

_BY_GRADIENT: Final = tuple(one for one in SELECTORS if Choice(one, None).reads_gradient)


def report_card(
    store: Store, asked: Asked, *, device: str = "cpu", bar: Bar = lambda _: None
) -> ReportCard:
    """The card. Raises InputError for a file whose code fails, and for what no candidate can be scored on.

    A built-in criterion that was not named and does not do for the site is left out, with a note.
    """
    base, weights_file = request_for(
        task=asked.task,
        backbone=asked.backbone,
        criterion=CRITERION,
        sites=(asked.site,),
        tokens=None,
        split=TRAIN800,
        pixel_normalisation=asked.pixel_normalisation,
        limit=asked.own_limit(),
        image_size=asked.image_size,
        weights=asked.weights,
    )
    inputs = Inputs.of(
        base, task=asked.task, backbone=asked.backbone, weights_file=weights_file, root=None
    )
    candidates = len(asked.names) + len(asked.files) + 1  # each on all images and on two halves
    numbered = _numbered(bar, 3 * candidates + bool(asked.scatter))
    passes = Passes.of(store, base, inputs, device=device, bar=numbered)
    making = _Making(passes, asked.site, asked.ks())
    of_files = [making.by_file(own) for own in asked.files]  # first: what fails there fails soon
    criteria = making.by_criteria(asked)
    selectors = making.by_selectors()
    effects, checked = making.effects(asked.scatter)
    rows = card_rows(
        making.gradients,
        [*criteria, *of_files, *selectors],
        site=asked.site,
        k=making.ks,
        l2=making.l2,
        energy=making.energy,
        effects=effects,
    )
    making.say_what_is_missing(rows)
    return ReportCard(
        task=base.task,
        backbone=base.backbone,
        weights=base.weights,
        site=asked.site,
        k=making.ks,
        channels=asked.backbone.widths,
        blocks=asked.backbone.blocks,
        split=base.split,
        images=len(passes.images),
        images_of_halves=(len(passes.halves[0]), len(passes.halves[1])),
        check_split=CHECK_SPLIT,
        check_images=checked,
        check_channels=asked.scatter if effects else 0,
        device=device,
        rows=tuple(rows),
        notes=tuple(making.notes),
    )


def _numbered(bar: Bar, passes: int) -> Bar:
    """The bars of so many passes, each with its number, so that they say how far the card is."""
    numbers = count(1)
    return lambda said: bar(f"{next(numbers)} of {passes}, {said}")


@dataclass
class _Making:
    """A card while it is made: what was scored so far, and what has to be said."""

    passes: Passes
    site: str
    ks: tuple[int, ...]
    notes: list[str] = field(default_factory=list)
    l2: Selection = field(init=False)
    energy: ChannelScores = field(init=False)
    energy_of_halves: Halved[ChannelScores] | None = field(init=False, default=None)
    gradients: AdapterGradients = field(init=False)

    def by_file(self, own: FromFile) -> Candidate:
        """A user's own criterion."""
        score = self.passes.of_file
        scores = score(own, self.passes.images, "all images")
        halved = self._halved(own.name, lambda half, said: score(own, half, said))
        return self._by_scores(own.name, FILE_KIND, scores, halved)

    def by_criteria(self, asked: Asked) -> list[Candidate]:
        """The built-in ones, references first."""
        found = []
        for name in asked.names:
            try:
                found.append(self._by_criterion(name))
            except (InputError, ModuleNotFoundError) as error:
                if asked.criteria is not None or name in REFERENCES:
                    raise
                why = lacking(error) if isinstance(error, ModuleNotFoundError) else error
                self.notes.append(f"{name} is left out: {why}")
        return found

    def _by_criterion(self, name: str) -> Candidate:
        scores = load_scores(self.passes.stored(name), kinds=("",))
        halved = self._halved(name, lambda half, said: self.passes.known(name, half, said))
        one = self._by_scores(name, CRITERION_KIND, scores, halved)
        if name == CRITERION:
            self.energy, self.energy_of_halves = scores, halved
        if name == "l2":
            self.l2 = one.choices[0]
        return one

    def _by_scores(
        self, name: str, kind: str, scores: ChannelScores, halved: Halved[ChannelScores] | None
    ) -> Candidate:
        chosen, halves, seconds = self._top(scores), None, None
        if halved is not None:
            started = time.perf_counter()
            halves = self._top(halved.first), self._top(halved.second)
            seconds = halved.seconds + time.perf_counter() - started
        return Candidate(
            name=name,
            kind=kind,
            choices=(chosen,),
            halves=halves,
            scores=scores.site(self.site),
            seconds=seconds,
        )

    def _top(self, scores: ChannelScores) -> Selection:
        return select(scores, site=self.site, k=self.ks)

    def _halved(
        self, name: str, score: Callable[[ImageSet, str], ChannelScores]
    ) -> Halved[ChannelScores] | None:
        """Scores of the two halves; None, with a note, where a half cannot be scored by itself."""
        try:
            return self.passes.on_halves(score)
        except InputError as error:
            self.notes.append(
                f"{name} has no stability and no seconds, as half of the images cannot be scored: {error}"
            )
            return None

    def by_selectors(self) -> list[Candidate]:
        """Those that read the gradients of dense adapters, then random channels."""
        path = self.passes.stored(ADAPTER_GRADIENT)
        self.gradients = AdapterGradients.load(gradient_file(path.parent))
        halved = self._halved(
            ADAPTER_GRADIENT,
            lambda half, said: self.passes.known(ADAPTER_GRADIENT, half, said),
        )
        return [*(self._by_selector(one, halved) for one in _BY_GRADIENT), self._random()]

    def _by_selector(self, selector: str, halved: Halved[ChannelScores] | None) -> Candidate:
        by_energy = not Choice(selector, None).by_gradient_alone
        halves, seconds = self._chosen_on_halves(selector, halved, by_energy=by_energy)
        return Candidate(
            name=spelled(selector, CRITERION if by_energy else None),
            kind=SELECTOR_KIND,
            choices=(self._chosen(selector, self.gradients, self.energy if by_energy else None),),
            selector=selector,
            halves=halves,
            seconds=seconds,
        )

    def _chosen_on_halves(
        self, selector: str, halved: Halved[ChannelScores] | None, *, by_energy: bool
    ) -> tuple[tuple[Selection, Selection] | None, float | None]:
        """The choice on each half, and the seconds of scoring and choosing; None where a half has no scores."""
        energies = self.energy_of_halves if by_energy else None
        if halved is None or (by_energy and energies is None):
            return None, None
        first, second = (None, None) if energies is None else (energies.first, energies.second)
        started = time.perf_counter()
        chosen = (
            self._chosen(selector, halved.first, first),
            self._chosen(selector, halved.second, second),
        )
        scoring = halved.seconds + (0 if energies is None else energies.seconds)
        return chosen, scoring + time.perf_counter() - started

    def _chosen(
        self,
        selector: str,
        gradients: AdapterGradients | ChannelScores,
        energy: ChannelScores | None,
    ) -> Selection:
        held = gradients.gradients if isinstance(gradients, ChannelScores) else gradients
        assert held is not None  # criterion adapter_gradient always gives them
        return select_by_gradient(held, selector=selector, site=self.site, k=self.ks, energy=energy)

    def _random(self) -> Candidate:
        """The draws whose first steps are averaged; they read no images, so halves say nothing."""
        draws = tuple(
            select_random(
                self.gradients.stages(self.site),
                site=self.site,
                ks=self.ks,
                blocks=None,
                seed=seed,
                task=self.gradients.meta.get("task"),
            )
            for seed in range(DRAWS)
        )
        return Candidate(name="random", kind=SELECTOR_KIND, choices=draws, selector="random")

    def effects(self, channels: int) -> tuple[list[Effect], int]:
        """What replacing channels does; nothing, with a note, where that cannot be seen."""
        if not channels:
            return [], 0
        try:
            return self.passes.effects(channels)
        except InputError as error:
            self.notes.append(f"fidelity is left out: {error}")
            return [], 0

    def say_what_is_missing(self, rows: Sequence[CardRow]) -> None:
        """A note where the best sets gain nothing, so that nothing can be held against them."""
        if any(row.regret_unit is None or row.regret_sign is None for row in rows):
            self.notes.append(
                f"some regret is left out: with {len(self.passes.images)} images even the best sets gain nothing on "
                "those that are held out; give a larger --limit"
            )
