"""What a process keeps between runs: bounded, found by its key alone, and never what a run changed."""

import torch
from torch import nn

from ict.data import ImageSet
from ict.running.kept import Kept


def images(value: int, count: int = 10) -> ImageSet:
    """300 bytes of pixels and 80 of labels."""
    pixels = torch.full((count, 3, 1, 10), value, dtype=torch.uint8)
    return ImageSet(pixels, torch.zeros(count, dtype=torch.int64), 2)


def test_the_same_key_is_loaded_once_and_another_key_again():
    kept, loaded = Kept(10_000), []

    def get(key: str, value: int) -> ImageSet:
        return kept.images(lambda: key, lambda: loaded.append(key) or images(value))

    first = get("a", 1)
    assert get("a", 2) is first
    assert int(get("b", 3).images[0, 0, 0, 0]) == 3
    assert loaded == ["a", "b"]
    assert kept.bytes == 2 * (300 + 80)


def test_what_was_used_least_lately_goes_first_and_the_bound_holds():
    kept, loaded = Kept(800), []
    for key in "aba" + "c" + "ab":  # room for two; c drives b out
        kept.images(lambda key=key: key, lambda key=key: loaded.append(key) or images(1))
        assert kept.bytes <= 800
    assert loaded == ["a", "b", "c", "b"]
    kept.images(lambda: "large", lambda: images(1, count=100))
    assert kept.bytes <= 800


def test_a_run_that_none_follows_finds_what_is_there_and_adds_nothing():
    kept = Kept(10_000)
    first = kept.images(lambda: "a", lambda: images(1))
    kept.growing = False
    assert kept.images(lambda: "a", lambda: images(1)) is first
    model = nn.Linear(2, 2)
    assert kept.backbone(lambda: "m", lambda: model) is model  # no copy for nobody
    assert kept.bytes == 380


def test_nothing_is_kept_and_no_key_is_made_without_room():
    kept = Kept()
    one = kept.images(lambda: 1 / 0, lambda: images(1))
    assert kept.images(lambda: 1 / 0, lambda: images(1)) is not one
    assert kept.bytes == 0


def test_images_that_a_run_changed_in_place_are_loaded_again():
    kept = Kept(10_000)
    kept.images(lambda: "a", lambda: images(1)).images.add_(1)
    again = kept.images(lambda: "a", lambda: images(1))
    assert int(again.images.max()) == 1


def test_every_run_gets_a_model_of_its_own_and_the_generator_as_after_building():
    def build() -> nn.Module:
        torch.manual_seed(0)
        return nn.Linear(3, 3)

    plain = build()
    drawn = torch.rand(4)
    kept = Kept(10_000)
    for _ in range(3):
        torch.manual_seed(99)
        model = kept.backbone(lambda: "m", build)
        assert torch.equal(torch.rand(4), drawn)
        assert torch.equal(model.weight, plain.weight)
        with torch.no_grad():
            model.weight.zero_()
        model.extra = nn.Linear(1, 1)
    assert not hasattr(kept.backbone(lambda: "m", build), "extra")
