"""First steps of the sets that score files of a store choose: kept there, or computed from gradients."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ict.adapter_gradients import AdapterGradients
from ict.analysis.cache import cached, kept
from ict.analysis.families import criterion_name
from ict.analysis.first_step import RANDOM, FirstStep, first_steps
from ict.analysis.sources import key_of
from ict.criteria import CRITERION, SELECTORS
from ict.documents.json_form import JsonForm
from ict.documents.score_record import ScoreRecord
from ict.errors import InputError
from ict.scores import ChannelScores, load_scores
from ict.selection import Selection, select
from ict.store.names import gradient_file
from ict.store.store import Store

_NAME = "first-step"
_OF_ENERGY = "energy_read_gradient_write"


@dataclass(frozen=True, kw_only=True)
class FirstStepSettings(JsonForm):
    """All that a table of first steps depends on: what it is kept under."""

    gradients: str
    sets: Mapping[str, str]
    """Score files by the name of their set."""
    site: str
    k: Sequence[int] | None
    ratio: float | None
    norm: str


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Gradients of adapters, rankings of the same images beside them, and how many channels."""

    gradients: ScoreRecord
    others: Sequence[ScoreRecord]
    site: str
    ratio: float | None = None
    k: tuple[int, ...] | None = None

    @property
    def named(self) -> dict[str, ScoreRecord]:
        """The rankings by the names of their sets: of criterion `gradient`, which is no selector, `top gradient`."""
        names = [criterion_name(one, self.others) for one in self.others]
        told_apart = [f"top {name}" if name in SELECTORS else name for name in names]
        return dict(zip(told_apart, self.others, strict=True))

    def settings(self, norm: str) -> FirstStepSettings:
        return FirstStepSettings(
            gradients=key_of(self.gradients, self.site),
            sets={name: key_of(one, self.site) for name, one in self.named.items()},
            site=self.site,
            k=self.k,
            ratio=self.ratio,
            norm=norm,
        )


def kept_first_steps(asked: Asked, norm: str, store: Store) -> list[FirstStep] | None:
    """What `first_steps_of_files` gave; None if it never did."""
    return kept(store, _NAME, asked.settings(norm), FirstStep)


def first_steps_of_files(asked: Asked, norm: str, *, store: Store | None = None) -> list[FirstStep]:
    """A row for the top K of each ranking, for each choice by the gradient, and for random channels.

    A ranking that leaves no choice has no row; `energy_read_gradient_write` has one where class_l2 is
    among the rankings. Takes seconds for 12 blocks of 192 channels, a minute or two of 768; kept in
    `store`. Raises InputError for gradients that cannot be read, or leave no choice.
    """
    return cached(store, _NAME, asked.settings(norm), lambda: _computed(asked, norm), FirstStep)


def _computed(asked: Asked, norm: str) -> list[FirstStep]:
    gradients = AdapterGradients.load(gradient_file(Path(asked.gradients.path).parent))
    scores = {name: load_scores(one.path, kinds=("",)) for name, one in asked.named.items()}
    sets = {
        name: chosen for name, one in scores.items() if (chosen := _chosen(one, asked)) is not None
    }
    by_energy = [name for name in sets if asked.named[name].criterion == CRITERION]
    by_energy.sort(key=lambda name: asked.named[name].tokens not in (None, "patch"))
    energy = scores[by_energy[0]] if by_energy else None
    return first_steps(
        gradients, sets, ["gradient", "gradient_rw", *([_OF_ENERGY] if energy else []), RANDOM],
        site=asked.site, k=asked.k, ratio=asked.ratio, energy=energy, norm=norm,
    )  # fmt: skip


def _chosen(scores: ChannelScores, asked: Asked) -> Selection | None:
    """The top K of a ranking; None where it leaves no choice."""
    try:
        return select(scores, site=asked.site, k=asked.k, ratio=asked.ratio)
    except InputError:
        return None
