"""How a step on a GPU falls back from mode to mode, with a capture that a CPU can do."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ict.training.graph_step import ORDER, Captured, GraphStep, Mode

NOT_REPEATABLE = "not the same to the last digit in every run on a GPU"


@pytest.fixture(autouse=True)
def as_in_a_run():
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.manual_seed(7)
    yield
    torch.use_deterministic_algorithms(False)


class Network(nn.Module):
    """Draws random numbers and counts in buffers; may refuse a capture, or strictness."""

    def __init__(self, *, waits=False, varies=False, breaks=False):
        super().__init__()
        self.layer, self.norm, self.drop = nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Dropout(0.5)
        self.waits, self.varies, self.breaks = waits, varies, breaks
        self.tried = []

    def forward(self, x):
        strict = not torch.is_deterministic_algorithms_warn_only_enabled()
        self.tried.append((FakeCapture.running, strict))
        logits = self.drop(self.norm(self.layer(x)))  # all that changes, before anything is refused
        if self.breaks:
            raise RuntimeError("the network's own error")
        if self.waits and FakeCapture.running:
            raise RuntimeError("waits")
        if self.varies and strict:
            raise RuntimeError("varies\nand more lines")
        return logits


class Work:
    def __init__(self, model):
        self.parameters = list(model.parameters())

    def __call__(self, model, images, labels):
        logits = model(images)
        loss = F.cross_entropy(logits, labels)
        gradients = torch.autograd.grad(loss, self.parameters)
        return gradients, loss.detach(), (logits.argmax(dim=1) == labels).sum()


class FakeCapture:
    """Computes twice to no purpose, as a capture does, and again at every replay."""

    running = False
    count = 0

    def __call__(self, compute, images, labels):
        images, labels = images.clone(), labels.clone()

        def computed():
            FakeCapture.running = True
            try:
                return compute(images, labels)
            finally:
                FakeCapture.running = False

        self.count += 1
        computed()
        gradients, loss, hits = computed()

        def replay():
            found, new_loss, new_hits = computed()
            for old, new in zip(
                (*gradients, loss, hits), (*found, new_loss, new_hits), strict=True
            ):
                old.copy_(new)

        return Captured(images, labels, (gradients, loss, hits), replay)


def batches(sizes=(8, 8, 8)):
    generator = torch.Generator().manual_seed(1)
    return [(torch.randn(n, 6, generator=generator), torch.arange(n) % 5) for n in sizes]


def graph_step(model, **options):
    return GraphStep(model, Work(model), capture=FakeCapture(), **options)


def trained(model, step, data):
    """Loss of every batch, then parameters, buffers and the state of the random generator."""
    torch.manual_seed(3)
    losses = []
    for images, labels in data:
        losses.append(step(images, labels)[0].clone())
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.sub_(0.1 * parameter.grad)
    return [*losses, *model.state_dict().values(), torch.get_rng_state()]


def plainly(model):
    work = Work(model)

    def step(images, labels):
        gradients, loss, hits = work(model, images, labels)
        for parameter, gradient in zip(work.parameters, gradients, strict=True):
            parameter.grad = gradient
        return loss, hits

    return step


PATHS = {
    (False, False): (Mode.STRICT_GRAPH, []),
    (False, True): (Mode.GRAPH, [f"{NOT_REPEATABLE}: varies"]),
    (True, False): (Mode.STRICT_EAGER, ["steps without a CUDA graph: waits"]),
    (True, True): (Mode.EAGER, ["steps without a CUDA graph: waits", f"{NOT_REPEATABLE}: varies"]),
}


@pytest.mark.parametrize(("waits", "varies"), PATHS)
def test_the_first_mode_that_the_network_takes_and_what_it_lacks(waits, varies):
    model = Network(waits=waits, varies=varies)
    step = graph_step(model)
    assert (step.mode, step.notes) == (Mode.STRICT_GRAPH, [])
    trained(model, step, batches())
    assert (step.mode, step.notes) == PATHS[waits, varies]
    assert torch.is_deterministic_algorithms_warn_only_enabled(), "asked for, as before"


@pytest.mark.parametrize(("waits", "varies"), PATHS)
def test_numbers_buffers_and_random_state_are_those_of_plain_steps(waits, varies):
    model = Network(waits=waits, varies=varies)
    other = copy.deepcopy(model)
    other.varies = other.waits = False
    data = batches((8, 8, 5, 8))
    for ours, plain in zip(
        trained(model, graph_step(model), data), trained(other, plainly(other), data), strict=True
    ):
        assert torch.equal(ours, plain)


def test_the_networks_own_error_is_raised_after_every_mode_has_been_tried():
    model = Network(breaks=True)
    step = graph_step(model)
    with pytest.raises(RuntimeError, match="the network's own error"):
        step(*batches()[0])
    assert model.tried == [(mode.graph, mode.strict) for mode in ORDER]
    assert all(parameter.grad is None for parameter in model.parameters())


def test_an_error_in_a_later_step_of_the_last_mode_is_raised():
    model = Network(waits=True, varies=True)
    step = graph_step(model)
    step(*batches()[0])
    model.breaks = True
    with pytest.raises(RuntimeError, match="the network's own error"):
        step(*batches()[1])


def test_a_mode_is_given_up_in_the_step_that_it_fails_in():
    model = Network(waits=True)
    other, data = copy.deepcopy(model), batches()
    step, plain = graph_step(model), plainly(other)
    trained(model, step, data[:1])
    trained(other, plain, data[:1])
    assert step.mode is Mode.STRICT_EAGER
    model.varies = True
    for ours, theirs in zip(
        trained(model, step, data[1:]), trained(other, plain, data[1:]), strict=True
    ):
        assert torch.equal(ours, theirs)
    assert (step.mode, len(step.notes)) == (Mode.EAGER, 2)


def test_a_lack_of_memory_is_no_reason_for_another_mode():
    model = Network()

    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    step = GraphStep(model, Work(model), capture=full)
    with pytest.raises(torch.OutOfMemoryError):
        step(*batches()[0])
    assert (step.mode, step.notes) == (Mode.STRICT_GRAPH, [])


def test_strict_modes_are_left_out_where_nobody_asked():
    torch.use_deterministic_algorithms(False)
    model = Network(waits=True)
    step = graph_step(model)
    assert step.mode is Mode.GRAPH
    step(*batches()[0])
    assert (step.mode, step.notes) == (Mode.EAGER, ["steps without a CUDA graph: waits"])


def test_modes_and_their_order_are_the_callers():
    model = Network()
    step = graph_step(model, modes=(Mode.EAGER,))
    step(*batches()[0])
    assert model.tried == [(False, False)]


def test_a_graph_serves_all_batches_of_its_shape():
    model = Network()
    capture = FakeCapture()
    step = GraphStep(model, Work(model), capture=capture)
    for batch in batches((8, 8, 5, 5, 8)):
        step(*batch)
    assert capture.count == 3
