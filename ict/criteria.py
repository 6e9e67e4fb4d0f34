"""Criteria for the importance of a channel, each with its formula and source in its own module.

A criterion is a function `compute(model, batches, request) -> Computed`. It gives one score array
(blocks, D) for every site and stage asked for, larger meaning more important.
"""

import functools
import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ict.documents.entry_points import offered
from ict.errors import InputError, did_you_mean, quoted

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    Batches = Callable[[], Iterable[tuple[Tensor, Tensor]]]
    """Called once a pass: normalised images (B, 3, S, S) and labels (B,), on the model's device."""

__path__: list[str] = []  # its modules are in ict.scoring now; old names are found through here
Progress = Callable[[int, int], None]
CRITERION: Final = "class_l2"
"""The paper's, and the default."""
TOKENS: Final = ("patch", "cls", "all", "head")
"""Which of a model's tokens are read; `head`: those that its head pools."""
SELECTORS: Final = ("top", "lowest", "random")
"""How channels are taken from a ranking; lowest is a dose control, random reads no scores."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a criterion is asked for. C classes, N images; `tokens` is one of `TOKENS`."""

    sites: tuple[str, ...]
    classes: int
    images: int
    tokens: str = "patch"
    keep_images: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    progress: Progress | None = None


@dataclass(frozen=True)
class Computed:
    """Arrays as `ict.scores.ChannelScores` names them, and what belongs into the file's meta."""

    arrays: "dict[str, np.ndarray]"
    meta: dict[str, Any] = field(default_factory=dict)
    labels: "np.ndarray | None" = None


@dataclass(frozen=True)
class Criterion:
    """Name, module and documentation of one criterion."""

    name: str
    module: str
    """That of its function `compute`, imported when it is called."""
    formula: str
    source: str
    default_tokens: str = "patch"
    per_image_sums: bool = False
    """Whether `keep_images` stores the sums from which every resample is plain NumPy."""
    options: tuple[str, ...] = ()
    """What `request.options` may hold; the module says what each does."""

    def compute(self, model: "nn.Module", batches: "Batches", request: Request) -> Computed:
        """Scores the sites asked for. Raises InputError for an unknown option, site or tokens."""
        for option, given in request.options.items():
            if option in _FLAGS and given not in (True, False):
                raise InputError(f"{option}={quoted(given)}: give true or false")
            if option not in self.options:
                allowed = (
                    f"there are {', '.join(self.options)}" if self.options else "it takes none"
                )
                raise InputError(
                    f"{self.name} has no option {quoted(option)}; {allowed}{did_you_mean(option, self.options)}"
                )
        import numpy as np  # a list of criteria needs none

        module = importlib.import_module(self.module)
        computed: Computed = module.compute(self.name, model, batches, request)
        for name, array in computed.arrays.items():
            if name.count(".") == 1 and not np.isfinite(array).all():
                raise InputError(
                    f"{self.name} scores at {name.split('.')[0]} are not finite: an image, or the model's "
                    "weights, hold NaN or infinity"
                )
        return computed


_FLAGS = ("normed", "normalise", "signed")
_SCT = "SCT (arXiv 2309.08513) and its released code"
_NORM: dict[str, Any] = {
    "module": "ict.scoring.norms",
    "per_image_sums": True,
    "options": ("normed",),
}
_MEMORY = ("memory_limit_bytes", "internal_batch")
_GRADIENT: dict[str, Any] = {
    "module": "ict.scoring.gradients",
    "default_tokens": "all",
    "options": ("head", *_MEMORY),
}
_CAPTUM = ("head", "signed", *_MEMORY)
_PATH = (*_CAPTUM, "steps", "baseline_image")
_MEAN = "mean_n |Σ_t {}|, F the log-probability of the true class"

REGISTRY: dict[str, Criterion] = {
    c.name: c
    for c in (
        Criterion(
            name=CRITERION,
            module="ict.scoring.norms",
            formula="mean_k sqrt(Σ_{n∈k,t} a²)",
            source=_SCT,
            per_image_sums=True,
            options=("normed", "normalise"),
        ),
        Criterion(name="l2", formula="sqrt(Σ_{n,t} a²)", source="control", **_NORM),
        Criterion(
            name="variance",
            formula="Var_{n,t}(a)",
            source="Molchanov et al. 2017, arXiv 1611.06440",
            **_NORM,
        ),
        Criterion(
            name="taylor",
            formula="mean_n |mean_t a·g|",
            source="Molchanov et al. 2017, arXiv 1611.06440",
            **_GRADIENT,
        ),
        Criterion(
            name="fisher",
            formula="1/(2N) Σ_n (Σ_t a·g)²",
            source="Theis et al. 2018, arXiv 1801.05787",
            **_GRADIENT,
        ),
        Criterion(
            name="gradient",
            formula="Σ_n (Σ_t g)², the per-image empirical Fisher of a shift of the channel",
            source="FISH Mask, arXiv 2111.09839; empirical Fisher: arXiv 1905.12558",
            **_GRADIENT,
        ),
        Criterion(
            name="anova_f",
            module="ict.scoring.statistics",
            formula="½ [F(mean_t a) + mean_t F(a_t)], F over the classes",
            source="scikit-learn f_classif",
            options=("statistic", "memory_limit_bytes"),
        ),
        Criterion(
            name="weight_norm",
            module="ict.scoring.weight_norm",
            formula="Σ_j |W_jc| · ‖h_c‖₂, W the linear layer that reads the site, h its input",
            source="after Wanda, arXiv 2306.11695",
        ),
        Criterion(
            name="grad_x_activation",
            module="ict.scoring.attribution",
            formula=_MEAN.format("a · ∂F/∂a"),
            source="captum LayerGradientXActivation",
            default_tokens="all",
            options=_CAPTUM,
        ),
        Criterion(
            name="integrated_gradients",
            module="ict.scoring.attribution",
            formula=_MEAN.format("(a − a₀) · ∫ ∂F/∂a"),
            source="captum LayerIntegratedGradients, arXiv 1703.01365",
            default_tokens="all",
            options=_PATH,
        ),
        Criterion(
            name="conductance",
            module="ict.scoring.attribution",
            formula=_MEAN.format("∫ ∂F/∂a · da along the images from the baseline"),
            source="captum LayerConductance, arXiv 1805.12233",
            default_tokens="all",
            options=_PATH,
        ),
        Criterion(
            name="ablation",
            module="ict.scoring.attribution",
            formula="mean_n |F(x) − F(x with channel c at its mean)|",
            source="captum LayerFeatureAblation",
            default_tokens="all",
            options=(*_CAPTUM, "ablation_baseline"),
        ),
    )
}


def get_criterion(name: str) -> Criterion:
    """The named criterion. Raises InputError, with the nearest name, for one that is not there."""
    criterion = REGISTRY.get(name) or outside().get(name)
    if isinstance(criterion, Criterion):
        return criterion
    if criterion is not None:
        raise InputError(criterion)
    names = (*REGISTRY, *outside())
    raise InputError(
        f"no criterion {quoted(name)}; there are {', '.join(names)}{did_you_mean(name, names)}"
    )


@functools.cache
def outside() -> dict[str, Criterion | str]:
    """Criteria of other installed packages, by their entry points `ict.criteria` (docs/extending.md).

    One that cannot be used has the sentence that says why in its place.
    """
    return offered("ict.criteria", "criterion", Criterion, taken=_TAKEN)


CRITERIA: Final = (*REGISTRY, "random", "lowest")
"""What a run's `criterion` may be; `lowest:NAME` too, for every NAME, and what is `outside`."""
_TAKEN = frozenset(CRITERIA)


def criteria() -> tuple[str, ...]:
    """All names, those from outside too: for lists to choose from."""
    return (*REGISTRY, *outside(), "random", "lowest")


class Choice(NamedTuple):
    """How channels are chosen: top, lowest or random, and by which criterion's scores."""

    selector: str
    criterion: str | None
    """None where none is read: random channels, and methods that choose none."""


def choice(criterion: str | None) -> Choice:
    """What the `criterion` of a run or of scores says; the one reader of `lowest:NAME`."""
    kind, _, base = str(criterion).partition(":")
    if kind == "lowest":
        return Choice("lowest", base or CRITERION)
    return Choice("random", None) if kind == "random" else Choice("top", criterion)


def spelled(selector: str, criterion: str | None) -> str:
    """The `criterion` of a run that says both: `random`, `lowest` (of the default), `lowest:NAME`, `NAME`.

    Raises InputError for another selector, or where `criterion` names a selector of its own.
    """
    if selector not in SELECTORS:
        hint = did_you_mean(selector, SELECTORS)
        raise InputError(f"selector={quoted(selector)}: choose one of {', '.join(SELECTORS)}{hint}")
    own = choice(criterion or CRITERION)
    if own.selector not in ("top", selector):
        raise InputError(f"selector={selector} and criterion={criterion} are two choices: give one")
    if selector == "lowest":
        return "lowest" if own.criterion == CRITERION else f"lowest:{own.criterion}"
    return "random" if selector == "random" else str(own.criterion)


def is_control(criterion: str | None) -> bool:
    """Whether channels are chosen as a control: the lowest of a criterion, or at random."""
    return choice(criterion).selector != "top"


def check_criterion(criterion: str) -> None:
    """Raises InputError for a criterion that does not exist; `lowest:NAME` is one for every NAME."""
    name = choice(criterion).criterion
    if criterion in CRITERIA or (criterion == f"lowest:{name}" and name in REGISTRY):
        return
    if criterion in (name, f"lowest:{name}") and name in outside():
        get_criterion(name)
        return
    names = criteria()
    raise InputError(
        f"no criterion {quoted(criterion)}; there are {', '.join(names)}{did_you_mean(name or criterion, names)}"
    )


def own_tokens(criterion: str) -> str:
    """The tokens that a criterion of a run (`lowest:NAME` and `random` too) reads unless told."""
    name = choice(criterion).criterion
    return "patch" if name is None else get_criterion(name).default_tokens
