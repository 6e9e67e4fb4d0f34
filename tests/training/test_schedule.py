"""The learning rate at each step: by hand, and as timm's schedule stepped by the authors."""

import numpy as np
import pytest
import torch
from torch import nn

from ict.training import Trainer, learning_rate
from tests.tiny_training import adapted, images, settings


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


@pytest.mark.parametrize("position", [0, 0.5, 1, 2.5, 4])
def test_a_rate_of_zero_that_is_meant_is_zero_all_along(position):
    assert learning_rate(position, settings(lr=0.0, warmup_lr=0.0)) == 0
    then = learning_rate(position, settings(lr=0.0))  # as 0.1.0: from 1e-6 down to 0
    assert then == pytest.approx(1e-6 * max(0, 1 - position))
