"""Scoring by a captured pass, with a capture that a CPU can do: the numbers of the plain one."""

import numpy as np
import pytest
import torch

from ict.criteria import Request, get_criterion
from ict.model.cuda_graph import Captured
from ict.scoring import norm_sums, norms
from tests.tiny_models import images_of, split, tiny_swin, tiny_vit

SITES = ("attn", "mlp_branch")


class FakeCapture:
    """Computes twice to no purpose, as a capture does, and again at every replay."""

    def __init__(self, refuses=False):
        self.refuses, self.captured, self.replayed = refuses, [], 0

    def __call__(self, compute, images, labels):
        images, labels = images.clone(), labels.clone()
        compute(images, labels)
        compute(images, labels)
        if self.refuses:
            raise RuntimeError("waits for the GPU")
        self.captured.append(len(images))

        def replay():
            self.replayed += 1
            compute(images, labels)

        return Captured(images, labels, None, replay)


@pytest.fixture(autouse=True)
def few_batches_are_worth_it(monkeypatch):
    monkeypatch.setattr(norm_sums, "WORTH", 2)


def arrays(model, name, batches, capture=None, **options):
    count = sum(len(labels) for _, labels in batches())
    request = Request(sites=SITES, classes=4, images=count, **options)
    return norms.compute(name, model, batches, request, capture=capture).arrays


def check_same(found, expected):
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


@pytest.mark.parametrize("model", [tiny_vit, tiny_swin])
@pytest.mark.parametrize("name", ["class_l2", "l2", "variance"])
def test_replayed_batches_give_the_plain_scores(model, name):
    """18 images by 4: the first as it comes, a capture at the second, the last 2 as they come."""
    batches, capture = split(*images_of(), 4), FakeCapture()
    found = arrays(model(), name, batches, capture)
    check_same(found, arrays(model(), name, batches))
    assert (capture.captured, capture.replayed) == ([4], 3)


def test_a_model_that_cannot_be_captured_is_read_as_before():
    batches = split(*images_of(), 4)
    refusing = FakeCapture(refuses=True)
    check_same(arrays(tiny_vit(), "l2", batches, refusing), arrays(tiny_vit(), "l2", batches))
    assert refusing.replayed == 0


def test_few_batches_are_not_worth_a_capture(monkeypatch):
    monkeypatch.setattr(norm_sums, "WORTH", 5)
    capture = FakeCapture()
    arrays(tiny_vit(), "l2", split(*images_of(), 4), capture)
    assert (capture.captured, capture.replayed) == ([], 0)


def test_energies_do_not_hang_on_how_they_are_summed():
    """The kernel for a GPU, tried here: its squares are those of the plain sum."""
    values = torch.randn(3, 7, 5, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(
        torch.linalg.vector_norm(values, dim=1).square(), norm_sums.token_energy(values)
    )


def test_the_registered_criterion_is_this_one():
    batches = split(*images_of(), 4)
    request = Request(sites=SITES, classes=4, images=18)
    check_same(
        get_criterion("l2").compute(tiny_vit(), batches, request).arrays,
        arrays(tiny_vit(), "l2", batches),
    )
