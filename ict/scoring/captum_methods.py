"""captum's layer methods as four small classes with one face: `images` at once, `attribute(task)`.

`attribute` gives for each site the attributions (B, T, D), or (B, H, W, D), and the convergence
deltas (B,) or None. All run at taps that carry the whole stream.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import captum.attr
import torch
from captum._utils.common import _expand_additional_forward_args, _expand_target
from captum._utils.gradient import compute_layer_gradients_and_eval
from captum.attr._utils.approximation_methods import approximation_parameters
from torch import Tensor

from ict.model.sites import Site

Forward = Callable[[Tensor, Tensor], Tensor]
"""Images (B, 3, S, S) and folds (B,) to log-probabilities (B, C)."""


@dataclass(frozen=True)
class Task:
    """One piece of a batch to attribute: images (B, 3, S, S), labels (B,), folds (B,)."""

    images: Tensor
    labels: Tensor
    folds: Tensor


@dataclass(frozen=True)
class Replacement:
    """What ablation puts at a site, (1, T, D) or (1, H, W, D), and the group of each value.

    Group c < D is channel c on the scored tokens; group D holds the tokens that are not scored.
    """

    values: Tensor
    groups: Tensor


class GradientXActivation:
    """captum.attr.LayerGradientXActivation of all taps in one backward pass."""

    def __init__(
        self,
        forward: Forward,
        sites: list[Site],
        _baselines: Any,
        _options: dict[str, Any],
        at_once: int,
    ) -> None:
        self.captum = captum.attr.LayerGradientXActivation(forward, [site.tap for site in sites])
        self.images = at_once

    def attribute(self, task: Task) -> list[tuple[Tensor, None]]:
        attributions = self.captum.attribute(
            task.images, target=task.labels, additional_forward_args=(task.folds,)
        )
        return [(_plain(one), None) for one in attributions]


class IntegratedGradients:
    """captum.attr.LayerIntegratedGradients, tap after tap: it replaces the value at the tap."""

    def __init__(
        self,
        forward: Forward,
        sites: list[Site],
        baseline: Tensor,
        options: dict[str, Any],
        at_once: int,
    ) -> None:
        self.captum = [captum.attr.LayerIntegratedGradients(forward, site.tap) for site in sites]
        self.baseline, self.steps, self.at_once = baseline, options["steps"], at_once
        self.images = max(1, at_once // self.steps)

    def attribute(self, task: Task) -> list[tuple[Tensor, Tensor]]:
        return [self._one(method, task) for method in self.captum]

    def _one(
        self, method: captum.attr.LayerIntegratedGradients, task: Task
    ) -> tuple[Tensor, Tensor]:
        attribution, delta = method.attribute(
            task.images,
            baselines=self.baseline.expand_as(task.images),
            target=task.labels,
            additional_forward_args=(task.folds,),
            n_steps=self.steps,
            internal_batch_size=max(self.at_once, len(task.labels)),
            return_convergence_delta=True,
        )
        return _plain(attribution), delta


class Conductance:
    """LayerConductance of all taps at once: the path of images is the same for every tap."""

    def __init__(
        self,
        forward: Forward,
        sites: list[Site],
        baseline: Tensor,
        options: dict[str, Any],
        at_once: int,
    ) -> None:
        self.captum = ConductanceOfLayers(forward, [site.tap for site in sites])
        self.baseline, self.steps, self.at_once = baseline, options["steps"], at_once
        self.images = max(1, at_once // (self.steps + 1))

    def attribute(self, task: Task) -> list[tuple[Tensor, Tensor]]:
        baseline = self.baseline.expand_as(task.images)
        attributions = self.captum.attribute(
            task.images,
            baselines=baseline,
            target=task.labels,
            additional_forward_args=(task.folds,),
            n_steps=self.steps,
            internal_batch_size=max(self.at_once, 2 * len(task.labels)),
        )
        with torch.no_grad():
            rise = self.captum.forward_func(task.images, task.folds)
            rise = rise - self.captum.forward_func(baseline, task.folds)
            rise = rise.gather(1, task.labels[:, None])[:, 0]
        by_site = [attributions] if isinstance(attributions, Tensor) else list(attributions)
        return [(one, one.flatten(1).sum(dim=1) - rise) for one in by_site]


class ConductanceOfLayers(captum.attr.LayerConductance):
    """captum's LayerConductance for a list of layers: one pass along the path instead of one a layer.

    `_attribute` is captum's, written for several layers; the tests compare it with captum's own.
    """

    def _attribute(  # type: ignore[override]  # noqa: PLR0917  # captum's own for one layer
        self,
        inputs: tuple[Tensor, ...],
        baselines: tuple[Tensor, ...],
        target: Any = None,
        additional_forward_args: Any = None,
        n_steps: int = 50,
        method: str = "gausslegendre",
        attribute_to_layer_input: bool = False,
        step_sizes_and_alphas: tuple[list[float], list[float]] | None = None,
        grad_kwargs: dict[str, Any] | None = None,
    ) -> tuple[Tensor, ...]:
        B = len(inputs[0])
        alphas = (
            approximation_parameters(method)[1](n_steps + 1)
            if step_sizes_and_alphas is None
            else step_sizes_and_alphas[1]
        )
        path = tuple(
            torch.cat([b + alpha * (x - b) for alpha in alphas]).requires_grad_()
            for x, b in zip(inputs, baselines, strict=True)
        )
        gradients, values = compute_layer_gradients_and_eval(
            forward_fn=self.forward_func,
            layer=self.layer,
            inputs=path,
            additional_forward_args=_expand_additional_forward_args(
                additional_forward_args, n_steps + 1
            ),
            target_ind=_expand_target(target, n_steps + 1),
            attribute_to_layer_input=attribute_to_layer_input,
            grad_kwargs=grad_kwargs,
        )
        return tuple(
            ((_plain(v)[B:] - _plain(v)[:-B]) * _plain(g)[:-B])
            .unflatten(0, (n_steps, B))
            .sum(dim=0)
            for g, v in zip(gradients, values, strict=True)
        )


class Ablation:
    """captum.attr.LayerFeatureAblation with one mask value a channel; no gradients.

    captum gives every value of a group the effect of the whole group; the effect is divided by the
    number of scored tokens here, so that the sum over them is the effect.
    """

    def __init__(
        self,
        forward: Forward,
        sites: list[Site],
        replacements: list[Replacement],
        _options: dict[str, Any],
        at_once: int,
    ) -> None:
        def true_class(images: Tensor, folds: Tensor, labels: Tensor) -> Tensor:
            """(B,); captum repeats these arguments with the images, but not a `target`."""
            return forward(images, folds).gather(1, labels[:, None])[:, 0]

        self.captum = [captum.attr.LayerFeatureAblation(true_class, site.tap) for site in sites]
        self.replacements = replacements
        self.images = self.at_once = at_once

    def attribute(self, task: Task) -> list[tuple[Tensor, None]]:
        pairs = zip(self.captum, self.replacements, strict=True)
        return [(self._one(method, replacement, task), None) for method, replacement in pairs]

    def _one(
        self, method: captum.attr.LayerFeatureAblation, replacement: Replacement, task: Task
    ) -> Tensor:
        attributions = method.attribute(
            task.images,
            layer_baselines=replacement.values,
            additional_forward_args=(task.folds, task.labels),
            layer_mask=replacement.groups,
            perturbations_per_eval=max(1, self.at_once // len(task.labels)),
        )
        scored_tokens = int((replacement.groups == 0).sum())
        return _plain(attributions) / scored_tokens


def _plain(found: Tensor | tuple[Tensor, ...]) -> Tensor:
    return found if isinstance(found, Tensor) else found[0]


METHODS: dict[str, Any] = {
    "grad_x_activation": GradientXActivation,
    "integrated_gradients": IntegratedGradients,
    "conductance": Conductance,
    "ablation": Ablation,
}
