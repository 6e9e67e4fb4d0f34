"""The last block for the class token alone: the same answers and gradients as the whole block."""

import pytest
import timm
import torch
import torch.nn.functional as F

import ict
from ict.data import ImageSet
from ict.model.adapters import count_parameters
from ict.model.class_token import last_block_for_class_token, reads_class_token_alone
from ict.resolve import resolve
from ict.training import Settings, Trainer, evaluate
from ict.training.methods import prepare
from tests.model.test_families import FAMILIES, build, random_selection

CLASS_TOKEN = ("vit", "deit", "deit3", "dinov2", "dinov2, registers", "clip")
SITES = ("attn", "attn_branch", "mlp_branch", "block")


def answers_and_gradients(model, images, *, narrowed, seed=5):
    model.zero_grad()
    torch.manual_seed(seed)  # drop path and dropout
    if narrowed:
        with last_block_for_class_token(model):
            logits = model(images)
    else:
        logits = model(images)
    F.cross_entropy(logits, torch.arange(len(images)) % 5).backward()
    return logits.detach(), {
        n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None
    }


def assert_same(model, images):
    whole, gradients = answers_and_gradients(model, images, narrowed=False)
    narrow, others = answers_and_gradients(model, images, narrowed=True)
    torch.testing.assert_close(narrow, whole, rtol=1e-9, atol=1e-10)
    assert gradients.keys() == others.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(others[name], gradient, rtol=1e-7, atol=1e-9, msg=name)


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("family", CLASS_TOKEN)
def test_answers_and_gradients_are_those_of_the_whole_block(family, site, fused):
    model, images = build(family)
    for block in model.blocks:
        block.attn.fused_attn = fused
    ict.attach(model, random_selection(model, site), seed=1)
    model.double().train()
    assert reads_class_token_alone(model)
    assert_same(model, images.double())


@pytest.mark.parametrize("method", ["full", "bitfit", "lora", "ict"])
def test_every_method_with_drop_path_and_normed_queries(method):
    torch.manual_seed(0)
    model = timm.create_model(
        "vit_tiny_patch16_224",
        img_size=32, patch_size=8, embed_dim=48, depth=3, num_heads=2, num_classes=5,
        drop_path_rate=0.4, qk_norm=True, init_values=0.5,
    )  # fmt: skip
    selection = random_selection(model, "attn") if method == "ict" else None
    asked = {"task": "digits", "method": method}
    prepare(model, resolve(asked, weights="none", fetch=False).config, selection)
    model.double().train()
    assert reads_class_token_alone(model)
    assert_same(model, torch.randn(6, 3, 32, 32, dtype=torch.float64))


@pytest.mark.parametrize(
    ("family", "site"),
    [(family, "attn") for family in FAMILIES if family not in CLASS_TOKEN]
    + [("vit", "q"), ("vit", "k"), ("vit", "v")],
)
def test_left_alone_where_it_would_not_be_exact(family, site):
    model, images = build(family)
    ict.attach(model, random_selection(model, site), seed=1)
    assert not reads_class_token_alone(model)
    before = model(images)
    with last_block_for_class_token(model):
        assert torch.equal(model(images), before)


def test_a_model_is_put_back_also_after_an_error():
    model, images = build("vit")
    ict.attach(model, random_selection(model, "attn"), seed=1)
    keys, before = list(model.state_dict()), model(images)
    with last_block_for_class_token(model):
        assert model.forward_features(images).shape[1] == 1, "one token is computed"
    with pytest.raises(RuntimeError), last_block_for_class_token(model):
        model(images[:, :1])  # one colour where three belong
    assert list(model.state_dict()) == keys
    assert torch.equal(model(images), before)


def test_training_and_evaluation_use_it():
    """Few rows pass the last MLP: that of the class token, in training and in evaluation."""
    model, _ = build("vit")
    ict.attach(model, random_selection(model, "attn"), seed=1)
    assert count_parameters(model)["adapter_parameters"] > 0
    rows = []
    model.blocks[-1].mlp.register_forward_hook(
        lambda _m, inputs, _o: rows.append(inputs[0].shape[1])
    )
    images = ImageSet(torch.zeros(16, 3, 32, 32, dtype=torch.uint8), torch.arange(16) % 5, 5)
    plan = Settings(
        epochs=1, batch_size=8, lr=0.01, weight_decay=0.0, warmup_epochs=0, label_smoothing=0.0,
        seed=1, precision="fp32", mean=(0.5,) * 3, std=(0.5,) * 3,
    )  # fmt: skip
    Trainer(model, images, plan).epoch(1)
    evaluate(model, images, plan)
    assert rows == [1, 1, 1]
