"""Methods: what each of them trains, and how its adapter and its head start."""

import pytest
import torch
from torch import nn

from ict.errors import InputError
from ict.model.adapters import count_parameters, load_trained_state, trained_state_bytes
from ict.model.backbones import redraw_head
from ict.model.split_qkv import SplitQKV
from ict.resolve import resolve
from ict.training import Trainer
from ict.training.methods import prepare
from tests.tiny_training import images, settings, tiny


def test_the_authors_head_starts_as_nn_linear_does():
    model = tiny(classes=100)
    redraw_head(model, seed=3)
    torch.manual_seed(0)
    theirs = nn.Linear(model.head.in_features, 100)
    for ours, default in zip(model.head.parameters(), theirs.parameters(), strict=True):
        assert ours.abs().max() <= model.head.in_features**-0.5
        assert ours.std().item() == pytest.approx(default.std().item(), rel=0.1)
        assert abs(ours.mean()) < 0.05
    again = tiny(classes=100)
    redraw_head(again, seed=3)
    assert torch.equal(again.head.weight, model.head.weight)


@pytest.mark.parametrize("method", ["linear", "full", "bitfit", "lora"])
def test_what_each_method_trains(method):
    config = resolve({"task": "digits", "method": method}, weights="none").config
    model = prepare(tiny(), config, None)
    names = {
        name
        for name, p in model.named_parameters()
        if p.requires_grad and not name.startswith("head.")
    }
    if method == "linear":
        assert names == set()
    elif method == "full":
        assert len(names) == sum(not n.startswith("head.") for n, _ in model.named_parameters())
    elif method == "bitfit":
        assert names
        assert all(name.endswith("bias") for name in names)
    else:
        counts, plain = count_parameters(model), count_parameters(tiny())
        assert counts["adapter_parameters"] == 3 * 2 * (2 * 3 * 24)
        assert counts["backbone_parameters"] == plain["backbone_parameters"]
        assert {name.split(".")[4] for name in names} == {"q", "v"}
    assert all(p.requires_grad for p in model.head.parameters())


def test_lora_starts_as_the_backbone_and_returns_from_its_file(tmp_path):
    config = resolve({"task": "digits", "method": "lora"}, weights="none").config
    x = torch.randn(2, 3, 16, 16)
    reference = tiny().eval()(x)
    model = prepare(tiny(), config, None)
    torch.testing.assert_close(model.eval()(x), reference)
    Trainer(model, images(), settings()).epoch(1)
    (tmp_path / "a").write_bytes(trained_state_bytes(model, {"run_id": "r"}))
    again = prepare(tiny(), config, None)
    assert load_trained_state(again, tmp_path / "a") == {"run_id": "r"}
    assert torch.equal(again.eval()(x), model.eval()(x))


def test_split_qkv_is_the_fused_layer():
    fused = nn.Linear(6, 18)
    x = torch.randn(2, 5, 6)
    torch.testing.assert_close(SplitQKV(fused)(x), fused(x))


def test_ict_without_a_selection_is_refused():
    config = resolve({"task": "digits"}, weights="none").config
    with pytest.raises(InputError, match="needs a selection"):
        prepare(tiny(), config, None)
