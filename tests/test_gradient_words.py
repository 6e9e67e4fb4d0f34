"""Selectors that read gradients, as they are asked for, stored and shown."""

import pytest

from ict.criteria import (
    ADAPTER_GRADIENT,
    REGISTRY,
    check_criterion,
    choice,
    named,
    of_runs,
    spelled,
)
from ict.errors import InputError
from ict.resolve import resolve
from tests.asked import resolved


@pytest.mark.parametrize(
    ("selector", "criterion", "stored"),
    [
        ("gradient", None, "gradient:adapter_gradient"),
        ("gradient", "adapter_gradient", "gradient:adapter_gradient"),
        ("gradient_rw", None, "gradient_rw:adapter_gradient"),
        ("energy_read_gradient_write", None, "energy_read_gradient_write:class_l2"),
        ("energy_read_gradient_write", "taylor", "energy_read_gradient_write:taylor"),
    ],
)
def test_a_selector_is_stored_with_what_it_reads(selector, criterion, stored):
    assert spelled(selector, criterion) == stored
    assert choice(stored).selector == selector
    assert choice(stored).reads_gradient
    check_criterion(stored)
    asked = {"selector": selector, **({} if criterion is None else {"criterion": criterion})}
    by_words, by_name = resolved(**asked), resolved(criterion=stored)
    assert by_words.config.criterion == stored
    assert by_words.run_id == by_name.run_id


def test_the_criterion_gradient_is_still_a_ranking():
    assert resolved(criterion="gradient").config.criterion == "gradient"
    assert choice("gradient") == ("top", "gradient")
    assert not choice("gradient").reads_gradient


def test_every_criterion_of_a_list_can_be_trained():
    assert ADAPTER_GRADIENT in REGISTRY
    assert ADAPTER_GRADIENT not in of_runs()
    for criterion in of_runs():
        assert resolved(criterion=criterion).config.criterion == criterion
        assert len(named(criterion)) < 40


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"criterion": "adapter_gradient"}, "no ranking of channels"),
        ({"selector": "lowest", "criterion": "adapter_gradient"}, "no ranking of channels"),
        ({"selector": "gradient", "criterion": "taylor"}, "reads adapter_gradient, not taylor"),
        ({"selector": "gradient_wr"}, "did you mean 'gradient_rw'"),
        ({"criterion": "gradient_rw:taylr"}, "no criterion"),
        ({"selector": "gradient", "tokens": "patch"}, "an adapter, which changes all tokens"),
        ({"selector": "gradient", "score_site": "block"}, "the gradient at the tuned site attn"),
        ({"selector": "gradient", "score_task": "others"}, "the gradient of one task's loss"),
        ({"whiten": True}, "whiten needs init=zero"),
        ({"selector": "gradient", "selector_norm": "l1"}, "choose one of unit, sign"),
    ],
)
def test_what_cannot_be_asked_for_is_one_sentence(asked, sentence):
    with pytest.raises(InputError, match=sentence):
        resolve({"task": "digits", **asked}, weights="none")


def test_what_nothing_reads_changes_no_id():
    plain = resolved(criterion="class_l2")
    assert resolved(criterion="class_l2", selector_norm="sign").run_id == plain.run_id
    assert resolved(criterion="class_l2", whiten=False).run_id == plain.run_id
    by_sign = resolved(selector="gradient", selector_norm="sign")
    assert by_sign.run_id != resolved(selector="gradient").run_id
    assert "selector_norm" not in plain.config.to_dict()
    white = resolved(init="zero", whiten=True)
    assert white.run_id != resolved(init="zero").run_id


def test_k_written_is_k_read_so_parameters_are_those_of_the_paper():
    asked = resolved(selector="energy_read_gradient_write", k=24)
    assert asked.counts()["adapter_parameters"] == 12 * (24 * 24 + 24)
