"""Scores of the tokens that reach the head, against those of the tokens by name and against loops."""

import numpy as np
import pytest
import torch
from torch import nn

import ict
from ict.criteria import ADAPTER_GRADIENT, REGISTRY
from ict.errors import InputError
from ict.scores import ChannelScores
from tests.model.tiny_backbones import registers
from tests.tiny_models import enliven, images_of, plain_sites, split, tiny_swin, tiny_vit

IMAGES, LABELS = images_of()
CLASS_TOKEN, AVERAGE = tiny_vit(depth=2), tiny_vit(depth=2, global_pool="avg")
SAME = {"cls": CLASS_TOKEN, "patch": AVERAGE, "all": tiny_swin()}
_LONG = ("integrated_gradients", "conductance", "ablation")
CHEAP = [n for n in REGISTRY if n not in (*_LONG, ADAPTER_GRADIENT)]  # which reads every token


def scored(model: nn.Module, criterion: str, tokens: str, site: str = "attn") -> ChannelScores:
    data = split(IMAGES, LABELS, 7)
    return ict.score(model, data, site=site, criterion=criterion, tokens=tokens)


@pytest.mark.parametrize("criterion", CHEAP)
@pytest.mark.parametrize("named", SAME)
def test_head_names_the_tokens_that_a_model_pools(named, criterion):
    by_head, by_name = (scored(SAME[named], criterion, tokens) for tokens in ("head", named))
    assert by_head.meta["tokens"] == "head"
    for one, other in zip(by_head.site("attn"), by_name.site("attn"), strict=True):
        assert np.array_equal(one, other)


def test_the_token_that_reaches_a_class_token_head_by_loops():
    found = scored(CLASS_TOKEN, "class_l2", "head").site("attn")[0]
    labels = LABELS.numpy()
    for block, values in enumerate(plain_sites(CLASS_TOKEN, IMAGES, "attn")):
        token = values.detach().double().numpy()[:, 0]
        norms = [np.sqrt(sum(a**2 for a in token[labels == k])) for k in range(3)]
        np.testing.assert_allclose(found[block], np.mean(norms, axis=0), rtol=1e-5)


def test_registers_do_not_reach_the_head():
    """A mean over patches leaves class token and registers out, as `patch` does and `all` does not."""
    torch.manual_seed(0)
    model = enliven(registers(global_pool="avg"))
    by_head, patch, every = (
        scored(model, "l2", t).site("attn")[0] for t in ("head", "patch", "all")
    )
    assert np.array_equal(by_head, patch)
    assert not np.array_equal(by_head, every)


def test_a_criterion_that_refuses_all_tokens_refuses_a_head_that_pools_all():
    every = tiny_vit(depth=2, class_token=False, global_pool="avg")
    with pytest.raises(InputError, match="gradient at site 'k' over all tokens is 0"):
        scored(every, "gradient", "head", "k")
    assert scored(CLASS_TOKEN, "gradient", "head", "k").site("k")[0].any()
