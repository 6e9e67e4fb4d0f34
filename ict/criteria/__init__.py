"""Criteria for the importance of a channel, each with its formula and source in its own module.

A criterion is a function `compute(model, batches, request) -> Computed`. It gives one score array
(blocks, D) for every site and stage asked for, larger meaning more important.
"""

import functools
from typing import TYPE_CHECKING, Any, Final

from ict.criteria.kind import Computed, Criterion, Progress, Request
from ict.criteria.words import (
    ADAPTER_GRADIENT,
    BUDGETS,
    CRITERION,
    NORMS,
    SELECTORS,
    TOKENS,
    UNIFORM,
    Choice,
    choice,
    is_control,
    is_ranking,
    named,
    spelled,
)
from ict.documents.entry_points import offered
from ict.errors import InputError, NotHereError, did_you_mean, quoted

if TYPE_CHECKING:
    from ict.criteria.kind import Batches

__all__ = [
    "ADAPTER_GRADIENT",
    "BUDGETS",
    "CRITERIA",
    "CRITERION",
    "NORMS",
    "REGISTRY",
    "SELECTORS",
    "TOKENS",
    "UNIFORM",
    "Batches",
    "Choice",
    "Computed",
    "Criterion",
    "Progress",
    "Request",
    "check_criterion",
    "check_scored",
    "choice",
    "criteria",
    "get_criterion",
    "is_control",
    "is_ranking",
    "named",
    "of_runs",
    "outside",
    "own_tokens",
    "spelled",
]

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
        Criterion(
            name=ADAPTER_GRADIENT,
            module="ict.scoring.adapter_gradient",
            formula="row and column norms of G = Σ g xᵀ, the gradient of a dense adapter at zero",
            source="this package; the gradient of SCT's layer over all channels",
            default_tokens="all",
            options=("head", *_MEMORY),
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
    raise NotHereError(
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


def of_runs() -> tuple[str, ...]:
    """What a run's `criterion` may be, for lists to choose from: each criterion's top K, then selectors."""
    rankings = [name for name in (*REGISTRY, *outside()) if name != ADAPTER_GRADIENT]
    by_gradient = [spelled(one, None) for one in SELECTORS if Choice(one, None).reads_gradient]
    return (*rankings, "random", "lowest", *by_gradient)


def check_criterion(criterion: str) -> None:
    """Raises InputError for a `criterion` of a run that does not exist.

    It is the name of a criterion, `random`, `lowest`, or `lowest:NAME`, `gradient:adapter_gradient`, … for
    a selector and the criterion that it reads.
    """
    selector, name = choice(criterion)
    if criterion in CRITERIA:
        return
    if name is not None and criterion in (name, f"{selector}:{name}"):
        if name in REGISTRY:
            return
        if name in outside():
            get_criterion(name)
            return
    names = criteria()
    raise NotHereError(
        f"no criterion {quoted(criterion)}; there are {', '.join(names)}{did_you_mean(name or criterion, names)}"
    )


def check_scored(criterion: str) -> None:
    """Raises InputError for a `criterion` of scores that does not exist, or chooses channels by gradients."""
    check_criterion(criterion)
    chosen = choice(criterion)
    if chosen.selector != "top" and not is_ranking(criterion):
        read = dict.fromkeys(n for n in (chosen.criterion, ADAPTER_GRADIENT) if n is not None)
        raise InputError(
            f"{criterion} is a way to choose channels, and scores are of a criterion: score {' and '.join(read)}"
        )


def own_tokens(criterion: str) -> str:
    """The tokens that a criterion of a run (`lowest:NAME` and `random` too) reads unless told."""
    name = choice(criterion).criterion
    return "patch" if name is None else get_criterion(name).default_tokens
