"""Adapters in a file: the same logits in another process, and one sentence for any other model."""

import subprocess
import sys
from pathlib import Path

import pytest
import timm
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

import ict
from ict.errors import InputError
from ict.model.adapters import adapters
from ict.model.backbones import add_head
from tests.model import test_families as small
from tests.tiny_models import images_of, tiny_vit

ROOT = Path(__file__).parents[2]
FOUR = ("vit", "swin", "eva02", "dinov2, registers")
LATER = """
import sys, torch, ict
from tests.model import test_families as small
torch.set_num_threads(1)
for family, file in zip(sys.argv[2::2], sys.argv[3::2]):
    model, images = small.build(family)
    ict.load_adapter(model, file)
    torch.save(small.logits(model, images), file + ".logits")
"""


def trained(model: nn.Module, site: str = "attn", **options: object) -> nn.Module:
    """Attached, and every trainable number moved from where it began."""
    ict.attach(model, small.random_selection(model, site), seed=2, **options)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.3 * torch.randn(parameter.shape))
    return model


def test_a_saved_adapter_gives_equal_logits_in_a_new_process_on_four_families(tmp_path):
    """0.1.0: `module 'ict' has no attribute 'save_adapter'`."""
    words, expected = [], []
    for number, family in enumerate(FOUR):
        model, images = small.build(family)
        plain = small.logits(model, images)
        trained(model, "attn" if number % 2 else "mlp_branch", scale=0.7, scale_on_x=number > 2)
        file = ict.save_adapter(model, tmp_path / f"{number}.safetensors")
        expected.append(small.logits(model, images))
        assert not torch.allclose(expected[-1], plain)
        words += [family, str(file)]
    subprocess.run([sys.executable, "-c", LATER, "-", *words], cwd=ROOT, check=True)
    for file, logits in zip(words[1::2], expected, strict=True):
        assert torch.equal(torch.load(file + ".logits"), logits)


def test_two_sites_and_half_of_the_blocks_come_back(tmp_path):
    model, images = small.build("vit")
    chosen = small.random_selection(model, "q")
    ict.attach(model, ict.Selection("q", chosen.blocks[1:]), scale=2.0)
    trained(model, "block")
    expected = small.logits(model, images)
    again, _ = small.build("vit")
    ict.load_adapter(again, ict.save_adapter(model, tmp_path / "a"))
    assert torch.equal(small.logits(again, images), expected)
    assert list(adapters(again)) == list(adapters(model))
    trainable = {n for n, p in again.named_parameters() if p.requires_grad}
    assert trainable == {n for n, p in model.named_parameters() if p.requires_grad}


def test_a_file_is_not_written_over_unasked(tmp_path):
    model = trained(small.build("vit")[0])
    file = ict.save_adapter(model, tmp_path / "a")
    before = file.read_bytes()
    with pytest.raises(InputError, match=r"a exists; choose another name, or overwrite=True"):
        ict.save_adapter(model, file)
    assert file.read_bytes() == before
    ict.save_adapter(model, file, overwrite=True)
    with pytest.raises(InputError, match=r"there is no folder .*nowhere; make it first"):
        ict.save_adapter(model, tmp_path / "nowhere" / "a")
    with pytest.raises(InputError, match="no channel adapter: there is nothing to save"):
        ict.save_adapter(ict.detach(model), tmp_path / "b")


def test_a_file_for_another_model_is_one_sentence_and_changes_nothing(tmp_path):
    file = ict.save_adapter(trained(small.build("vit")[0]), tmp_path / "a")
    deeper = timm.create_model(
        "vit_tiny_patch16_224", num_classes=5, **{**small.SMALL_VIT, "depth": 4, "patch_size": 8}
    )
    more_classes, images = small.build("vit")
    add_head(more_classes, 7, seed=0)
    for model, sentence in (
        (
            small.build("swin")[0],
            r"of 3 blocks × 48 channels, and this is swin_\w+ of 2 blocks × 16",
        ),
        (deeper, r"3 blocks × 48 channels, and this is vit_tiny_patch16_224 of 4 blocks"),
        (more_classes, r"its head is 5 × 48, this model's 7 × 48; make the model with num_classes"),
    ):
        keys = list(model.state_dict())
        with pytest.raises(InputError, match=sentence):
            ict.load_adapter(model, file)
        assert list(model.state_dict()) == keys
    other, _ = small.build("vit")
    with torch.no_grad():
        other.patch_embed.proj.weight[0, 0, 0, 0] += 1e-3
    with pytest.raises(InputError, match="trained on other weights than this model's"):
        ict.load_adapter(other, file)
    ict.load_adapter(other, file, other_weights=True)
    with pytest.raises(InputError, match="has an adapter at 'attn' already; detach first"):
        ict.load_adapter(other, file, other_weights=True)
    assert small.logits(other, images).shape == (4, 5)


def test_other_files_are_one_sentence(tmp_path):
    model = small.build("vit")[0]
    save_file({"x": torch.zeros(1)}, tmp_path / "x")
    (tmp_path / "torn").write_bytes(b"\0" * 20)
    for name, sentence in (
        ("x", "x: not a file of ict.save_adapter"),
        ("torn", "torn: is not a whole safetensors file"),
        ("none", "none: cannot be read: No such file"),
    ):
        with pytest.raises(InputError, match=sentence):
            ict.load_adapter(model, tmp_path / name)


@pytest.mark.parametrize("kind", [torch.uint64, torch.float32])
def test_channels_in_another_type_of_number_are_one_sentence_and_change_nothing(tmp_path, kind):
    file = ict.save_adapter(trained(small.build("vit")[0]), tmp_path / "a")
    tensors = load_file(file)
    with safe_open(file, framework="pt") as opened:
        metadata = opened.metadata()
    odd = {n: t.to(kind) if n.endswith(".indices") else t for n, t in tensors.items()}
    save_file(odd, file, metadata=metadata)
    model = small.build("vit")[0]
    before = list(model.state_dict())
    with pytest.raises(InputError, match=r"indices holds numbers of type \w+ and not int64"):
        ict.load_adapter(model, file)
    assert list(model.state_dict()) == before


def test_detach_gives_the_head_back_too():
    """0.1.0 left the trained head on a model that README called bit for bit what it was."""
    model, images = small.build("vit")
    before = small.logits(model, images)
    trained(model)
    ict.detach(model)
    assert torch.equal(small.logits(model, images), before)
    head = trained(model).head.weight.detach().clone()
    ict.detach(model, head="trained")
    assert torch.equal(model.head.weight, head)
    with pytest.raises(InputError, match="head='new': choose one of before, trained"):
        ict.detach(model, head="new")


def test_detach_says_that_it_keeps_a_head_that_was_exchanged():
    """0.1.0 kept every head, and said nothing."""
    model = trained(small.build("vit")[0])
    model.reset_classifier(9)
    with pytest.warns(UserWarning, match="keeps the model's head, which is another one"):
        ict.detach(model)
    assert model.head.out_features == 9


def test_a_model_without_a_head_is_saved_and_loaded(tmp_path):
    images, _ = images_of(per_class=1)
    model = trained(tiny_vit())
    file = ict.save_adapter(model, tmp_path / "a")
    with torch.no_grad():
        assert torch.equal(ict.load_adapter(tiny_vit(), file)(images), model(images))
