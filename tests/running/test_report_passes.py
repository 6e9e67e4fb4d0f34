"""The passes of a report card: two halves of the images, and channels at their mean."""

from functools import partial

import pytest
import torch

from ict.catalogue import get_backbone
from ict.data import ImageSet, batches, load_set
from ict.errors import InputError
from ict.model.backbones import load_backbone, pooled_features
from ict.model.sites import open_sites
from ict.running.report_passes import Passes, halves
from ict.scoring.heads import fit_probe
from ict.scoring.inputs import Inputs
from ict.scoring.score_request import request_for
from ict.store import Store
from ict.tasks import get_task, load_subset
from ict.tasks.limits import Subset, rule_for
from ict.weights import find

LIMIT, SIZE = 40, 32


def set_of(split: str, limit: int) -> ImageSet:
    return load_set(load_subset(Subset(get_task("digits"), split, limit, rule_for(limit))), SIZE)


def passes_of(store: Store) -> Passes:
    base, weights_file = request_for(
        task="digits", backbone="ict_tiny", criterion="class_l2", sites=("attn",), tokens="patch",
        split="train800", pixel_normalisation="native", limit=LIMIT, image_size=SIZE,
    )  # fmt: skip
    inputs = Inputs.of(base, task=None, backbone=None, weights_file=weights_file, root=None)
    return Passes.of(store, base, inputs, device="cpu", bar=lambda said: None)


@pytest.mark.slow
def test_an_effect_is_what_a_channel_at_its_mean_does_to_images_that_gave_no_score(store):
    effects, checked = passes_of(store).effects(3)
    assert checked == 64
    assert len(effects) == 36
    one = effects[20]
    backbone = get_backbone("ict_tiny").at(SIZE)
    found = find(backbone, None, fetch=False)
    model = load_backbone(
        backbone.name, weights=found.identity, weights_file=found.path, classes=0, image_size=SIZE
    )
    normed = partial(batches, batch_size=100, mean=backbone.mean, std=backbone.std)
    ((train, labels),) = normed(set_of("train800", LIMIT))
    ((validation, truth),) = normed(set_of("val200", 64))
    seen: list[torch.Tensor] = []
    with torch.inference_mode(), open_sites(model, ("attn",), whole_stream=True) as opened:
        tap = opened["attn"][0][one.block].tap
        hook = tap.register_forward_hook(lambda _, __, values: seen.append(values))
        head = fit_probe(pooled_features(model, train).double().numpy(), labels.numpy(), 10)
        hook.remove()

        def exchanged(_tap, _inputs, values):
            values = values.clone()
            values[:, :, one.channel] = seen[0][:, :, one.channel].mean(dim=0)
            return values

        plain = pooled_features(model, validation)
        tap.register_forward_hook(exchanged)
        other = pooled_features(model, validation)
    logs = [
        torch.tensor(head.logits(features.double().numpy())).log_softmax(dim=1)
        for features in (plain, other)
    ]
    falls = (logs[0] - logs[1]).gather(1, truth[:, None]).abs()
    assert one.size == pytest.approx(float(falls.mean()), rel=1e-3)


def test_halves_have_every_image_once_and_every_class_by_halves():
    labels = torch.tensor([3, 0, 0, 3, 3, 1, 0, 3, 3, 2, 2])
    whole = ImageSet(torch.arange(11)[:, None], labels, 5)
    first, second = halves(whole)
    both = torch.cat([first.images, second.images])[:, 0]
    assert sorted(both.tolist()) == list(range(11))
    assert (len(first), len(second)) == (6, 5)
    counts = [torch.bincount(one.labels, minlength=5) for one in (first, second)]
    assert (counts[0] - counts[1]).abs().max() <= 1
    for half in (first, second):
        assert half.classes == 5
        assert labels[half.images[:, 0]].tolist() == half.labels.tolist()
        assert half.images[:, 0].tolist() == sorted(half.images[:, 0].tolist())
    with pytest.raises(InputError, match="one image has no two halves"):
        halves(ImageSet(torch.zeros(1, 1), torch.zeros(1, dtype=torch.int64), 2))
