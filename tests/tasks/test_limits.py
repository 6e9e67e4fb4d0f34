"""A limit leaves images of every class, the same for everybody, nested in larger limits."""

import hashlib
import itertools
from dataclasses import replace

import numpy as np
import pytest

from ict.tasks import get_task, load_split
from ict.tasks.digests import ImageDigests
from ict.tasks.limits import FIRST, STRATIFIED, Subset, limited, said, stratified, words
from tests.vtab_layout import make_task

SORTED = np.repeat([0, 1, 2, 7], [60, 30, 9, 1])  # a list in the order of its classes


@pytest.mark.parametrize("seed", range(5))
def test_every_class_keeps_its_share_and_at_least_one_image(seed):
    labels = np.random.default_rng(seed).permutation(SORTED)
    for limit in range(4, 101):
        left = stratified(labels, limit)
        assert len(left) == len(set(left.tolist())) == limit
        assert (np.diff(left) > 0).all()
        for c, size in zip(*np.unique(SORTED, return_counts=True), strict=True):
            kept = (labels[left] == c).sum()
            assert kept >= 1
            assert abs(kept - limit * size / 100) < 2


def test_a_smaller_limit_is_part_of_a_larger_one():
    chosen = [set(stratified(SORTED, limit).tolist()) for limit in range(101)]
    assert all(small <= large for small, large in itertools.pairwise(chosen))
    assert len(stratified(SORTED, 1000)) == 100
    assert {SORTED[i] for i in chosen[3]} == {0, 1, 2}  # fewer than classes: the largest ones


def test_it_is_a_restatement_one_image_at_a_time():
    """Sainte-Laguë: each next image is of the class with the largest size over 2 · taken + 1."""
    sizes, taken = {0: 60, 1: 30, 2: 9, 7: 1}, dict.fromkeys((0, 1, 2, 7), 1)
    for _ in range(30 - 4):
        largest = max(sizes, key=lambda c: (taken[c] < sizes[c], sizes[c] / (2 * taken[c] + 1)))
        taken[largest] += 1
    found = SORTED[stratified(SORTED, 30)]
    assert {c: int((found == c).sum()) for c in sizes} == taken


def test_it_is_the_same_for_ever():
    """Ids are made of a limit and its rule: another choice would be other results under old ids."""
    labels = np.arange(1000) * 7919 % 13
    digest = hashlib.sha256(stratified(labels, 100).astype("<i8").tobytes()).hexdigest()
    assert digest[:16] == "f66837253200922e"


def test_images_of_a_class_are_not_the_first_of_the_list():
    assert set(stratified(SORTED, 10).tolist()) != set(range(6)) | {60, 61, 90, 99}
    ranks = stratified(np.zeros(1000, int), 200)
    assert 400 < ranks.mean() < 600


@pytest.mark.parametrize("task", ["digits", "sprites_loc"])
def test_a_limited_split_holds_those_images_with_their_labels(task):
    whole = load_split(task, "val200")
    left = limited(whole, 20, STRATIFIED)
    indices = stratified(whole.labels, 20)
    np.testing.assert_array_equal(left.labels, whole.labels[indices])
    for place, index in enumerate(indices):
        assert left.image(place).tobytes() == whole.image(int(index)).tobytes()
    assert left.part(5, 9).image(1).tobytes() == left.image(6).tobytes()
    assert limited(whole, None, STRATIFIED) is limited(whole, 200, FIRST) is whole
    assert len(set(limited(whole, 3, FIRST).labels == whole.labels[:3])) == 1


def test_paths_and_digests_are_of_the_same_images(tmp_path, monkeypatch):
    monkeypatch.setenv("ICT_VTAB_ROOT", str(tmp_path))
    make_task(tmp_path / "birds", train=6)
    digests = ImageDigests()
    for rule in (FIRST, STRATIFIED):
        left = limited(load_split("birds", "train800"), 3, rule)
        subset = Subset(get_task("birds"), "train800", 3, rule)
        assert digests.names(subset) == tuple(map(str, left.paths))
        contents = [hashlib.sha256(path.read_bytes()).hexdigest() for path in left.paths]
        assert list(digests.images(subset)) == contents
    labels = load_split("digits", "test").labels
    test = Subset(get_task("digits"), "test")
    every = digests.images(test)
    expected = [every[i] for i in stratified(labels, 40)]
    assert list(digests.images(replace(test, limit=40, rule=STRATIFIED))) == expected
    assert digests.images(replace(test, limit=40)) == every[:40]


def test_what_is_said_of_a_limit():
    assert said(FIRST, 48, 800) == "only the first 48 of 800 images (limit)"
    assert said(STRATIFIED, 48, 800).startswith("only 48 of 800 images, shared out")
    assert words(None, FIRST) == ""
    assert words(30, FIRST) == ", the first 30 of the list"
    assert words(30, STRATIFIED) == ", 30 of them, shared out over the classes"
