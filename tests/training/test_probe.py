"""The linear probe against an independent solver, by its gradient, and as the start of a head."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression
from torch import nn

from ict.errors import IctError, InputError
from ict.resolve import resolve
from ict.training import Trainer, evaluate, pooled_features
from ict.training.multinomial import TOLERANCE, fit
from ict.training.probe import STRENGTHS, fit_probe
from tests.tiny_training import adapted, images, settings, tiny


def data(N=200, F=12, C=4, seed=0):
    draws = np.random.default_rng(seed)
    y = np.concatenate([np.arange(C), draws.integers(0, C, N - C)])
    x = draws.normal(size=(N, F)) * np.linspace(0.3, 2, F) + draws.normal(size=(C, F))[y]
    return x, y


def objective(point, x, y, C, strength):
    """J and its gradient, restated with logsumexp; `point` is (C, F + 1) flat, biases last."""
    weights = point.reshape(C, -1)
    logits = x @ weights[:, :-1].T + weights[:, -1]
    normaliser = logsumexp(logits, axis=1)
    J = (normaliser - logits[np.arange(len(y)), y]).sum()
    J += (weights[:, :-1] ** 2).sum() / (2 * strength)
    p = np.exp(logits - normaliser[:, None])
    p[np.arange(len(y)), y] -= 1
    gradient = np.concatenate(
        [p.T @ x + weights[:, :-1] / strength, p.sum(axis=0)[:, None]], axis=1
    )
    return J, gradient.ravel()


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("C", [2, 4])
def test_the_minimum_is_that_of_l_bfgs(strength, C):
    x, y = data(C=C)
    found = fit(x, y, C, strength)
    options = {"maxiter": 50_000, "maxfun": 100_000, "ftol": 0, "gtol": 1e-11, "maxcor": 40}
    start = np.zeros(C * (x.shape[1] + 1))
    theirs = minimize(
        objective, start, (x, y, C, strength), jac=True, method="L-BFGS-B", options=options
    ).x.reshape(C, -1)
    size = np.abs(theirs[:, :-1]).max()
    np.testing.assert_allclose(found.weights, theirs[:, :-1], atol=1e-6 * size)
    np.testing.assert_allclose(found.biases, theirs[:, -1] - theirs[:, -1].mean(), atol=1e-5)


@pytest.mark.parametrize("strength", STRENGTHS)
def test_it_has_converged_by_its_gradient_and_says_so(strength):
    x, y = data(N=60, F=90)  # more features than images: separable
    found = fit(x, y, 4, strength)
    point = np.concatenate([found.weights, found.biases[:, None]], axis=1)
    _, gradient = objective(point.ravel(), x, y, 4, strength)
    bound = strength * np.linalg.norm(gradient)
    assert found.converged
    assert bound <= 1.01 * TOLERANCE * np.linalg.norm(found.weights)


def test_three_classes_are_scikit_learns():
    x, y = data(C=3)
    theirs = LogisticRegression(C=0.1, tol=1e-10, max_iter=10_000).fit(x, y)
    np.testing.assert_allclose(fit(x, y, 3, 0.1).weights, theirs.coef_, atol=1e-5)


def test_a_fit_that_may_not_take_a_step_has_not_converged(monkeypatch):
    monkeypatch.setattr("ict.training.multinomial._STEPS", 1)
    x, y = data()
    assert not fit(x, y, 4, 1.0).converged


def test_the_strength_is_chosen_on_held_out_folds_alone():
    """Labels without meaning: the strongest regularisation loses least on images not fitted on."""
    x, _ = data(N=150, F=40)
    y = np.random.default_rng(5).integers(0, 4, 150)
    tries = []
    probe = fit_probe(x, y, on_try=tries.append)
    assert [one.inverse_regularisation for one in tries] == list(STRENGTHS)
    assert probe.chosen == min(tries, key=lambda one: one.val_loss)
    assert probe.chosen.inverse_regularisation == STRENGTHS[0]
    assert tries[-1].train_accuracy > tries[0].train_accuracy
    assert abs(tries[-1].val_accuracy - 0.25) < 0.15  # fitted ones would be right


def test_folds_by_hand():
    """Each image is held out once; a class of five images or more is in every fold."""
    from ict.training.probe import _folds

    y = np.repeat([0, 1, 2], [10, 5, 1])
    folds = list(_folds(y))
    assert np.sum(folds, axis=0).tolist() == [1] * 16
    for fold in folds:
        assert (y[fold] == 0).sum() == 2
        assert (y[fold] == 1).sum() == 1


def test_the_head_answers_as_the_probe_and_never_what_it_has_not_seen():
    model, train = tiny(classes=6), images(classes=4)
    x, y = pooled_features(model, train, settings()), train.labels.numpy()
    probe = fit_probe(x, y)
    probe.write(model.head)
    logits = model.head(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(logits[:, :4], probe.logits(x), atol=1e-5)
    assert (logits[:, 4:] < -9000).all()
    answers = evaluate(model, train, settings())
    assert answers.accuracy == probe.train_accuracy
    assert answers.loss == pytest.approx(probe.train_loss, abs=1e-5)


def test_constant_features_and_few_images():
    x, y = data(N=30)
    flat = np.concatenate([x, np.full((30, 2), 7.3)], axis=1)
    probe = fit_probe(flat, y)
    assert (probe.weights[:, -2:] == 0).all()
    np.testing.assert_allclose(probe.logits(flat), fit_probe(x, y).logits(x), atol=1e-6)
    assert fit_probe(x[:3], np.array([0, 0, 1])).seen.tolist() == [0, 1]
    assert fit_probe(x[:4], np.zeros(4, int)).train_accuracy == 1  # one class: nothing to learn
    with pytest.raises(IctError, match="has 1 training image; give it two or more"):
        fit_probe(x[:1], y[:1])
    with pytest.raises(IctError, match="training features are NaN"):
        fit_probe(np.full((4, 2), np.nan), y[:4])


@pytest.mark.parametrize("method", ["ict", "lora", "bitfit", "full"])
def test_a_network_that_starts_from_the_probe_gives_its_logits(method):
    from ict.training.methods import prepare

    train = images()
    bare = tiny(drop_path=0.1)
    if method == "ict":
        model = adapted(init="zero", drop_path=0.1)
    else:
        config = resolve({"task": "digits", "method": method}, weights="none").config
        model = prepare(tiny(drop_path=0.1), config, None)
    probe = fit_probe(pooled_features(bare, train, settings()), train.labels.numpy())
    fit_probe(pooled_features(model, train, settings()), train.labels.numpy()).write(model.head)
    model.eval()
    from ict.data import batches

    pixels = next(iter(batches(train, 40, mean=(0.5,) * 3, std=(0.5,) * 3)))[0]
    with torch.inference_mode():
        logits = model(pixels).numpy()
    expected = probe.logits(pooled_features(bare, train, settings()))
    np.testing.assert_allclose(logits, expected, atol=1e-5)


def test_a_probe_start_is_refused_where_the_adapter_is_no_identity():
    asked = {"task": "digits", "head_init": "probe"}
    with pytest.raises(InputError, match="head_init=probe needs init=zero: with init=trunc_normal"):
        resolve(asked, weights="none")
    with pytest.raises(InputError, match="head_init=probe needs scale=1 where scale_on_x"):
        resolve({**asked, "init": "zero", "scale_on_x": True, "scale": 0.5}, weights="none")
    for fine in ({"init": "zero"}, {"init": "zero", "scale": 0.5}, {"method": "lora"},
                 {"method": "full"}, {"method": "bitfit"}):  # fmt: skip
        assert resolve({**asked, **fine}, weights="none").config.head_init == "probe"
    assert resolve({**asked, "method": "linear"}, weights="none").config.head_init == "random"


def test_a_head_that_starts_as_the_probe_goes_on_at_a_tenth_of_the_rate_unless_told():
    asked = {"task": "digits", "init": "zero", "k": 24}
    started = {**asked, "head_init": "probe"}
    assert resolve(started, weights="none").config.head_lr == pytest.approx(0.002)
    assert resolve({**started, "lr": 0.5}, weights="none").config.head_lr == pytest.approx(0.05)
    assert resolve({**started, "head_lr": 0.0}, weights="none").config.head_lr == 0
    assert resolve(asked, weights="none").config.head_lr is None
    linear = {"task": "digits", "method": "linear", "head_init": "probe", "head_lr": 0.1}
    assert resolve(linear, weights="none").config.head_lr is None


def test_the_head_has_a_rate_of_its_own():
    """At a rate of 0 the head stays while the adapter moves, and the other way round."""
    for lr, head_lr in ((0.01, 0.0), (0.0, 0.01)):
        model = adapted(init="zero", seed=1)
        before = {n: p.detach().clone() for n, p in model.named_parameters() if p.requires_grad}
        s = settings(lr=lr, head_lr=head_lr, warmup_epochs=1)
        s = s if lr else dataclasses.replace(s, warmup_lr=0.0)  # as the run does for a rate of 0
        Trainer(model, images(), s).epoch(1)
        moved = {n for n, p in model.named_parameters() if n in before and not p.equal(before[n])}
        head = {"head.weight", "head.bias"}
        assert moved == (head if head_lr else set(before) - head)


def test_the_same_rate_said_twice_is_the_same_training():
    one, other = adapted(seed=1), adapted(seed=1)
    Trainer(one, images(), settings()).epoch(1)
    Trainer(other, images(), settings(head_lr=0.01)).epoch(1)
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-7)
    assert isinstance(one.head, nn.Linear)
