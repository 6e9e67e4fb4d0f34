"""Several threads, one model: the same answers, the same gradients, every time."""

import pytest
import torch
from torch import nn

from ict.training import Trainer, evaluate, pooled_features
from ict.training.replicas import Replicas, draws_random_numbers
from tests.tiny_training import adapted, images, settings, tiny


def test_replicas_share_tensors_and_no_module():
    model = adapted()
    replica = Replicas(model, 3).models[2]
    assert replica is not model
    ours = dict(model.named_modules())
    assert all(module is not ours[name] for name, module in replica.named_modules())
    for one, other in zip(model.state_dict().items(), replica.state_dict().items(), strict=True):
        assert one[0] == other[0]
        assert one[1].data_ptr() == other[1].data_ptr()


def test_map_keeps_the_order_and_uses_every_replica_alone():
    replicas = Replicas(nn.Linear(1, 1), 3)
    seen = list(replicas.map(lambda model, number: (id(model), number), range(8)))
    assert [number for _, number in seen] == list(range(8))
    own = [id(model) for model in replicas.models]
    assert [model for model, _ in seen] == [own[i % 3] for i in range(8)]


@pytest.mark.parametrize(
    ("threads", "replicas", "each"),
    [
        (1, 1, 1),
        (2, 2, 1),
        (3, 3, 1),
        (4, 4, 1),
        (5, 4, 1),
        (6, 3, 2),
        (7, 3, 2),
        (8, 4, 2),
        (16, 4, 4),
    ],
)
def test_threads_are_shared_out(threads, replicas, each):
    here = torch.get_num_threads()
    shared = Replicas(nn.Linear(1, 1), threads)
    assert len(shared) == replicas
    used = set(shared.map(lambda _model, _piece: torch.get_num_threads(), range(4)))
    assert used == {each if replicas > 1 else here}
    assert torch.get_num_threads() == here


def test_an_error_of_a_replica_reaches_the_caller():
    def work(_model, number):
        raise ValueError(f"piece {number}")

    with pytest.raises(ValueError, match="piece 0"):
        list(Replicas(nn.Linear(1, 1), 2).map(work, range(4)))


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize("batch_size", [8, 7, 2])
def test_training_with_threads_is_training(threads, batch_size):
    data = images(n=21)
    s = settings(weight_decay=0.1, label_smoothing=0.1, batch_size=batch_size)
    one, many = adapted(seed=5), adapted(seed=5)
    told = Trainer(one, data, s).epoch(1)
    trainer = Trainer(many, data, settings(**{**vars(s), "threads": threads}))
    assert len(trainer.step.replicas) == threads
    assert trainer.epoch(1) == pytest.approx(told, rel=1e-5)
    for (name, a), (_, b) in zip(one.named_parameters(), many.named_parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5, msg=name)


def test_two_starts_with_threads_agree_bit_for_bit():
    states = []
    for _ in range(3):
        trainer = Trainer(adapted(seed=5), images(), settings(threads=3))
        trainer.epoch(1)
        states.append(trainer.state())
    for state in states[1:]:
        assert all(torch.equal(value, states[0][name]) for name, value in state.items())


def test_answers_and_features_with_threads_are_those_of_one():
    model, data = adapted(), images(n=41)
    for threads in (2, 5):
        told, asked = settings(), settings(threads=threads)
        assert (
            evaluate(model, data, asked).predictions == evaluate(model, data, told).predictions
        ).all()
        assert evaluate(model, data, asked).loss == pytest.approx(evaluate(model, data, told).loss)
        torch.testing.assert_close(
            torch.from_numpy(pooled_features(model, data, asked)),
            torch.from_numpy(pooled_features(model, data, told)),
        )


def test_a_random_network_trains_with_one_replica():
    model = adapted(drop_path=0.2)
    assert draws_random_numbers(model)
    assert len(Trainer(model, images(), settings(threads=2)).step.replicas) == 1


@pytest.mark.parametrize("options", [{}, {"drop_path": 0.1}])
def test_only_a_network_that_draws_random_numbers_is_called_random(options):
    model = tiny(**options).train()
    before = torch.get_rng_state()
    model(torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(1)))
    drew = not torch.equal(before, torch.get_rng_state())
    assert draws_random_numbers(model) == drew
    assert drew == bool(options)
