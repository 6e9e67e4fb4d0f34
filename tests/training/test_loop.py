"""The loop: against PyTorch's own, what it changes, and how it goes on from a stored state."""

import math

import pytest
import torch
from torch import nn

from ict.errors import IctError
from ict.training import Trainer, evaluate, learning_rate
from tests.tiny_training import adapted, images, settings


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
