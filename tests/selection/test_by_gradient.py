"""Channels chosen by the gradients of dense adapters: what is stored, and what is refused."""

import numpy as np
import pytest

from ict.adapter_gradients import AdapterGradients
from ict.criteria import NORMS
from ict.errors import InputError
from ict.scores import ChannelScores
from ict.selection import Selection
from ict.selection.by_gradient import select_by_gradient, share_of_bound
from tests.selection.gradients import drawn, one_block

TWO_STAGES = ((2, 8), (1, 16))


def energy(stages=TWO_STAGES, **meta):
    generator = np.random.default_rng(3)
    arrays = {f"attn.{s}": generator.random(shape).astype("f") for s, shape in enumerate(stages)}
    return ChannelScores(arrays, meta)


def worth(gradients, selection, norm):
    """Σ of G² or |G|, and of the bias, over all chosen pairs, by loops."""
    total = 0.0
    for block, one in zip(gradients.blocks("attn"), selection.blocks, strict=True):
        for s in one.written:
            entries = [block.bias[s], *(block.weight[s, r] for r in one.indices)]
            total += sum(abs(e) if norm == "sign" else e * e for e in entries)
    return total


def test_one_set_is_the_papers_adapter_and_two_sets_say_what_is_written():
    gradients = drawn(TWO_STAGES, backbone="swin", score_id="s1")
    one = select_by_gradient(gradients, selector="gradient", ratio=0.25)
    two = select_by_gradient(gradients, selector="gradient_rw", ratio=0.25)
    for chosen, name in ((one, "gradient"), (two, "gradient_rw")):
        assert chosen.criterion == f"{name}:adapter_gradient"
        assert (chosen.site, chosen.backbone, chosen.score_id) == ("attn", "swin", "s1")
        assert [(b.stage, b.block, b.width) for b in chosen.blocks] == [
            (0, 0, 8),
            (0, 1, 8),
            (1, 2, 16),
        ]
        assert [len(b.indices) for b in chosen.blocks] == [2, 2, 4]
        assert Selection.from_dict(chosen.to_dict()) == chosen
    assert all(block.writes is None for block in one.blocks)
    assert any(block.writes is not None for block in two.blocks)
    assert worth(gradients, two, "unit") >= worth(gradients, one, "unit")


def test_sets_that_are_the_same_have_no_writes_of_their_own():
    weight = np.zeros((6, 6))
    weight[np.ix_([1, 4], [1, 4])] = 3
    weight[0, 5] = 1
    (block,) = select_by_gradient(one_block(weight), selector="gradient_rw", k=2).blocks
    assert (block.indices, block.writes) == ((1, 4), None)


def test_reads_by_energy_are_its_highest_and_writes_the_best_for_them():
    gradients, scores = drawn(TWO_STAGES), energy(criterion="class_l2", score_id="e1")
    chosen = select_by_gradient(
        gradients, selector="energy_read_gradient_write", k=[2, 3], energy=scores
    )
    assert (chosen.criterion, chosen.score_id) == ("energy_read_gradient_write:class_l2", "e1")
    rows = [*scores.arrays["attn.0"], *scores.arrays["attn.1"]]
    for block, row, gradient in zip(chosen.blocks, rows, gradients.blocks("attn"), strict=True):
        k = len(block.indices)
        assert block.indices == tuple(sorted(np.argsort(-row)[:k].tolist()))
        lengths = (gradient.weight[:, block.indices] ** 2).sum(axis=1) + gradient.bias**2
        assert block.written == tuple(sorted(np.argsort(-lengths)[:k].tolist()))


def test_one_large_entry_counts_for_more_in_squares_than_in_sizes():
    weight = np.zeros((4, 4))
    weight[:3, :2] = [[5, 0], [3, 3], [9, 9]]
    gradients = one_block(weight)
    writes = {
        norm: select_by_gradient(gradients, selector="gradient_rw", k=2, norm=norm)
        .blocks[0]
        .written
        for norm in NORMS
    }
    assert writes == {"unit": (0, 2), "sign": (1, 2)}


def test_parts_and_blocks_limit_what_is_read():
    gradients = drawn(((3, 10),), noise=4)
    alone = {n: a for n, a in gradients.arrays.items() if n.endswith((".0", ".2"))}
    renamed = {n[:-1] + str("02".index(n[-1])): a for n, a in alone.items()}
    some = select_by_gradient(gradients, selector="gradient", k=3, parts=(0, 2), blocks=[1, 2])
    only = select_by_gradient(AdapterGradients(renamed, (10, 10)), selector="gradient", k=3)
    assert [block.block for block in some.blocks] == [1, 2]
    assert some.blocks == only.blocks[1:]


@pytest.mark.parametrize("norm", NORMS)
def test_the_share_of_the_bound_is_one_for_all_channels_and_at_most_one(norm):
    gradients = drawn(((2, 12),))
    for selector in ("gradient", "gradient_rw"):
        everything = select_by_gradient(gradients, selector=selector, k=12)
        assert share_of_bound(gradients, everything, norm) == pytest.approx(1)
        some = select_by_gradient(gradients, selector=selector, k=4, norm=norm)
        assert 0.6 < share_of_bound(gradients, some, norm) <= 1
    weak = Selection("attn", everything.blocks[:1])
    assert share_of_bound(gradients, weak, norm) == pytest.approx(1)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"selector": "top"}, "selector='top' reads no gradients"),
        ({"selector": "energy_read_gradient_write"}, "give energy="),
        ({"norm": "units"}, "norm='units': choose one of unit, sign"),
        ({"k": 9}, "k=9: a block has 8 channels; choose 1 to 8"),
        ({"site": "mlp"}, "no gradients at site 'mlp'; there are attn"),
        ({"blocks": [2]}, "blocks=\\[2\\]: give a list of some of the blocks 0 to 1"),
        ({"ratio": 0.5}, "both k and ratio"),
    ],
)
def test_what_cannot_be_chosen_is_refused(asked, message):
    with pytest.raises(InputError, match=message):
        select_by_gradient(drawn(), **{"selector": "gradient", "k": 2, **asked})


def test_scores_of_another_shape_cannot_say_what_is_read():
    with pytest.raises(
        InputError, match="energy has 2 × 8 \\+ 1 × 16 channels at attn, the gradients 2 × 8"
    ):
        select_by_gradient(drawn(), selector="energy_read_gradient_write", k=2, energy=energy())


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (np.nan, "block 0: a gradient is NaN or infinite"),
        (np.inf, "block 0: a gradient is NaN or infinite"),
        (0, "block 0: all gradients are 0, so no choice means anything"),
    ],
)
def test_gradients_that_leave_no_choice_are_refused(entry, message):
    weight = np.zeros((4, 4))
    weight[1, 2] = entry
    with pytest.raises(InputError, match=message):
        select_by_gradient(one_block(weight, np.ones(4)), selector="gradient", k=2)


def test_a_selection_of_other_blocks_or_widths_has_no_share():
    chosen = select_by_gradient(drawn(((3, 8),)), selector="gradient", k=2)
    with pytest.raises(InputError, match="the gradients lack block 2 of the selection"):
        share_of_bound(drawn(((2, 8),)), chosen)
    with pytest.raises(InputError, match="the selection has 8 channels, the gradients 9"):
        share_of_bound(drawn(((3, 9),)), chosen)
