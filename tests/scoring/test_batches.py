"""Scores in a notebook: batches as people have them give the scores of plain ones, or one sentence."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import ict
from ict.criteria import REGISTRY
from ict.errors import InputError
from ict.scoring.batches import class_numbers, parts
from tests.tiny_models import images_of, split, tiny_swin, tiny_vit

IMAGES, LABELS = images_of()
GRADIENTS = (
    "taylor",
    "fisher",
    "gradient",
    "grad_x_activation",
    "integrated_gradients",
    "ablation",
)
ONE_HOT = nn.functional.one_hot(LABELS)


def expected() -> ict.ChannelScores:
    """Scores of plain batches, with as many threads as the test has: the last digits follow from these."""
    return ict.score(tiny_vit(), [(IMAGES, LABELS)])


def scored(data: object, **how: object) -> np.ndarray:
    return ict.score(tiny_vit(), data, **how).stacked("attn")


@pytest.mark.parametrize(
    "labels",
    [
        LABELS[:, None],
        LABELS.tolist(),
        LABELS.numpy(),
        LABELS.to(torch.uint8),
        LABELS.numpy().astype(np.uint16),
        ONE_HOT,
        ONE_HOT.float(),
        ONE_HOT.bool(),
        ONE_HOT.numpy(),
        [[label] for label in LABELS.tolist()],
    ],
    ids=[
        "(B, 1)",
        "list",
        "NumPy",
        "uint8",
        "uint16",
        "one-hot",
        "floats",
        "bools",
        "array",
        "rows",
    ],
)
def test_labels_of_one_meaning_are_read(labels):
    """0.1.0: a RuntimeError about shapes for (B, 1) and one-hot, AttributeError for lists, TypeError for NumPy."""
    assert class_numbers(labels).tolist() == LABELS.tolist()
    assert np.array_equal(scored([(IMAGES, labels)]), expected().stacked("attn"))


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (
            LABELS.float(),
            r"labels are float32: give whole numbers, the classes from 0 \(labels.long\(\)\)",
        ),
        (LABELS > 0, "labels are bool: give whole numbers"),
        (
            ONE_HOT.float().softmax(1),
            r"have the shape \(18, 3\) and are not one-hot: give one class",
        ),
        (ONE_HOT + 1, r"not one-hot: give one class an image"),
        (ONE_HOT[None], r"labels have the shape \(1, 18, 3\): give \(B,\)"),
        (["cat"] * 18, "labels are a list that is no table of numbers"),
        (LABELS[:5], "a batch has 18 images and 5 labels; give one label each"),
        (LABELS - 1, "labels from -1 to 1: give 0 to 1"),
    ],
)
def test_labels_of_no_meaning_are_one_sentence(labels, sentence):
    """0.1.0 took floats for classes; RuntimeError for soft and missing labels, AttributeError for words."""
    with pytest.raises(InputError, match=sentence):
        scored([(IMAGES, labels)])


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        (
            (IMAGES * 50).clamp(0, 255).byte(),
            r"images are uint8: give normalised numbers, \(images / 255",
        ),
        (
            IMAGES[..., :24, :24],
            r"shape \(18, 3, 24, 24\): the model takes \(B, 3, 32, 32\); resize them",
        ),
        (IMAGES[:, :1], r"shape \(18, 1, 32, 32\): the model takes \(B, 3, 32, 32\)"),
        (IMAGES[:, 0], r"shape \(18, 32, 32\): the model takes"),
        (["a.png"] * 18, "images are a list that is no table of numbers"),
    ],
)
def test_images_that_the_model_cannot_take_are_one_sentence(images, sentence):
    """0.1.0: "Input type (unsigned char) and bias type (float) should be the same", AssertionErrors of timm."""
    with pytest.raises(InputError, match=sentence):
        scored([(images, LABELS)])
    with pytest.raises(InputError, match=r"the model takes \(B, 3, 32, 32\)"):
        ict.score(tiny_swin(), [(IMAGES[..., :16, :16], LABELS)])


def test_batches_may_be_tables():
    """0.1.0: "each batch must be a pair", for what Hugging Face's loaders give."""
    for names in (("images", "labels"), ("pixel_values", "label"), ("image", "target"), ("x", "y")):
        batch = {"id": list(range(18)), **dict(zip(names, (IMAGES, LABELS), strict=True))}
        assert np.array_equal(scored([batch]), expected().stacked("attn"))
    with pytest.raises(
        InputError, match="a batch has the keys 'pic, y'; name its parts images and"
    ):
        scored([{"pic": IMAGES, "y": LABELS}])
    with pytest.raises(InputError, match="each batch must be a pair"):
        scored([(IMAGES, LABELS, LABELS)])


def test_a_dataset_in_place_of_a_loader_is_one_sentence():
    """0.1.0: ValueError, not enough values to unpack."""
    data = TensorDataset(IMAGES, LABELS)
    with pytest.raises(
        InputError, match=r"a batch has 3 images and 1 labels|labels have the shape \(\)"
    ):
        scored(data)
    loaded = scored(DataLoader(data, batch_size=18, shuffle=True))
    assert np.allclose(loaded, expected().stacked("attn"), rtol=1e-5)


def test_a_batch_without_images_is_left_out():
    """0.1.0: min() of no label, a RuntimeError."""
    empty = (IMAGES[:0], LABELS[:0])
    assert np.array_equal(scored([(IMAGES, LABELS), empty]), expected().stacked("attn"))
    assert np.array_equal(scored([empty, (IMAGES, LABELS)]), expected().stacked("attn"))
    with pytest.raises(InputError, match="holds no batch: there is nothing to score"):
        scored([empty])


def test_arrays_of_another_type_of_number_are_moved_to_the_models():
    """0.1.0: "Input type (double) and bias type (float) should be the same"; a TypeError for NumPy."""
    for images in (IMAGES.numpy(), IMAGES.double(), IMAGES.numpy().astype("float64")):
        assert np.array_equal(scored([(images, LABELS)]), expected().stacked("attn"))
    pixels, classes = parts((IMAGES.numpy(), LABELS.tolist()))
    assert (pixels.dtype, classes.dtype) == (torch.float32, torch.int64)


@pytest.mark.parametrize("criterion", ["taylor", "integrated_gradients", "class_l2", "weight_norm"])
def test_scores_inside_inference_mode_and_no_grad_are_the_same(criterion):
    """0.1.0: "element 0 of tensors does not require grad" for every criterion with a gradient."""
    model, data = tiny_vit(depth=1), split(IMAGES, LABELS, 9)

    def scores(batches):
        return ict.score(model, batches, criterion=criterion, tokens="all").stacked("attn")

    expected = scores(data)
    with torch.inference_mode():
        inside = [(images.clone(), labels.clone()) for images, labels in data()]
        assert all(images.is_inference() for images, _ in inside)
        assert np.array_equal(scores(inside), expected)
        assert torch.is_inference_mode_enabled()
    with torch.no_grad():
        assert np.array_equal(scores(data), expected)
        assert not torch.is_grad_enabled()


def test_attach_inside_inference_mode_can_be_trained():
    """0.1.0: "Inference tensors cannot be saved for backward" at the first step."""
    model = tiny_vit(num_classes=3)
    with torch.inference_mode():
        ict.attach(model, ict.select(expected(), k=4))
    nn.functional.cross_entropy(model(IMAGES), LABELS).backward()
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)


def test_a_model_that_was_made_inside_inference_mode_is_one_sentence():
    """0.1.0 attached to it; taylor: "Setting requires_grad=True on inference tensor … is not allowed"."""
    with torch.inference_mode():
        model = tiny_vit()
    assert np.array_equal(
        ict.score(model, [(IMAGES, LABELS)]).stacked("attn"), expected().stacked("attn")
    )
    with pytest.raises(
        InputError, match=r"made inside torch.inference_mode, so it cannot be trained"
    ):
        ict.attach(model, ict.select(expected(), k=4))
    with pytest.raises(InputError, match=r"made inside torch.inference_mode, so no gradient flows"):
        ict.score(model, [(IMAGES, LABELS)], criterion="taylor")


@pytest.mark.parametrize(
    ("criterion", "kind"),
    [
        *[
            (name, torch.bfloat16)
            for name in sorted(REGISTRY)
            if name not in ("fisher", "gradient")
        ],
        *[(name, kind) for name in ("l2", "taylor") for kind in (torch.float16, torch.float64)],
    ],
)
def test_models_of_another_type_of_number_score_alike(criterion, kind):
    """0.1.0: "expected m1 and m2 to have the same dtype" for every criterion with a head."""
    rounded = IMAGES.to(
        kind
    ).float()  # so that both see equal images, and deal them into equal halves
    data, how = [(rounded, LABELS)], {"criterion": criterion, "tokens": "all"}
    expected = ict.score(tiny_vit(depth=1), data, **how)
    found = ict.score(tiny_vit(depth=1).to(kind), data, **how)
    one, other = (scores.stacked("attn").ravel() for scores in (found, expected))
    assert np.corrcoef(one, other)[0, 1] > 0.97
    assert np.allclose(one.sum(), other.sum(), rtol=1e-5 if kind == torch.float64 else 0.15)


def test_scores_carry_the_name_of_their_task(tmp_path):
    """0.1.0: `class_l2 has no option 'task'`; two files of a notebook were both called after their folder."""
    scores = ict.score(tiny_vit(), [(IMAGES, LABELS)], task="my pets")
    assert "of my pets" in repr(scores)
    assert ict.ChannelScores.load(scores.save(tmp_path / "s")).meta["task"] == "my pets"
    assert "task" not in expected().meta
    with pytest.raises(InputError, match="task=5: give a name"):
        ict.score(tiny_vit(), [(IMAGES, LABELS)], task=5)
