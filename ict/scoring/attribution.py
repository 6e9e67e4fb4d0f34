"""Attributions to the channels by captum, at identity taps that carry the whole stream.

grad_x_activation      LayerGradientXActivation: a · ∂F/∂a
integrated_gradients   LayerIntegratedGradients: (a − a₀) · mean over the straight path of ∂F/∂a
conductance            LayerConductance (arXiv 1805.12233): Σ over the images between a baseline image
                       and the image of ∂F/∂a · Δa
ablation               LayerFeatureAblation: F(x) − F(x with channel c at its mean)

F is the log-probability of the true class under a cross-fitted head (ict/scoring/heads.py). A score
is mean_n |Σ_t attribution|; with `signed` it is mean_n Σ_t attribution, which is stored beside it in
any case. With images kept `image_attribution` holds Σ_t attribution of each. Tokens default to `all`. The baseline image is 0 after normalisation (the mean colour), or
with `baseline_image="mean"` the mean of the images; ablation replaces a channel by its mean over
images and tokens, with `ablation_baseline` "position" by the mean of each token position, or "zero".

Hooked at `norm2` instead, the skip connection would keep the original: integrated gradients was off
by 61 % there, ablation by 65 %.
"""

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from ict.criteria import Computed, Request
from ict.errors import InputError, quoted
from ict.model.backbones import pooled_features
from ict.model.sites import Site, open_sites
from ict.scoring.captum_methods import METHODS, Replacement, Task
from ict.scoring.gradients import bytes_per_image, judged, refuse_constant
from ict.scoring.heads import cross_fit
from ict.scoring.memory import images_at_once
from ict.scoring.reading import Meter, all_sites, choose_tokens, frozen, read_taps

if TYPE_CHECKING:
    from ict.criteria import Batches

_MOST_STEPS = 10_000  # each is a pass forward and back
CHOICES = {"ablation_baseline": ("channel", "position", "zero"), "baseline_image": ("zero", "mean")}
DEFAULTS = {
    "head": "probe",
    "steps": 20,
    "signed": False,
    "ablation_baseline": "channel",
    "baseline_image": "zero",
}


@dataclass
class Totals:
    """Running sums over images of |Σ_t attribution| and Σ_t attribution, (D,) for one block."""

    size: Tensor
    signed: Tensor
    deltas: list[Tensor] = field(default_factory=list)  # convergence deltas (B,) a piece
    images: list[Tensor] = field(default_factory=list)  # Σ_t attribution (B, D) a piece, if kept

    def add(self, attribution: Tensor, delta: Tensor | None, *, keep: bool) -> None:
        """Adds a piece of attributions (B, T, D) and its convergence deltas (B,)."""
        per_image = attribution.detach().float().sum(dim=1).double()
        self.size = self.size + per_image.abs().sum(dim=0).cpu()
        self.signed = self.signed + per_image.sum(dim=0).cpu()
        if keep:
            self.images.append(per_image.float().cpu())
        if delta is not None:
            self.deltas.append(delta.detach().abs().cpu())


def compute(name: str, model: nn.Module, batches: "Batches", request: Request) -> Computed:
    """Scores all sites asked for; interrupting it leaves the model as it was and no file."""
    options = _checked(request.options)
    baseline_pass = name == "ablation" or (
        name in ("integrated_gradients", "conductance") and options["baseline_image"] == "mean"
    )
    meter = Meter(request.progress, (3 if baseline_pass else 2) * request.images)
    heads = cross_fit(model, batches, classes=request.classes, kind=options["head"], meter=meter)
    baseline = _baseline(name, model, batches, request=request, options=options, meter=meter)

    def forward(images: Tensor, folds: Tensor) -> Tensor:
        return heads.log_probabilities(pooled_features(model, images), folds)

    method: Any = None
    seen: list[Tensor] = []
    with frozen(model), open_sites(model, request.sites, whole_stream=True) as opened:
        sites = all_sites(opened)
        totals = [Totals(torch.zeros(1).double(), torch.zeros(1).double()) for _ in sites]
        for images, labels, folds in judged(batches, heads, meter):
            if method is None:
                least = 2 if name == "conductance" else 1
                at_once = images_at_once(
                    bytes_per_image(model, images[:1], opened), options, images.device, least=least
                )
                method = METHODS[name](forward, sites, baseline, options, at_once)
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore", UserWarning
                )  # captum on batches that it sets itself
                for piece in zip(
                    *(x.split(method.images) for x in (images, labels, folds)), strict=True
                ):
                    for one, (attribution, delta) in zip(
                        totals, method.attribute(Task(*piece)), strict=True
                    ):
                        chosen = choose_tokens(attribution, model, request.tokens)
                        one.add(chosen, delta, keep=request.keep_images)
            seen.append(labels.cpu())
    counted = torch.cat(seen)
    arrays = _arrays(opened, totals, len(counted), signed=options["signed"])
    rounding = 1e-5 if name == "ablation" else 0.0  # differences of two passes, never exactly 0
    refuse_constant(arrays, name, model, request, rounding=rounding)
    meta = {**heads.meta, **_meta(name, totals, request.sites, options), "images_at_once": at_once}
    return Computed(arrays, meta, counted.numpy() if request.keep_images else None)


def _checked(given: dict[str, Any]) -> dict[str, Any]:
    options = {**DEFAULTS, **given}
    for option, allowed in CHOICES.items():
        if options[option] not in allowed:
            raise InputError(
                f"{option}={quoted(options[option])}: choose one of {', '.join(allowed)}"
            )
    if not isinstance(options["steps"], int) or not 1 <= options["steps"] <= _MOST_STEPS:
        raise InputError(
            f"steps={quoted(options['steps'])}: give a whole number of 1 to {_MOST_STEPS}"
        )
    return options


def _baseline(
    name: str,
    model: nn.Module,
    batches: "Batches",
    *,
    request: Request,
    options: dict[str, Any],
    meter: Meter,
) -> Any:
    """The baseline image (3, S, S), or for ablation what replaces the values of each site."""
    if name == "ablation":
        return _replacements(model, batches, request, options["ablation_baseline"], meter)
    total: Tensor | None = None
    count = 0
    for images, _ in batches():
        if options["baseline_image"] == "zero":
            return torch.zeros_like(images[0])
        total = images.double().sum(dim=0) + (0 if total is None else total)
        count += len(images)
        meter.add(len(images))
    assert total is not None
    return (total / count).to(next(model.parameters()).dtype)


@torch.inference_mode()
def _replacements(
    model: nn.Module, batches: "Batches", request: Request, kind: str, meter: Meter
) -> list[Replacement]:
    """The mean of each channel over images and tokens, of each token position, or zero; per site."""
    totals: list[Tensor] = []
    count = 0
    for taps, labels in read_taps(model, batches, request.sites):
        values = [v for stages in taps.values() for stage in stages for v in stage]
        sums = [v.double().sum(dim=0, keepdim=True) for v in values]
        totals = [t + s for t, s in zip(totals, sums, strict=True)] if totals else sums
        count += len(labels)
        meter.add(len(labels))
    return [_replacement(total / count, model, request.tokens, kind) for total in totals]


def _replacement(mean: Tensor, model: nn.Module, tokens: str, kind: str) -> Replacement:
    """From the mean over images (1, T, D) or (1, H, W, D)."""
    D = mean.shape[-1]
    groups = torch.full_like(mean, D, dtype=torch.int64)
    numbered = groups.flatten(1, -2)  # a view: (1, T, D)
    choose_tokens(numbered, model, tokens).copy_(torch.arange(D, device=mean.device))
    if kind == "zero":
        mean = torch.zeros_like(mean)
    elif kind == "channel":
        over_tokens = choose_tokens(mean, model, tokens).mean(dim=1)  # (1, D)
        mean = over_tokens.view(*([1] * (mean.ndim - 1)), D).expand_as(mean)
    return Replacement(mean.to(next(model.parameters()).dtype, copy=True), groups.clone())


def _arrays(
    opened: dict[str, list[list[Site]]], totals: list[Totals], images: int, *, signed: bool
) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}
    rest = iter(totals)
    for site, stages in opened.items():
        for stage, blocks in enumerate(stages):
            mine = [next(rest) for _ in blocks]
            size = torch.stack([one.size for one in mine]).float().numpy() / images
            mean = torch.stack([one.signed for one in mine]).float().numpy() / images
            arrays[f"{site}.{stage}"] = mean if signed else size
            arrays[f"{site}.{stage}.signed"] = mean
            if mine[0].images:
                kept = torch.stack([torch.cat(one.images) for one in mine], dim=1)
                arrays[f"{site}.{stage}.image_attribution"] = kept.numpy()  # (N, blocks, D)
    return arrays


def _meta(
    name: str, totals: list[Totals], sites: tuple[str, ...], options: dict[str, Any]
) -> dict[str, Any]:
    """What was compared with what, and how far the attributions are from adding up."""
    shared = {"target": "log-probability of the true class", "signed": options["signed"]}
    if name == "ablation":
        return {**shared, "ablation_baseline": options["ablation_baseline"]}
    if name == "grad_x_activation":
        return shared
    path = {**shared, "baseline_image": options["baseline_image"], "steps": options["steps"]}
    if not set(sites) <= {"attn", "block"}:
        reason = (
            "none: past a branch, q, k or v the stream flows on, so attributions need not add up"
        )
        return {**path, "convergence_delta": None, "convergence_note": reason}
    deltas = [torch.cat(one.deltas) for one in totals]
    return {
        **path,
        "convergence_delta": [float(d.mean()) for d in deltas],
        "convergence_delta_largest": max(float(d.max()) for d in deltas),
    }
