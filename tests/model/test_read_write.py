"""Adapters that read R and write S: against a dense layer with the same numbers, on every family and site."""

import copy
import dataclasses

import pytest
import torch

import ict
from ict.errors import InputError
from ict.model.adapters import adapters, load_trained_state, trained_state_bytes
from ict.model.backbones import block_stages
from ict.model.channel_adapter import ChannelAdapter
from ict.model.folding import fold
from ict.selection import Selection
from tests.model.test_families import CASES, NORM_BEHIND, build, logits, random_selection

K = 6


def read_write(model, site, *, rms=False):
    """Two draws of K channels a block, the read set and the write set; sizes of what is read if asked."""
    torch.manual_seed(5)
    reads, writes = random_selection(model, site, K), random_selection(model, site, K - 1)
    blocks = [
        dataclasses.replace(
            r,
            writes=w.indices,
            rms=tuple(float(v) for v in torch.linspace(0.5, 3, K)) if rms else None,
        )
        for r, w in zip(reads.blocks, writes.blocks, strict=True)
    ]
    return dataclasses.replace(reads, blocks=tuple(blocks))


def stirred(model):
    generator = torch.Generator().manual_seed(9)
    with torch.no_grad():
        for adapter in adapters(model).values():
            for parameter in adapter.parameters():
                parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    return model


def dense_twin(model, selection, site, *, scale, scale_on_x):
    """The same model with adapters over all D channels, whose numbers outside S × R are zero."""
    small = adapters(model)
    twin = ict.detach(copy.deepcopy(model), head="trained")
    whole = tuple(
        dataclasses.replace(b, indices=tuple(range(b.width)), writes=None, rms=None)
        for b in selection.blocks
    )
    ict.attach(twin, Selection(site, whole), scale=1.0, init="zero")
    for name, dense in adapters(twin).items():
        own = small[name]
        read, written = own.indices, own.written
        weight = own.weight.detach() / (1 if own.rms is None else own.rms)
        with torch.no_grad():
            factor = 1.0 if scale_on_x else scale
            dense.weight[written[:, None], read] += factor * weight
            dense.bias[written] += factor * own.bias.detach()
            if scale_on_x:
                dense.weight[written, written] += scale - 1.0
    return twin


@pytest.mark.parametrize(("family", "site"), CASES)
@pytest.mark.parametrize(("scale_on_x", "rms"), [(False, False), (False, True), (True, False)])
def test_equals_a_dense_layer_that_is_zero_elsewhere(family, site, scale_on_x, rms):
    model, images = build(family)
    selection = read_write(model, site, rms=rms)
    how = {"scale": 0.7, "scale_on_x": scale_on_x}
    before = logits(model, images)
    ict.attach(model, selection, **how)
    stirred(model)
    twin = dense_twin(model, selection, site, **how)
    assert (logits(model, images) - before).abs().max() > 1e-4
    torch.testing.assert_close(logits(model, images), logits(twin, images), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("site", ["attn", "attn_branch", "mlp_branch", "block", "q", "v"])
def test_gradients_are_those_of_the_dense_layer_at_s_and_r(site):
    model, images = build("vit")
    selection = read_write(model, site)
    ict.attach(model, selection)
    twin = dense_twin(stirred(model), selection, site, scale=1.0, scale_on_x=False)
    for one in (model, twin):
        torch.nn.functional.cross_entropy(one(images), torch.arange(4)).backward()
    for name, dense in adapters(twin).items():
        own = adapters(model)[name]
        part = dense.weight.grad[own.written[:, None], own.indices]
        torch.testing.assert_close(own.weight.grad, part, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(
            own.bias.grad, dense.bias.grad[own.written], rtol=1e-4, atol=1e-6
        )


@pytest.mark.parametrize("scale_on_x", [False, True])
def test_one_set_named_twice_is_the_papers_adapter_bit_for_bit(scale_on_x):
    generator = torch.Generator().manual_seed(0)
    chosen = [7, 2, 11]
    plain = ChannelAdapter(chosen, 16, scale=0.3, scale_on_x=scale_on_x, generator=generator)
    twice = ChannelAdapter(chosen, 16, writes=chosen, scale=0.3, scale_on_x=scale_on_x)
    twice.load_state_dict({**plain.state_dict(), "writes": torch.tensor(chosen)})
    values, stream = torch.randn(2, 5, 16), torch.randn(2, 5, 16)
    for arguments in ((values,), (values, stream)):
        assert torch.equal(plain(*arguments), twice(*arguments))


def test_a_plain_adapter_stores_what_it_stored_before():
    assert set(ChannelAdapter([1, 2], 4).state_dict()) == {"indices", "weight", "bias"}


@pytest.mark.parametrize(
    ("family", "site"),
    [case for case in CASES if case[1] not in ("attn", "block") and case[0] not in NORM_BEHIND],
)
@pytest.mark.parametrize(("scale_on_x", "rms"), [(False, True), (True, False)])
def test_folds_into_a_plain_checkpoint(family, site, scale_on_x, rms):
    model, images = build(family)
    ict.attach(model, read_write(model, site, rms=rms), scale=0.7, scale_on_x=scale_on_x)
    adapted = logits(stirred(model), images)
    plain, _ = build(family)
    plain.load_state_dict(fold(model).state_dict())
    torch.testing.assert_close(logits(plain, images), adapted, rtol=1e-4, atol=1e-4)


def test_parameters_and_files_keep_both_sets(tmp_path):
    model, images = build("swin")
    selection = read_write(model, "attn", rms=True)
    assert selection.parameters() == len(selection.blocks) * (K + 1) * (K - 1)
    assert Selection.load(selection.save(tmp_path / "s.safetensors")) == selection
    assert Selection.from_dict(selection.to_dict()) == selection
    ict.attach(model, selection)
    adapted = logits(stirred(model), images)
    ict.save_adapter(model, tmp_path / "a.safetensors")
    (tmp_path / "state").write_bytes(trained_state_bytes(model, {}))

    again, _ = build("swin")
    ict.load_adapter(again, tmp_path / "a.safetensors")
    assert torch.equal(logits(again, images), adapted)
    third, _ = build("swin")
    load_trained_state(ict.attach(third, selection), tmp_path / "state")
    assert torch.equal(logits(third, images), adapted)
    other = dataclasses.replace(
        selection,
        blocks=tuple(dataclasses.replace(b, writes=b.indices[: K - 1]) for b in selection.blocks),
    )
    for wrong in (other, random_selection(model, "attn", K)):
        fourth, _ = build("swin")
        with pytest.raises(InputError, match=r"other channels|made for another|lacks"):
            load_trained_state(ict.attach(fourth, wrong), tmp_path / "state")


def test_a_file_without_the_write_set_is_not_taken_for_one_with_it(tmp_path):
    model, _ = build("vit")
    plain = random_selection(model, "attn", K)
    (tmp_path / "state").write_bytes(trained_state_bytes(ict.attach(model, plain), {}))
    again, _ = build("vit")
    moved = tuple(
        dataclasses.replace(b, writes=tuple((i + 1) % b.width for i in b.indices))
        for b in plain.blocks
    )
    with pytest.raises(InputError, match="lacks"):
        load_trained_state(
            ict.attach(again, dataclasses.replace(plain, blocks=moved)), tmp_path / "state"
        )


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({"writes": [1, 1]}, "different ones"),
        ({"writes": [4]}, "from 0 to 3"),
        ({"rms": [1.0]}, "positive number for each of 2"),
        ({"rms": [1.0, 0.0]}, "positive number"),
        ({"rms": [1.0, float("nan")]}, "positive number"),
    ],
)
def test_what_cannot_be_built_is_said(bad, sentence):
    with pytest.raises(InputError, match=sentence):
        ChannelAdapter([0, 1], 4, **bad)


def test_whitened_weights_are_the_same_functions():
    """An adapter on x / rms with weights W · rms answers as one on x with weights W."""
    model, images = build("vit")
    selection = read_write(model, "block", rms=True)
    white = stirred(ict.attach(copy.deepcopy(model), selection, init="zero"))
    bare = dataclasses.replace(
        selection, blocks=tuple(dataclasses.replace(b, rms=None) for b in selection.blocks)
    )
    plain = ict.attach(model, bare, init="zero")
    with torch.no_grad():
        for name, own in adapters(white).items():
            twin = adapters(plain)[name]
            twin.weight.copy_(own.weight / own.rms)
            twin.bias.copy_(own.bias)
    torch.testing.assert_close(logits(plain, images), logits(white, images), rtol=1e-4, atol=1e-5)
    assert sum(len(stage) for stage in block_stages(model)) == len(selection.blocks)
