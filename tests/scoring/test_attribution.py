"""captum at the taps: against finite differences of the whole model, loops, and captum alone."""

import captum.attr
import numpy as np
import pytest
import torch

import ict
from ict.errors import InputError
from ict.model.backbones import pooled_features
from ict.model.sites import open_sites
from ict.scores import load_scores
from ict.scoring import request_for, score_task
from ict.scoring.captum_methods import METHODS, Task
from tests.model.test_sites_adapters import hooks
from tests.scoring.test_formulas import IMAGES, LABELS, close, heads_of, restated_gradients, scored
from tests.tiny_models import plain_sites, split, tiny_swin, tiny_vit

BATCHES = split(IMAGES, LABELS, 7)


@pytest.fixture(scope="module")
def model():
    return tiny_vit()


@pytest.fixture(scope="module")
def heads(model):
    return heads_of(model)


def true_class(model, heads, images=IMAGES):
    """(N,) log-probability of the true class."""
    logs = heads.log_probabilities(pooled_features(model, images), heads.folds(IMAGES))
    return logs.gather(1, LABELS[:, None])[:, 0]


def with_value(model, heads, site, change):
    """The log-probabilities of the whole model after `change(values)` at a site, by a plain hook."""
    handle = site.tap.register_forward_hook(lambda _m, _i, values: change(values))
    try:
        with torch.no_grad():
            return true_class(model, heads)
    finally:
        handle.remove()


@pytest.mark.parametrize("site", ["attn", "attn_branch", "mlp_branch", "block", "q", "k", "v"])
def test_gradient_times_activation_is_a_finite_difference_of_the_whole_model(site):
    model = tiny_vit().double()
    images = IMAGES.double()
    heads = heads_of(tiny_vit())

    weight, bias = heads.weight.double(), heads.bias.double()
    folds = heads.folds(IMAGES)

    def logs(x, folds):
        features = pooled_features(model, x)
        logits = torch.einsum("bf,bcf->bc", features, weight[folds]) + bias[folds]
        return logits.log_softmax(1)

    with open_sites(model, (site,), whole_stream=True) as opened:
        sites = opened[site][0]
        method = METHODS["grad_x_activation"](logs, sites, None, {}, 99)
        found = [a.sum(1) for a, _ in method.attribute(Task(images, LABELS, folds))]  # (N, D)
        step = 1e-5
        for b, c in [(0, 3), (1, 11), (2, 20)]:
            ends = []
            for sign in (1, -1):
                scale = torch.ones(24, dtype=torch.double)
                scale[c] += sign * step
                handle = sites[b].tap.register_forward_hook(lambda _m, _i, v, s=scale: v * s)
                with torch.no_grad():
                    ends.append(logs(images, folds).gather(1, LABELS[:, None])[:, 0])
                handle.remove()
            difference = (ends[0] - ends[1]) / (2 * step)
            assert torch.allclose(found[b][:, c], difference, rtol=1e-5, atol=1e-8)


def test_gradient_times_activation_scores(model, heads):
    pairs = restated_gradients(model, heads)
    expected = [(a * g).sum(1).abs().mean(0) for a, g in pairs]
    close(scored(model, "grad_x_activation").site("attn")[0], torch.stack(expected), 1e-4)
    signed = [-(a * g).sum(1).mean(0) for a, g in pairs]  # g is of the loss, −log p
    close(
        scored(model, "grad_x_activation", signed=True).site("attn")[0], torch.stack(signed), 1e-4
    )
    kept = scored(model, "grad_x_activation", keep_images=True)
    close(kept.site("attn", "signed")[0], torch.stack(signed), 1e-4)
    close(np.abs(kept.site("attn", "image_attribution")[0]).mean(0), kept.site("attn")[0], 1e-5)
    assert kept.labels.tolist() == LABELS.tolist()


def test_ablation_is_the_whole_model_with_the_channel_at_its_mean(model, heads):
    scores = scored(model, "ablation", internal_batch=50)
    with torch.no_grad():
        start = true_class(model, heads)
        with open_sites(model, ("attn",), whole_stream=True) as opened:
            for b, values in enumerate(plain_sites(model, IMAGES, "attn")):
                for c in (0, 9, 23):
                    mean = values[..., c].mean()

                    def to_mean(values, c=c, mean=mean):
                        values = values.clone()
                        values[..., c] = mean
                        return values

                    effect = start - with_value(model, heads, opened["attn"][0][b], to_mean)
                    found = scores.site("attn")[0][b, c]
                    assert found == pytest.approx(float(effect.abs().mean()), rel=1e-4)
                    found = scores.site("attn", "signed")[0][b, c]
                    assert found == pytest.approx(float(effect.mean()), rel=1e-3, abs=1e-6)


def test_ablation_of_some_tokens_leaves_the_others(model, heads):
    scores = scored(model, "ablation", tokens="cls", ablation_baseline="zero")
    with torch.no_grad(), open_sites(model, ("attn",), whole_stream=True) as opened:

        def without(values):
            values = values.clone()
            values[:, 0, 5] = 0
            return values

        effect = true_class(model, heads) - with_value(model, heads, opened["attn"][0][1], without)
    assert scores.site("attn")[0][1, 5] == pytest.approx(float(effect.abs().mean()), rel=1e-4)


def test_integrated_gradients_equals_a_fine_midpoint_rule(model, heads):
    scores = scored(model, "integrated_gradients", steps=30)
    ends = plain_sites(model, IMAGES, "attn")[1].detach()
    start = plain_sites(model, torch.zeros_like(IMAGES), "attn")[1].detach()
    total = torch.zeros_like(ends)
    for i in range(300):
        stream = (start + (i + 0.5) / 300 * (ends - start)).requires_grad_()
        x = stream + model.blocks[1].mlp(model.blocks[1].norm2(stream))
        features = model.norm(model.blocks[2](x))[:, 0]
        logs = heads.log_probabilities(features, heads.folds(IMAGES)).gather(1, LABELS[:, None])
        total += torch.autograd.grad(logs.sum(), stream)[0] / 300
    expected = ((ends - start) * total).sum(1).abs().mean(0)
    close(scores.site("attn")[0][1], expected, 1e-3)
    assert scores.meta["baseline_image"] == "zero"
    assert scores.meta["convergence_delta_largest"] < 1e-3


def test_baseline_can_be_the_mean_image(model):
    scores = scored(model, "integrated_gradients", steps=4, baseline_image="mean")
    start = plain_sites(model, IMAGES.mean(0, keepdim=True), "block")[2]
    assert start.shape == (1, 17, 24)
    assert scores.meta["baseline_image"] == "mean"
    zero = scored(model, "integrated_gradients", steps=4).site("attn")[0]
    assert not np.allclose(scores.site("attn")[0], zero, rtol=1e-2)


@pytest.mark.parametrize("make", [tiny_vit, tiny_swin])
def test_conductance_of_all_layers_equals_captum_layer_by_layer(make):
    model = make()
    heads = heads_of(model)
    folds = heads.folds(IMAGES)

    def forward(images, folds):
        return heads.log_probabilities(pooled_features(model, images), folds)

    with open_sites(model, ("attn",), whole_stream=True) as opened:
        sites = [s for stage in opened["attn"] for s in stage]
        method = METHODS["conductance"](forward, sites, torch.zeros(3, 32, 32), {"steps": 5}, 40)
        found = method.attribute(Task(IMAGES, LABELS, folds))
        for site, (attribution, delta) in zip(sites, found, strict=True):
            alone, alone_delta = captum.attr.LayerConductance(forward, site.tap).attribute(
                IMAGES,
                baselines=torch.zeros_like(IMAGES),
                target=LABELS,
                additional_forward_args=(folds,),
                n_steps=5,
                return_convergence_delta=True,
            )
            assert torch.allclose(attribution, alone, rtol=1e-3, atol=1e-6)
            assert torch.allclose(delta, alone_delta, atol=1e-5)


@pytest.mark.parametrize("criterion", ["conductance", "integrated_gradients", "ablation", "taylor"])
def test_no_pass_is_larger_than_the_internal_batch(model, criterion):
    options = {"steps": 6} if criterion in ("conductance", "integrated_gradients") else {}
    expected = scored(model, criterion, batch=3, **options).site("attn")[0]
    sizes = []
    handle = model.blocks[0].register_forward_pre_hook(
        lambda _m, inputs: (
            None if torch.is_inference_mode_enabled() else sizes.append(len(inputs[0]))
        )
    )
    try:
        found = scored(model, criterion, batch=18, internal_batch=5, **options)
    finally:
        handle.remove()
    assert 2 <= max(sizes) <= 5
    close(found.site("attn")[0], expected, 1e-4)


@pytest.mark.parametrize("criterion", ["taylor", "conductance"])
def test_too_little_memory_is_said_beforehand(model, criterion):
    with pytest.raises(
        InputError, match=r"a backward pass over .* needs .* MiB of memory and may take"
    ):
        scored(model, criterion, memory_limit_bytes=10_000)
    with pytest.raises(InputError, match=r"internal_batch=100000 needs .* GiB"):
        scored(model, criterion, internal_batch=100_000, memory_limit_bytes=2**30)


@pytest.mark.parametrize(
    "criterion", ["taylor", "fisher", "gradient", "grad_x_activation", "ablation"]
)
@pytest.mark.parametrize("site", ["attn", "block"])
def test_patch_tokens_of_the_last_block_never_reach_the_logits(model, heads, criterion, site):
    _, g = restated_gradients(model, heads, site)[-1]
    assert (g[:, 1:] == 0).all()
    assert (g[:, 0] != 0).any()
    with pytest.raises(
        InputError, match=f"block 2: every {criterion} score at site '{site}' over patch"
    ):
        scored(model, criterion, site, tokens="patch")
    average = tiny_vit(global_pool="avg", class_token=True)
    assert (scored(average, criterion, site, tokens="patch").site(site)[0] > 0).all()


def test_a_shift_of_all_keys_is_refused(model):
    with pytest.raises(InputError, match="a shift of all keys leaves attention as it is"):
        scored(model, "gradient", "k")


@pytest.mark.parametrize(
    "criterion", ["taylor", "conductance", "ablation", "anova_f", "weight_norm"]
)
def test_an_interrupted_criterion_leaves_the_model_as_it_was(criterion):
    model = tiny_vit()
    keys, before = list(model.state_dict()), hooks(model)
    expected = model(IMAGES)

    def stop(done, total):
        if done > total * 0.7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ict.score(model, BATCHES, criterion=criterion, progress=stop)
    assert hooks(model) == before
    assert list(model.state_dict()) == keys
    assert all(p.requires_grad for p in model.parameters())
    assert torch.equal(model(IMAGES), expected)


def test_an_interrupt_leaves_no_score_in_the_store(store):
    request, file = request_for(
        task="digits",
        backbone="ict_tiny",
        criterion="taylor",
        sites=("attn",),
        tokens=None,
        split="train800",
        pixel_normalisation="native",
        limit=24,
        weights="none",
    )
    assert request.tokens == "all"

    def stop(done, total):
        if done > total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_task(store, request, weights_file=file, batch_size=12, progress=stop)
    assert not store.scores_dir.exists()
    path = score_task(store, request, weights_file=file, batch_size=12)
    assert load_scores(path).meta["head"] == "probe"
