"""The causal check: replacement by hand, shared runs, files, and the command."""

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from ict.cli import main
from ict.errors import InputError
from ict.scoring.causal import Plan, measure
from ict.scoring.causal_task import check, request_check, score_requests
from ict.scoring.heads import collect_features, fit_probe
from ict.scoring.inputs import Inputs
from ict.scoring.reading import Meter
from ict.scoring.score_request import request_for
from ict.store import read_json
from tests.tiny_models import images_of, split, tiny_vit
from tests.vtab_layout import make_task

TRAIN = images_of(per_class=6)
VALIDATION = (TRAIN[0][:9] + 0.1, TRAIN[1][:9])
D = 24


def ranked(seed: int) -> list[np.ndarray]:
    return list(np.random.default_rng(seed).random((3, D)))


def measured(**plan) -> dict:
    model = tiny_vit()
    return measure(
        model,
        split(*TRAIN, 7),
        split(*VALIDATION, 4),
        plan=Plan(**{"fractions": (0.25, 1.0), "random_draws": 1, "scatter_channels": 2, **plan}),
        classes=3,
        scores={"a": ranked(0), "b": ranked(1)},
    )


def test_an_image_of_a_class_that_no_head_knows_is_refused():
    """Its log-probability is −∞, and so would be the mean of a curve."""
    with pytest.raises(InputError, match="of 1 of 9 validation images are not finite: no training"):
        measure(
            tiny_vit(),
            split(*TRAIN, 7),
            split(VALIDATION[0], torch.where(torch.arange(9) == 4, 3, VALIDATION[1]), 4),
            plan=Plan(fractions=(0.25,), random_draws=1, scatter_channels=1),
            classes=4,
            scores={"a": ranked(0)},
        )


@pytest.mark.parametrize("replacement", ["mean", "zero"])
@pytest.mark.parametrize("mode", ["deletion", "insertion"])
def test_curves_equal_replacement_by_hand(replacement, mode):
    document = measured(replacement=replacement)
    model = tiny_vit()
    features, labels, _ = collect_features(model, split(*TRAIN, 7), Meter(None, 0))
    head = fit_probe(features, labels, 3)
    with torch.no_grad():
        streams = []
        x = model._pos_embed(model.patch_embed(TRAIN[0]))
        for block in model.blocks:
            stream = x + block.attn(block.norm1(x))
            streams.append(stream.mean(0) if replacement == "mean" else torch.zeros_like(stream[0]))
            x = stream + block.mlp(block.norm2(stream))
        x = model._pos_embed(model.patch_embed(VALIDATION[0]))
        for block, mean, scores in zip(model.blocks, streams, ranked(0), strict=True):
            stream = x + block.attn(block.norm1(x))
            first = np.argsort(-scores)[:6]
            gone = first if mode == "deletion" else np.setdiff1d(np.arange(D), first)
            stream[..., gone] = mean[:, gone]
            x = stream + block.mlp(block.norm2(stream))
        logits = head.logits(model.norm(x)[:, 0].double().numpy())
    row = next(
        r
        for r in document["curves"]
        if (r["series"], r["mode"], r["fraction"]) == ("a", mode, 0.25)
    )
    assert row["accuracy"] == pytest.approx((logits.argmax(1) == VALIDATION[1].numpy()).mean())
    logs = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    expected = logs[np.arange(9), VALIDATION[1]].mean()
    assert row["log_probability"] == pytest.approx(expected, rel=1e-3)
    assert row["k"] == [6]


def test_all_channels_kept_is_the_untouched_network_and_all_replaced_knows_nothing():
    document = measured()
    for row in document["curves"]:
        if row["fraction"] == 1.0 and row["mode"] == "insertion":
            assert row["log_probability"] == document["log_probability"]
        if row["fraction"] == 1.0 and row["mode"] == "deletion":
            assert row["accuracy"] == pytest.approx(1 / 3)  # one answer for all nine images


def test_blocks_limit_the_replacement():
    document = measured(blocks=(1,), scatter_channels=D)
    assert {row["block"] for row in document["scatter"]} == {1}
    everywhere = measured()["curves"][0]["log_probability"]
    assert document["curves"][0]["log_probability"] != everywhere
    agreement = document["agreement"]
    assert [(r["criterion"], r["block"], r["n"]) for r in agreement] == [("a", 1, D), ("b", 1, D)]


def test_progress_ends_at_its_total():
    seen = []
    measure(
        tiny_vit(),
        split(*TRAIN, 7),
        split(*VALIDATION, 4),
        plan=Plan(fractions=(0.5, 1.0), random_draws=1, scatter_channels=1),
        classes=3,
        scores={"a": ranked(0)},
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen[-1][0] == seen[-1][1]
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_command_writes_once_and_reads_afterwards(store):
    arguments = (
        "causal digits --weights none --limit 12 --criterion class_l2 --criterion l2 --scatter 0"
    )
    arguments += " --random-draws 1 --fraction 0.125 --json"
    results = [CliRunner().invoke(main, arguments.split()) for _ in range(2)]
    documents = [json.loads(result.stdout) for result in results]
    assert documents[0] == documents[1]
    document = documents[0]
    assert len(list(store.causal_dir.iterdir())) == 1
    assert read_json(store.causal_dir / document["causal_id"] / "causal.json") is not None
    assert {row["series"] for row in document["curves"]} == {
        *("class_l2", "lowest of class_l2", "l2", "lowest of l2", "random")
    }
    assert set(document["score_ids"]) == {"class_l2", "l2"}
    assert (document["train_split"], document["validation_split"]) == ("train800", "val200")


@pytest.mark.parametrize("weights", [None, "none"])
@pytest.mark.parametrize("task", ["digits", "birds"])
def test_its_scores_are_those_of_ict_score(task, weights, tmp_path, monkeypatch):
    monkeypatch.setenv("ICT_VTAB_ROOT", str(tmp_path))
    make_task(tmp_path / "birds")
    shared = {"task": task, "backbone": "ict_tiny", "weights": weights, "limit": 3}
    request, file = request_check(criteria=["l2", "taylor"], plan=Plan(site="block"), **shared)
    inputs = Inputs.of(request, task=None, backbone=None, weights_file=file, root=None)
    for scored in score_requests(request, inputs):
        asked = {"criterion": scored.criterion, "sites": ("block",), "split": "train800"}
        alone, _ = request_for(tokens=None, pixel_normalisation="native", **asked, **shared)
        assert scored == alone


def test_an_interrupt_leaves_no_file(store):
    request, file = request_check(
        task="digits", backbone="ict_tiny", criteria=["l2"], plan=Plan(), weights="none", limit=12
    )

    def stop(_done, _total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check(store, request, weights_file=file, progress=stop)
    assert not store.causal_dir.exists()


def test_wrong_words_are_refused():
    asked = {"task": "digits", "backbone": "ict_tiny", "weights": "none"}
    with pytest.raises(InputError, match="random and lowest orders are always compared"):
        request_check(criteria=["lowest"], plan=Plan(), **asked)
    with pytest.raises(InputError, match="replacement='median': choose one of mean, zero"):
        request_check(criteria=["l2"], plan=Plan(replacement="median"), **asked)
    with pytest.raises(InputError, match="blocks 0 to 11"):
        request_check(criteria=["l2"], plan=Plan(blocks=(12,)), **asked)
