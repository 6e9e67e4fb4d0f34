"""The tokens that reach the head, against what a NaN in each token does to the features."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from timm.models.deit import VisionTransformerDistilled
from torch import nn

from ict.model.pooling import head_tokens
from tests.model import tiny_backbones as tiny

MODELS: dict[str, tuple[Callable[..., nn.Module], object]] = {
    "class token": (tiny.vit, [0]),
    "mean beside a class token": (partial(tiny.vit, global_pool="avg"), "patches"),
    "mean and maximum": (partial(tiny.vit, global_pool="avgmax"), "patches"),
    "maximum": (partial(tiny.vit, global_pool="max"), "patches"),
    "mean of all": (partial(tiny.vit, global_pool="avg", pool_include_prefix=True), "all"),
    "mean without a class token": (
        partial(tiny.vit, class_token=False, global_pool="avg"),
        "all",
    ),
    "no pooling": (partial(tiny.vit, global_pool=""), "all"),
    "class token before registers": (tiny.registers, [0]),
    "mean behind registers": (partial(tiny.registers, global_pool="avg"), "patches"),
    "attention pooling": (tiny.siglip, "all"),
    "attention pooling behind a register": (partial(tiny.siglip, reg_tokens=1), "patches"),
    "attention pooling with its register": (
        partial(tiny.siglip, reg_tokens=1, pool_include_prefix=True),
        "all",
    ),
    "distilled": (partial(VisionTransformerDistilled, **tiny.SIZE, num_classes=0), [0, 1]),
    "beit": (tiny.beit, "patches"),
    "beit's class token": (partial(tiny.beit, global_pool="token"), [0]),
    "beit without pooling": (partial(tiny.beit, global_pool=""), "all"),
    "eva": (tiny.eva02, "patches"),
    "eva's attention pooling": (partial(tiny.eva02, global_pool="map"), "all"),
    "dinov3": (tiny.dinov3, [0]),
    "swin": (tiny.swin, "all"),
    "swin v2": (tiny.swinv2, "all"),
}


def reached(model: nn.Module) -> list[int]:
    """Positions whose NaN the features show."""
    with torch.inference_mode():
        tokens = model.forward_features(torch.zeros(1, 3, 32, 32))
        found = []
        for position in range(tokens[0, ..., 0].numel()):
            spoilt = tokens.clone()
            spoilt.view(1, -1, tokens.shape[-1])[:, position] = torch.nan
            if model.forward_head(spoilt, pre_logits=True).isnan().any():
                found.append(position)
    return found


@pytest.mark.parametrize("kind", MODELS)
def test_the_tokens_of_the_head_are_those_whose_nan_reaches_it(kind):
    make, said = MODELS[kind]
    model = make().eval()
    tokens = model.forward_features(torch.zeros(1, 3, 32, 32))
    positions = list(range(tokens[0, ..., 0].numel()))
    found = reached(model)
    assert positions[head_tokens(model)] == found
    prefix = getattr(model, "num_prefix_tokens", 0)
    assert found == {"all": positions, "patches": positions[prefix:]}.get(str(said), said)
