"""A model and data in which three known channels carry the label, and louder ones do not.

Supervised, gradient and causal criteria must find them. The norms and `weight_norm` look at size
alone and choose the loud channels: that is what the test says of them.
"""

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import ict
from ict.scoring.causal import Plan, measure
from ict.selection import select
from tests.tiny_models import split, tiny_vit

CLASSES, D = 8, 24
PLANTED = (3, 11, 17)
LOUD = (0, 5, 8, 20)
FIND = ["taylor", "fisher", "gradient", "anova_f", "ablation"]
FIND += ["grad_x_activation", "integrated_gradients", "conductance"]
MISS = ["class_l2", "l2", "variance", "weight_norm"]


@pytest.fixture(scope="module")
def model() -> nn.Module:
    """Patches write one pixel each into a channel; uniform attention carries it to the class token."""
    model = tiny_vit()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        for module in model.modules():
            if isinstance(module, nn.LayerNorm):
                module.weight.fill_(1.0)
        kernel = model.patch_embed.proj.weight  # (D, 3, 8, 8): pixel c of the first colour
        for c in range(D):
            kernel[c, 0, c // 8, c % 8] = 1.0
        for block in model.blocks:
            block.attn.qkv.weight[2 * D :] = torch.eye(D)  # q = k = 0: attention is uniform
            block.attn.proj.weight.copy_(torch.eye(D))
            block.mlp.fc1.weight.copy_(0.1 * torch.eye(4 * D, D))
    return model


def planted_images(seed: int = 0, per_class: int = 50) -> tuple[Tensor, Tensor]:
    """Planted channels: ±1 by class (a bit each) plus noise. Loud ones: noise three times as large. Others: noise."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(CLASSES * per_class) % CLASSES
    signs = torch.tensor(list(itertools.product([1.0, -1.0], repeat=3)))
    channels = 0.4 * torch.randn(len(labels), D, generator=generator)
    channels[:, PLANTED] += signs[labels]
    channels[:, LOUD] = 3 * torch.randn(len(labels), len(LOUD), generator=generator)
    patch = torch.zeros(len(labels), 3, 8, 8)
    patch[:, 0].view(len(labels), 64)[:, :D] = channels
    return patch.repeat(1, 1, 4, 4), labels


def chosen(model: nn.Module, criterion: str) -> list[set[int]]:
    options = {"steps": 4} if criterion in ("integrated_gradients", "conductance") else {}
    images = planted_images(per_class=25 if criterion == "ablation" else 50)  # 24 passes a block
    scores = ict.score(model, split(*images, 100), criterion=criterion, **options)
    return [set(block.indices) for block in select(scores, k=3).blocks]


@pytest.mark.parametrize("criterion", FIND)
def test_criteria_that_see_labels_or_the_loss_find_the_planted_channels(model, criterion):
    assert chosen(model, criterion) == [set(PLANTED)] * 3


@pytest.mark.parametrize("criterion", MISS)
def test_criteria_of_size_alone_choose_the_loud_channels(model, criterion):
    assert all(found < set(LOUD) for found in chosen(model, criterion))


def test_the_causal_check_tells_the_two_apart(model):
    train, validation = planted_images(0), planted_images(1)
    scores = {
        name: ict.score(model, split(*train, 40), criterion=name).site("attn")[0]
        for name in ("class_l2", "taylor")
    }
    document = measure(
        model,
        split(*train, 40),
        split(*validation, 40),
        plan=Plan(fractions=(3 / 24, 1.0), random_draws=1, scatter_channels=D),
        classes=CLASSES,
        scores={name: list(rows) for name, rows in scores.items()},
    )
    assert document["accuracy"] > 0.85

    def accuracy(series: str, mode: str) -> float:
        rows = [r for r in document["curves"] if (r["series"], r["mode"]) == (series, mode)]
        return next(r["accuracy"] for r in rows if r["k"] == [3])

    assert accuracy("taylor", "deletion") < 0.3
    assert accuracy("class_l2", "deletion") > 0.85  # the loud channels were in the way of nothing
    assert accuracy("taylor", "insertion") > 0.85
    assert accuracy("class_l2", "insertion") < 0.3
    everything = [
        r["accuracy"]
        for r in document["curves"]
        if r["fraction"] == 1.0 and r["mode"] == "deletion"
    ]
    assert everything == [1 / CLASSES] * len(everything)
    effects = np.array([row["effect_size"] for row in document["scatter"]]).reshape(3, D)
    assert [set(np.argsort(-row)[:3]) for row in effects] == [set(PLANTED)] * 3
    agreement = {(r["criterion"], r["block"]): r["spearman"] for r in document["agreement"]}
    assert set(agreement) == {(name, b) for name in scores for b in range(3)}
