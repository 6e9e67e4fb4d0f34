"""The loop, the schedule, the probe: against arithmetic, scikit-learn and PyTorch's own."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from timm.models.vision_transformer import VisionTransformer
from torch import nn

import ict
from ict.data import ImageSet
from ict.errors import IctError, InputError
from ict.model.adapters import (
    count_parameters,
    freeze_backbone,
    load_trained_state,
    trained_state_bytes,
)
from ict.model.backbones import add_head, redraw_head
from ict.model.split_qkv import SplitQKV
from ict.resolve import resolve
from ict.training import (
    Evaluation,
    Settings,
    Trainer,
    evaluate,
    halve_frozen_layers,
    learning_rate,
    pooled_features,
)
from ict.training.linear_probe import fit_linear
from ict.training.methods import prepare


def settings(**changed):
    return Settings(
        **{
            "epochs": 4,
            "batch_size": 8,
            "lr": 0.01,
            "weight_decay": 0.0,
            "warmup_epochs": 1,
            "label_smoothing": 0.0,
            "seed": 3,
            "precision": "fp32",
            "mean": (0.5,) * 3,
            "std": (0.5,) * 3,
            **changed,
        }
    )


def tiny(classes=4, drop_path=0.0):
    torch.manual_seed(0)
    model = VisionTransformer(
        img_size=16,
        patch_size=8,
        embed_dim=24,
        depth=3,
        num_heads=2,
        num_classes=0,
        drop_path_rate=drop_path,
    )
    add_head(model, classes, seed=1)
    return model


def images(n=40, classes=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % classes
    pixels = torch.randint(0, 60, (n, 3, 16, 16), generator=generator)
    pixels[torch.arange(n), labels % 3, :, :8] += 60 * (1 + labels[:, None, None])
    return ImageSet(pixels.clamp(0, 255).to(torch.uint8), labels, classes)


def adapted(**options):
    model = tiny(drop_path=options.pop("drop_path", 0.0))
    site = options.pop("site", "attn")
    scores = ict.score(model, [(torch.randn(8, 3, 16, 16), torch.arange(8) % 4)], site=site)
    return ict.attach(model, ict.select(scores, k=6), **options)


def test_schedule_by_hand():
    s = settings(epochs=10, warmup_epochs=2, lr=0.1)
    assert learning_rate(0, s) == pytest.approx(1e-6)
    assert learning_rate(1, s) == pytest.approx((1e-6 + 0.1) / 2)
    assert learning_rate(2, s) == pytest.approx(0.1)
    assert learning_rate(6, s) == pytest.approx((0.1 + 1e-5) / 2)
    assert learning_rate(10, s) == pytest.approx(1e-5)
    assert learning_rate(9, settings(epochs=2, warmup_epochs=5, lr=0.1)) <= 0.1


@pytest.mark.parametrize(("epochs", "warmup"), [(100, 10), (20, 2), (5, 0)])
def test_the_released_schedule_is_timms_as_the_authors_step_it(epochs, warmup):
    from timm.scheduler import CosineLRScheduler

    s = settings(epochs=epochs, warmup_epochs=warmup, lr=0.003, schedule="released")
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.003)
    theirs = CosineLRScheduler(
        optimizer, t_initial=epochs, lr_min=1e-5, warmup_t=warmup, warmup_lr_init=1e-6
    )
    for epoch in range(epochs):
        now = optimizer.param_groups[0]["lr"]
        for part in (0, 0.4, 0.999):
            assert learning_rate(epoch + part, s) == pytest.approx(now, rel=1e-12)
        theirs.step(epoch)


def test_the_released_schedule_has_the_figures_that_are_told_of_it():
    s = settings(epochs=100, warmup_epochs=10, lr=1.0, schedule="released")
    rates = [learning_rate(epoch, s) for epoch in range(100)]
    assert rates[:2] == [1e-6, 1e-6]
    assert rates[2] == pytest.approx(0.1, rel=1e-4)
    assert max(rates) == pytest.approx(0.976, abs=5e-4)
    each_batch = [learning_rate(i / 100, settings(epochs=100, warmup_epochs=10, lr=1.0))
                  for i in range(10_000)]  # fmt: skip
    assert np.mean(each_batch) / np.mean(rates) == pytest.approx(1.11, abs=5e-3)


def test_a_trainer_keeps_the_released_rate_for_a_whole_epoch():
    trainer = Trainer(adapted(), images(), settings(schedule="released", warmup_epochs=2))
    assert [trainer.epoch(epoch)[2] for epoch in (1, 2)] == [1e-6, 1e-6]
    assert trainer.epoch(3)[2] == pytest.approx((1e-6 + 0.01) / 2)


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


@pytest.mark.parametrize("position", [0, 0.5, 1, 2.5, 4])
def test_a_rate_of_zero_that_is_meant_is_zero_all_along(position):
    assert learning_rate(position, settings(lr=0.0, warmup_lr=0.0)) == 0
    then = learning_rate(position, settings(lr=0.0))  # as 0.1.0: from 1e-6 down to 0
    assert then == pytest.approx(1e-6 * max(0, 1 - position))


def test_one_epoch_equals_a_plain_loop():
    s = settings(weight_decay=0.1, label_smoothing=0.1)
    ours, plain, data = adapted(seed=5), adapted(seed=5), images()
    Trainer(ours, data, s).epoch(1)

    order = torch.randperm(
        40, generator=torch.Generator().manual_seed((3 * 1_000_003 + 7919) % 2**62 + 1)
    )
    parameters = [p for p in plain.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=s.lr, weight_decay=0.1)
    plain.train()
    for step, chosen in enumerate(order.split(8)):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step / 5, s)
        x = (data.images[chosen].float() / 255 - 0.5) / 0.5
        loss = nn.functional.cross_entropy(plain(x), data.labels[chosen], label_smoothing=0.1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for one, other in zip(ours.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_training_changes_adapter_and_head_and_nothing_else():
    model, data = adapted(), images()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    Trainer(model, data, settings()).epoch(1)
    changed = {
        name for name, value in model.state_dict().items() if not torch.equal(value, before[name])
    }
    assert changed == {name for name, p in model.named_parameters() if p.requires_grad}
    assert all(".adapter." in name or name.startswith("head.") for name in changed)


def test_it_learns_and_the_last_incomplete_batch_is_dropped():
    model, data = adapted(), images(n=43)
    trainer = Trainer(model, data, settings(epochs=12))
    assert trainer.steps == 5
    losses = [trainer.epoch(epoch)[0] for epoch in range(1, 13)]
    assert losses[-1] < 0.5 * losses[0]
    assert evaluate(model, images(seed=9), settings()).accuracy > 0.9


def test_fewer_images_than_a_batch_still_train():
    trainer = Trainer(adapted(), images(n=5), settings(batch_size=64))
    assert trainer.steps == 1
    trainer.epoch(1)


def test_restored_state_goes_on_bit_for_bit():
    data, s = images(), settings()
    unbroken = Trainer(adapted(seed=5, drop_path=0.2), data, s)
    for epoch in range(1, 5):
        unbroken.epoch(epoch)
    first = Trainer(adapted(seed=5, drop_path=0.2), data, s)
    first.epoch(1)
    first.epoch(2)
    saved = {name: tensor.clone() for name, tensor in first.state().items()}
    torch.manual_seed(999)
    second = Trainer(adapted(seed=5, drop_path=0.2), data, s)
    second.load_state(saved)
    second.epoch(3)
    second.epoch(4)
    for one, other in zip(unbroken.model.parameters(), second.model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_diverged_run_says_so():
    model = adapted()
    with torch.no_grad():
        model.head.weight.fill_(math.nan)
    with pytest.raises(IctError, match="the loss became nan in epoch 1: lower the learning rate"):
        Trainer(model, images(), settings()).epoch(1)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_answers_that_are_not_finite_are_no_answers(value):
    """One logit of a class that is no image's is enough, though the loss may be finite."""
    model = tiny()
    with torch.no_grad():
        model.head.bias[3] = value
    few = images()
    few = dataclasses.replace(few, labels=torch.zeros_like(few.labels))
    with pytest.raises(IctError, match=r"logits of 40 of 40 images are NaN or infinite"):
        evaluate(model, few, settings())
    with torch.no_grad():
        model.norm.bias[0] = value
    with pytest.raises(IctError, match=r"features of 40 of 40 images are NaN or infinite"):
        pooled_features(model, few, settings())


@pytest.mark.parametrize("value", [math.nan, math.inf, 3e38])
def test_a_probe_refuses_features_that_are_not_finite(value):
    features = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    labels, odd = np.arange(8) % 2, features.copy()
    odd[:2, 1] = value, -value
    head = torch.nn.Linear(3, 2)
    with pytest.raises(IctError, match="features are NaN or infinite"):
        fit_linear(head, (odd, labels), (features, labels), on_step=print)
    if value != 3e38:
        with pytest.raises(IctError, match="held-out features are NaN or infinite"):
            fit_linear(head, (features, labels), (odd, labels), on_step=print)


def test_bfloat16_storage_of_frozen_layers_changes_nothing_under_autocast():
    data, s = images(), settings(precision="bf16")
    plain, halved = adapted(), adapted()
    freeze_backbone(plain)
    before = evaluate(plain, data, s)
    halve_frozen_layers(halved)
    assert halved.blocks[0].mlp.fc1.weight.dtype == torch.bfloat16
    assert {p.dtype for p in halved.parameters() if p.requires_grad} == {torch.float32}
    after = evaluate(halved, data, s)
    np.testing.assert_array_equal(before.probabilities, after.probabilities)


def test_accuracies_by_hand():
    labels, predictions = np.array([0, 0, 0, 1, 2, 2]), np.array([0, 0, 1, 1, 0, 2])
    answers = Evaluation(labels, predictions, np.ones(6), np.zeros(6), 0.0)
    assert answers.accuracy == pytest.approx(4 / 6)
    assert answers.balanced_accuracy == pytest.approx((2 / 3 + 1 + 1 / 2) / 3)
    assert answers.majority_accuracy == 0.5


def test_linear_probe_equals_scikit_learn_and_stands_in_the_head():
    model, train, val = tiny(), images(), images(seed=1)
    s = settings()
    x, y = pooled_features(model, train, s), train.labels.numpy()
    held_out = pooled_features(model, val, s), val.labels.numpy()
    steps = []
    chosen = fit_linear(model.head, (x, y), held_out, on_step=steps.append, strengths=(0.01, 1.0))
    scaler = StandardScaler().fit(x)
    reference = LogisticRegression(C=chosen.inverse_regularisation, max_iter=2000).fit(
        scaler.transform(x), y
    )
    expected = reference.predict_proba(scaler.transform(held_out[0])).max(axis=1)
    answers = evaluate(model, val, s)
    np.testing.assert_allclose(answers.probabilities, expected, atol=2e-3)
    assert len(steps) == 2
    assert chosen.val_accuracy == max(step.val_accuracy for step in steps) == answers.accuracy


def test_linear_probe_without_validation_cross_validates_and_two_classes_work():
    model, train = tiny(classes=2), images(classes=2)
    x, y = pooled_features(model, train, settings()), train.labels.numpy()
    chosen = fit_linear(model.head, (x, y), None, on_step=lambda _: None, strengths=(0.1,))
    assert 0 <= chosen.val_accuracy <= 1
    assert evaluate(model, train, settings()).accuracy == pytest.approx(chosen.train_accuracy)


def test_a_class_that_was_never_seen_is_never_answered():
    model, train = tiny(classes=6), images(classes=4)
    x, y = pooled_features(model, train, settings()), train.labels.numpy()
    fit_linear(model.head, (x, y), (x, y), on_step=lambda _: None, strengths=(1.0,))
    assert set(evaluate(model, images(seed=4), settings()).predictions) <= {0, 1, 2, 3}


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
