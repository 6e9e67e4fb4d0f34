"""Gradients of dense adapters, against autograd of adapters that are there, and against the loss itself."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

import ict
from ict.adapter_gradients import PARTS, AdapterGradients, bytes_of
from ict.criteria import Request
from ict.errors import InputError
from ict.model.backbones import pooled_features
from ict.model.channel_adapter import ChannelAdapter
from ict.model.sites import open_sites
from ict.scoring.adapter_gradient import Dealer
from ict.scoring.gradient_sums import room_for
from ict.scoring.gradients import summed_loss
from ict.scoring.heads import CrossFittedHeads, cross_fit
from ict.scoring.reading import Meter
from tests.tiny_models import images_of, split, tiny_swin, tiny_vit

SITES = ("attn", "attn_branch", "mlp_branch", "block", "q", "k", "v")
IMAGES, LABELS = images_of()
MODELS: dict[str, Callable[[], nn.Module]] = {"vit": tiny_vit, "swin": tiny_swin}


def gradients_of(model: nn.Module, site: object = "attn", batch: int = 7) -> AdapterGradients:
    data = split(IMAGES, LABELS, batch)
    scores = ict.score(model, data, site=site, criterion="adapter_gradient", internal_batch=5)
    assert scores.gradients is not None
    return scores.gradients


def heads_of(model: nn.Module) -> CrossFittedHeads:
    data = split(IMAGES, LABELS, 5)
    return cross_fit(model, data, classes=3, kind="probe", meter=Meter(None, 0))


def loss_of(model: nn.Module, heads: CrossFittedHeads) -> Tensor:
    return summed_loss(heads, LABELS, heads.folds(IMAGES))(pooled_features(model, IMAGES))


def close(found: np.ndarray, expected: Tensor, of: Tensor | None = None) -> None:
    """Equal to 1e-5 of the largest of `expected`, or of what it is a part `of`."""
    assert found.shape == expected.shape
    error = np.abs(found - expected.detach().numpy()).max()
    assert error <= 1e-5 * (expected if of is None else of).abs().max().item()


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("family", MODELS)
def test_they_are_those_of_autograd_for_dense_adapters_at_zero(family, site):
    model = MODELS[family]()
    found = gradients_of(model, site).blocks(site)
    heads = heads_of(model)
    with open_sites(model, (site,)) as opened:
        places = [one for stage in opened[site] for one in stage]
        for place, block in zip(places, found, strict=True):
            place.adapter = ChannelAdapter(range(block.width), block.width, init="zero")
        loss_of(model, heads).backward()
        for place, block in zip(places, found, strict=True):
            weight, bias = place.adapter.weight.grad, place.adapter.bias.grad
            close(block.weight, weight)
            # a shift of all keys changes nothing: there the gradient of the bias is what rounding leaves
            close(block.bias, bias, of=weight if site == "k" else None)


def test_all_sites_of_one_pass_are_as_each_alone():
    model = tiny_vit()
    together = gradients_of(model, SITES)
    assert together.sites == SITES
    for site in SITES:
        alone = gradients_of(model, site)
        for name, array in alone.arrays.items():
            assert np.allclose(
                together.arrays[name], array, rtol=1e-4, atol=1e-5 * np.abs(array).max() + 1e-6
            )


@pytest.mark.parametrize("family", MODELS)
@pytest.mark.parametrize("site", ["attn", "mlp_branch"])
def test_a_small_step_lowers_the_loss_by_its_length_times_the_norm(family, site):
    model = MODELS[family]()
    written, read = np.array([1, 4, 7, 20]), np.array([0, 4, 9])
    heads = heads_of(model)
    before = loss_of(model, heads).item()
    for number, block in enumerate(gradients_of(model, site).blocks(site)):
        weight = np.zeros_like(block.weight)
        bias = np.zeros_like(block.bias)
        weight[np.ix_(written, read)] = block.weight[np.ix_(written, read)]
        bias[written] = block.bias[written]
        norm = np.sqrt((weight**2).sum() + (bias**2).sum())
        step = 2e-3 * before / norm
        with open_sites(model, (site,)) as opened:
            place = [one for stage in opened[site] for one in stage][number]
            place.adapter = ChannelAdapter(range(block.width), block.width, init="zero")
            with torch.no_grad():
                place.adapter.weight -= torch.tensor(step * weight / norm, dtype=torch.float32)
                place.adapter.bias -= torch.tensor(step * bias / norm, dtype=torch.float32)
                after = loss_of(model, heads).item()
        assert before - after == pytest.approx(step * norm, rel=0.05)


def test_each_part_has_the_sums_of_its_images():
    order = torch.randperm(16, generator=torch.Generator().manual_seed(4))  # 6, 5 and 5 of a class
    images, labels = IMAGES[order], LABELS[order]
    data = split(images, labels, 7)
    found = ict.score(tiny_vit(), data, criterion="adapter_gradient", internal_batch=5).gradients
    assert found.images == (2,) * PARTS
    assert found.heads == (0,) * 4 + (1,) * 4
    heads = cross_fit(tiny_vit(), data, classes=3, kind="probe", meter=Meter(None, 0))
    judge = heads.folds(images).tolist()
    place, seen = {}, {}
    for head in (0, 1):  # each class begins where the one before it ended
        mine = [int(k) for k, j in zip(labels, judge, strict=True) if j == head]
        place |= {(head, k): sum(other < k for other in mine) for k in range(3)}
    parts = []
    for k, head in zip(labels.tolist(), judge, strict=True):
        at = place[head, k] + seen.get((head, k), 0)
        seen[head, k] = seen.get((head, k), 0) + 1
        parts.append(4 * head + at % 4)
    assert parts != sorted(parts)
    for part in found.parts:
        mine = torch.tensor(parts) == part
        model = tiny_vit()
        with open_sites(model, ("attn",)) as opened:
            for place in opened["attn"][0]:
                place.adapter = ChannelAdapter(range(24), 24, init="zero")
            folds = heads.folds(images[mine])
            summed_loss(heads, labels[mine], folds)(pooled_features(model, images[mine])).backward()
            weights = [place.adapter.weight.grad for place in opened["attn"][0]]
        close(found.arrays[f"attn.0.G.{part}"], torch.stack(weights))


def test_batches_and_pieces_change_no_part():
    model = tiny_vit()
    expected = gradients_of(model, batch=18)
    found = gradients_of(model, batch=4)
    assert found.images == expected.images
    for name, array in expected.arrays.items():
        close(found.arrays[name], torch.tensor(array))


def test_parts_are_equal_and_mix_the_classes():
    counts = [1, 2, 7, 30, 1, 1, 9, 12, 4]
    generator = torch.Generator().manual_seed(0)
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    labels = labels[torch.randperm(len(labels), generator=generator)]
    dealt = Dealer(counts, PARTS).deal(labels)
    pieces = Dealer(counts, PARTS)
    assert torch.cat([pieces.deal(batch) for batch in labels.split(5)]).equal(dealt)
    sizes = torch.bincount(dealt, minlength=PARTS)
    assert sizes.max() - sizes.min() <= 1
    for label in range(len(counts)):
        own = torch.bincount(dealt[labels == label], minlength=PARTS)
        assert own.max() - own.min() <= 1


def test_images_that_no_head_may_judge_are_left_out():
    images, labels = images_of(per_class=3)
    rare = (labels == 2).nonzero()[:2, 0]
    keep = torch.tensor([n not in rare.tolist() for n in range(len(labels))])
    scores = ict.score(tiny_vit(), [(images[keep], labels[keep])], criterion="adapter_gradient")
    assert scores.meta["head_images_left_out"] == 1
    assert scores.meta["images_per_class"] == [3, 3, 0]
    assert scores.gradients.images == (1,) * 6
    assert scores.gradients.heads == (0,) * 3 + (1,) * 3


def test_few_images_have_fewer_parts_and_too_few_are_refused():
    data = [(IMAGES[[0, 1, 3, 4]], LABELS[[0, 1, 3, 4]])]
    found = ict.score(tiny_vit(), data, criterion="adapter_gradient").gradients
    assert found.images == (1, 1, 1, 1)
    single = [(IMAGES[:4], torch.arange(4))]
    with pytest.raises(InputError, match="two classes with at least two images each; score more"):
        ict.score(tiny_vit(), single, criterion="adapter_gradient")


def test_scores_are_norms_of_rows_and_columns():
    scores = ict.score(tiny_swin(), [(IMAGES, LABELS)], criterion="adapter_gradient")
    blocks = scores.gradients.blocks("attn")
    write = [np.sqrt((b.weight**2).sum(1) + b.bias**2) for b in blocks]
    read = [np.sqrt((b.weight**2).sum(0)) for b in blocks]
    for kind, expected in (("", write), ("write", write), ("read", read)):
        found = [row for stage in scores.site("attn", kind) for row in stage]
        for one, other in zip(found, expected, strict=True):
            assert np.allclose(one, other, rtol=1e-6)
    assert scores.frame("read").score.tolist() == [
        value for row in read for value in row.astype("f4")
    ]


def test_a_notebook_keeps_them_in_a_file(tmp_path):
    scores = ict.score(tiny_vit(), [(IMAGES, LABELS)], criterion="adapter_gradient", task="my pets")
    again = AdapterGradients.load(scores.gradients.save(tmp_path / "gradients.safetensors"))
    assert again.images == scores.gradients.images
    assert all(np.array_equal(again.arrays[n], a) for n, a in scores.gradients.arrays.items())
    assert again.meta["task"] == "my pets"
    assert "adapter_gradient" in repr(scores)
    kept = ict.ChannelScores.load(scores.save(tmp_path / "scores.safetensors"))
    assert np.array_equal(kept.site("attn", "read")[0], scores.site("attn", "read")[0])
    assert kept.gradients is None


@pytest.mark.parametrize("kind", ["write", "read"])
def test_a_score_file_with_norms_of_another_shape_is_refused(tmp_path, kind):
    rows = np.ones((2, 4), dtype=np.float32)
    scores = ict.ChannelScores({"attn.0": rows, f"attn.0.{kind}": rows[:, :3]})
    with pytest.raises(InputError, match=rf"attn.0.{kind} has the shape \(2, 3\), not \(2, 4\)"):
        ict.ChannelScores.load(scores.save(tmp_path / "scores.safetensors"))


@pytest.mark.parametrize("tokens", ["patch", "cls"])
def test_other_tokens_are_refused(tokens):
    with pytest.raises(InputError, match=f"over {tokens} tokens: an adapter changes every token"):
        ict.score(tiny_vit(), [(IMAGES, LABELS)], criterion="adapter_gradient", tokens=tokens)


def test_sums_that_do_not_fit_are_refused_and_others_leave_room_for_fewer_images():
    model = tiny_vit()
    sums = bytes_of([(3, 24)], 2)

    def room(limit: int) -> int:
        options = {"memory_limit_bytes": limit}
        request = Request(sites=("attn", "q"), classes=3, images=18, tokens="all", options=options)
        with open_sites(model, request.sites, whole_stream=True) as opened:
            return room_for(model, opened, IMAGES[:1], request, PARTS).at_once

    with pytest.raises(
        InputError, match=r"gradients of adapters at attn, q needs .* score fewer sites"
    ):
        room(sums - 1)
    with pytest.raises(InputError, match="a backward pass over 1 image needs"):
        room(sums + 1)
    much = 2**26
    assert 1 <= room(sums + much // 2) < room(sums + much)


class Products(TorchDispatchMode):
    """Remembers for every product that is added up whether TF32 was allowed."""

    def __init__(self) -> None:
        super().__init__()
        self.allowed: list[bool] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is torch.ops.aten.addmm_.default:
            self.allowed.append(tf32_allowed())
        return func(*args, **(kwargs or {}))


def tf32_allowed() -> bool:
    matmul = torch.backends.cuda.matmul
    if hasattr(matmul, "fp32_precision"):
        return matmul.fp32_precision == "tf32"
    return matmul.allow_tf32


def test_products_are_of_whole_float32_whatever_the_user_allowed():
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        with Products() as products:
            gradients_of(tiny_vit())
        assert tf32_allowed()
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision(before)
    assert len(products.allowed) >= 3 * PARTS
    assert not any(products.allowed)


def test_the_model_is_as_it_was():
    model = tiny_vit()
    hooks = [
        module for module in model.modules() if module._forward_hooks or module._backward_hooks
    ]
    gradients_of(model, SITES)
    assert hooks == [m for m in model.modules() if m._forward_hooks or m._backward_hooks]
    assert all(p.requires_grad and p.grad is None for p in model.parameters())
    assert sorted(model.state_dict()) == sorted(tiny_vit().state_dict())
