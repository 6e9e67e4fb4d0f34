"""Every criterion against its formula, written out slowly with plain hooks and loops."""

import numpy as np
import pytest
import torch
from sklearn.feature_selection import f_classif
from torch import Tensor

import ict
from ict.criteria import REGISTRY, TOKENS, Request
from ict.errors import InputError
from ict.model.backbones import pooled_features
from ict.scores import ChannelScores
from ict.scoring.heads import cross_fit
from ict.scoring.reading import Meter
from tests.tiny_models import images_of, plain_sites, split, tiny_swin, tiny_vit

SITES = ("attn", "attn_branch", "mlp_branch", "block", "q", "k", "v")
IMAGES, LABELS = images_of()


@pytest.fixture(scope="module")
def model():
    return tiny_vit()


def scored(model, criterion: str, site: str = "attn", batch: int = 7, **rest) -> ChannelScores:
    return ict.score(model, split(IMAGES, LABELS, batch), site=site, criterion=criterion, **rest)


def close(found: np.ndarray, expected: object, relative: float = 1e-5) -> None:
    expected = np.asarray(expected, dtype=np.float64)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= relative * np.abs(expected).max()


def heads_of(model, kind: str = "probe"):
    return cross_fit(model, split(IMAGES, LABELS, 5), classes=3, kind=kind, meter=Meter(None, 0))


def restated_gradients(model, heads, site: str = "attn") -> list[tuple[Tensor, Tensor]]:
    """(a, g) of each block: the block's lines restated, the site's value a leaf of the graph."""
    folds = heads.folds(IMAGES)
    pairs = []
    for chosen in range(len(model.blocks)):
        x = model._pos_embed(model.patch_embed(IMAGES))
        for index, block in enumerate(model.blocks):
            branch = block.attn(block.norm1(x))
            if index == chosen and site == "attn_branch":
                leaf = branch = branch.detach().requires_grad_()
            x = x + branch
            if index == chosen and site == "attn":
                leaf = x = x.detach().requires_grad_()
            mlp = block.mlp(block.norm2(x))
            if index == chosen and site == "mlp_branch":
                leaf = mlp = mlp.detach().requires_grad_()
            x = x + mlp
            if index == chosen and site == "block":
                leaf = x = x.detach().requires_grad_()
        logits = heads.log_probabilities(model.norm(x)[:, 0], folds)
        loss = torch.nn.functional.nll_loss(logits, LABELS, reduction="sum")
        pairs.append((leaf.detach(), torch.autograd.grad(loss, leaf)[0]))
    return pairs


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("tokens", TOKENS)
def test_norms_equal_loops_over_classes_images_and_tokens(model, site, tokens):
    chosen = {"patch": slice(1, None), "all": slice(None)}.get(tokens, slice(0, 1))
    with torch.no_grad():
        values = [v.double()[:, chosen].numpy() for v in plain_sites(model, IMAGES, site)]
    labels = LABELS.numpy()
    by_class = [[np.sqrt((v[labels == k] ** 2).sum(axis=(0, 1))) for k in range(3)] for v in values]
    close(scored(model, "class_l2", site, tokens=tokens).site(site)[0], np.mean(by_class, axis=1))
    close(scored(model, "class_l2", site, tokens=tokens).site(site, "per_class")[0], by_class)
    squares = [np.sqrt((v**2).sum(axis=(0, 1))) for v in values]
    close(scored(model, "l2", site, tokens=tokens).site(site)[0], squares)
    spread = [v.reshape(-1, 24).var(axis=0) for v in values]
    close(scored(model, "variance", site, tokens=tokens).site(site)[0], spread, 1e-4)


def test_kept_sums_and_options_of_norms(model):
    values = [v.detach().double()[:, 1:] for v in plain_sites(model, IMAGES, "attn")]
    kept = scored(model, "class_l2", keep_images=True)
    close(kept.site("attn", "per_image")[0], torch.stack([v.square().sum(1) for v in values], 1))
    close(kept.site("attn", "token_mean")[0], torch.stack([v.mean(1) for v in values], 1))
    assert kept.labels.tolist() == LABELS.tolist()
    energies = [np.sort(v.square().sum(2).flatten())[::-1] for v in values]
    share = [e[:3].sum() / e.sum() for e in energies]  # 1 % of 18 · 16 tokens
    close(kept.arrays["attn.0.top_token_share"], share)
    divided = scored(model, "class_l2", normalise=True).site("attn")[0]
    close(divided, scored(model, "class_l2").site("attn")[0] / np.sqrt(6 * 16))
    normed = [b.norm2(v.float()) for b, v in zip(model.blocks, values, strict=True)]
    expected = torch.stack([v.double().square().sum((0, 1)).sqrt() for v in normed]).detach()
    close(scored(model, "l2", normed=True).site("attn")[0], expected)
    blocks = [v.detach()[:, 1:] for v in plain_sites(model, IMAGES, "block")]
    readers = [model.blocks[1].norm1, model.blocks[2].norm1, model.norm]
    normed = [norm(v) for norm, v in zip(readers, blocks, strict=True)]
    expected = torch.stack([v.double().square().sum((0, 1)).sqrt() for v in normed]).detach()
    close(scored(model, "l2", "block", normed=True).site("block")[0], expected)


@pytest.mark.parametrize("head", ["probe", "ncm"])
@pytest.mark.parametrize("site", ["attn", "attn_branch", "mlp_branch", "block"])
def test_gradient_criteria_equal_a_restated_forward(model, site, head):
    pairs = restated_gradients(model, heads_of(model, head), site)
    N, T = len(LABELS), 17
    taylor = [
        np.mean([(a[n] * g[n]).sum(0).abs().numpy() / T for n in range(N)], axis=0)
        for a, g in pairs
    ]
    close(scored(model, "taylor", site, head=head).site(site)[0], taylor, 1e-4)
    fisher = [sum((a[n] * g[n]).sum(0).square() for n in range(N)) / (2 * N) for a, g in pairs]
    close(scored(model, "fisher", site, head=head).site(site)[0], torch.stack(fisher), 1e-4)
    gradient = [sum(g[n].sum(0).square() for n in range(N)) for a, g in pairs]
    close(scored(model, "gradient", site, head=head).site(site)[0], torch.stack(gradient), 1e-4)


def test_kept_products_give_the_scores_again(model):
    scores = scored(model, "taylor", keep_images=True)
    products = scores.site("attn", "image_product")[0]  # (N, blocks, D) Σ_t a·g
    close(np.abs(products).mean(axis=0) / 17, scores.site("attn")[0])
    by_class = [np.abs(products[scores.labels == k]).mean(axis=0) / 17 for k in range(3)]
    close(np.swapaxes(scores.site("attn", "per_class")[0], 0, 1), by_class)


@pytest.mark.parametrize("statistic", ["both", "token_mean", "tokens"])
def test_anova_equals_scikit_learn(model, statistic):
    expected = []
    for values in plain_sites(model, IMAGES, "attn"):
        v = values.detach().double()[:, 1:].numpy()
        of_mean = f_classif(v.mean(axis=1), LABELS)[0]
        of_tokens = np.mean([f_classif(v[:, t], LABELS)[0] for t in range(16)], axis=0)
        options = {"both": (of_mean + of_tokens) / 2, "token_mean": of_mean, "tokens": of_tokens}
        expected.append(options[statistic])
    close(scored(model, "anova_f", statistic=statistic).site("attn")[0], expected, 1e-4)


def test_anova_in_several_passes_says_so_and_gives_the_same(model):
    one_block = 8 * (3 + 3) * 16 * 24
    small = scored(model, "anova_f", memory_limit_bytes=2 * one_block)
    assert small.meta["passes"] == 2
    assert (small.site("attn")[0] == scored(model, "anova_f").site("attn")[0]).all()
    with pytest.raises(InputError, match=r"anova_f of one block with 3 classes needs .* may take"):
        scored(model, "anova_f", memory_limit_bytes=one_block - 1)


def test_weight_norm_equals_the_consuming_layer(model):
    streams = [v.detach()[:, 1:] for v in plain_sites(model, IMAGES, "attn")]
    expected = []
    for block, stream in zip(model.blocks, streams, strict=True):
        h = block.norm2(stream).double().detach()
        expected.append(block.mlp.fc1.weight.detach().abs().sum(0) * h.square().sum((0, 1)).sqrt())
    close(scored(model, "weight_norm").site("attn")[0], torch.stack(expected))
    outputs = plain_sites(model, IMAGES, "block")
    expected = []
    for block, output in zip(model.blocks[1:], outputs, strict=False):
        h = block.norm1(output.detach())[:, 1:].double().detach()
        expected.append(block.attn.qkv.weight.detach().abs().sum(0) * h.square().sum((0, 1)).sqrt())
    heads = heads_of(model)
    features = pooled_features(model, IMAGES).detach()
    probe = heads.weight.abs().sum(1).mean(0) * features.square().sum(0).sqrt()
    close(
        scored(model, "weight_norm", "block").site("block")[0],
        torch.stack([*expected, probe]),
        1e-4,
    )


def test_weight_norm_of_v_reads_what_attention_mixed(model):
    block = model.blocks[0]
    x = block.norm1(model._pos_embed(model.patch_embed(IMAGES)))
    q, k, v = block.attn.qkv(x).reshape(len(x), 17, 3, 3, 8).permute(2, 0, 3, 1, 4)
    mixed = ((q @ k.mT / 8**0.5).softmax(-1) @ v).transpose(1, 2).reshape(len(x), 17, 24)[:, 1:]
    expected = block.attn.proj.weight.abs().sum(0) * mixed.square().sum((0, 1)).sqrt()
    close(scored(model, "weight_norm", "v").site("v")[0][0], expected.detach())


@pytest.mark.parametrize("site", ["q", "k", "attn_branch", "mlp_branch"])
def test_weight_norm_is_refused_where_no_linear_layer_reads(model, site):
    with pytest.raises(InputError, match=f"no linear layer reads site '{site}' alone"):
        scored(model, "weight_norm", site)


def test_weight_norm_of_merged_patches_in_a_swin():
    swin = tiny_swin()
    kept = {}
    reduction = swin.layers[1].downsample.reduction
    handle = reduction.register_forward_pre_hook(lambda _m, inputs: kept.update(h=inputs[0]))
    swin(IMAGES)
    handle.remove()
    norm = kept["h"].square().sum((0, 1, 2)).sqrt()  # four merged patches of 24 channels
    expected = (reduction.weight.abs().sum(0) * norm).view(4, 24).sum(0)
    close(scored(swin, "weight_norm", "block").site("block")[0][1], expected.detach())


INVARIANT = [n for n in REGISTRY if n not in ("integrated_gradients", "conductance", "ablation")]


@pytest.mark.parametrize("criterion", INVARIANT)
def test_scores_do_not_depend_on_batches_or_the_order_of_images(model, criterion):
    expected = scored(model, criterion, batch=18).site("attn")[0]
    close(scored(model, criterion, batch=4).site("attn")[0], expected, 1e-4)
    order = torch.randperm(len(LABELS), generator=torch.Generator().manual_seed(3))
    shuffled = ict.score(model, split(IMAGES[order], LABELS[order], 5), criterion=criterion)
    close(shuffled.site("attn")[0], expected, 1e-4)


@pytest.mark.parametrize("criterion", ["class_l2", "taylor"])
def test_a_class_without_images_is_nan_and_counts_for_nothing(model, criterion):
    without = scored(model, criterion)
    with_gap = scored(model, criterion, classes=5)
    assert np.isnan(with_gap.site("attn", "per_class")[0][:, 3:]).all()
    close(with_gap.site("attn")[0], without.site("attn")[0], 1e-4)


def test_every_criterion_says_formula_source_and_refuses_other_options(model):
    for criterion in REGISTRY.values():
        assert criterion.formula
        assert criterion.source
        with pytest.raises(InputError, match=f"{criterion.name} has no option 'hed'"):
            criterion.compute(
                model, list, Request(sites=("attn",), classes=3, images=0, options={"hed": 1})
            )


@pytest.mark.parametrize("criterion", [name for name in REGISTRY if name != "random"])
def test_no_criterion_gives_scores_of_values_that_overflow(criterion):
    model = tiny_vit()
    with torch.no_grad():
        model.blocks[0].mlp.fc2.weight *= 1e30
    images, labels = images_of(per_class=4)
    chosen = REGISTRY[criterion]
    request = Request(
        sites=("attn",),
        classes=3,
        images=len(labels),
        tokens=chosen.default_tokens,
        keep_images=False,
        options={},
    )
    with pytest.raises(InputError, match="are not finite: an image, or the model's weights, hold"):
        chosen.compute(model, split(images, labels, 5), request)
