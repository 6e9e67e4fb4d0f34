"""A run, from what is asked to its files: whole, repeatable, and with its error said."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file

import ict
import ict.scores
from ict.errors import IctError, InputError
from ict.methods.registry import REGISTRY
from ict.resolve import resolve
from ict.running.execute import run as execute
from ict.store.predictions import read_predictions
from ict.store.run_result import FIELDS as RESULT_FIELDS
from ict.tasks import get_task
from ict.tasks.digests import ImageDigests, listed
from ict.tasks.limits import Subset
from tests.running.small_runs import small_run


def test_a_finished_run_holds_what_the_design_promises(store):
    here = small_run(store)
    result = execute(here.id, store, threads=1, device="cpu")
    assert here.status() == "done"
    assert result == here.result()
    phases = [getattr(result, f"{one}_seconds") for one in ("load", "score", "train", "test")]
    assert min(phases) > 0
    assert 0 <= result.test_accuracy <= 1
    assert (result.adapter_parameters, result.head_parameters) == (12 * (24 * 24 + 24), 1930)
    assert result.notes[0].startswith("random backbone weights")
    assert "train800: only 20 of 800 images, shared out over the classes (limit)" in result.notes
    assert result.official_data is False  # of 797 test images the first 20 alone
    rows = here.progress()
    assert [row["epoch"] for row in rows] == [1, 2]
    assert {
        "train_loss",
        "train_accuracy",
        "val_accuracy",
        "lr",
        "seconds",
        "images_per_second",
    } <= set(rows[0])
    selection = json.loads((here.path / "selection.json").read_text())
    assert [len(block["indices"]) for block in selection["blocks"]] == [24] * 12
    answers = read_predictions(here)
    assert (answers.labels == answers.predictions).mean() == pytest.approx(result.test_accuracy)
    assert answers.losses.mean() == pytest.approx(result.test_loss, abs=1e-6)
    right = answers.labels == answers.predictions
    assert right.any()
    np.testing.assert_allclose(
        np.exp(-answers.losses[right]), answers.probabilities[right], rtol=1e-5
    )
    assert answers.classes == 10
    images = ImageDigests().images(Subset(get_task("digits"), "test", 20, "stratified"))
    assert answers.test_sha256 == listed(images, answers.labels)
    assert not (here.path / "checkpoint").exists()
    assert not (here.path / "live.json").exists()
    scores = ict.scores.load_scores(store.score_dir(result.score_id))
    assert scores.stacked("attn").shape == (12, 192)


def test_the_loaded_model_answers_as_the_run_did(store):
    import torch

    from ict.data import batches, load_set
    from ict.tasks import load_split
    from ict.tasks.limits import limited

    here = small_run(store, precision="fp32")
    execute(here.id, store, threads=1, device="cpu")
    model = ict.load(here.id)
    test = load_set(limited(load_split("digits", "test"), 20, "stratified"), 64)
    with torch.inference_mode():
        logits = torch.cat(
            [model(x) for x, _ in batches(test, 16, mean=(0.5,) * 3, std=(0.5,) * 3)]
        )
    expected = load_file(here.path / "predictions.safetensors")
    np.testing.assert_array_equal(logits.argmax(1).numpy(), expected["predictions"])


def test_asking_again_runs_nothing(store):
    here = small_run(store, method="linear")
    first = execute(here.id, store, threads=1, device="cpu")
    written = (here.path / "result.json").stat().st_mtime_ns
    assert execute(here.id, store) == first
    assert (here.path / "result.json").stat().st_mtime_ns == written


@pytest.mark.parametrize("method", ["linear", "full", "bitfit", "lora"])
def test_every_method_ends_with_a_result_that_loads(store, method):
    here = small_run(store, method=method, epochs=1)
    result = execute(here.id, store, threads=1, device="cpu")
    written = json.loads((here.path / "result.json").read_text())
    assert list(written) == list(RESULT_FIELDS), "a key that the record does not classify"
    assert (here.config["seed"] is None) != REGISTRY[method].draws
    assert result.trainable_parameters == result.adapter_parameters + result.head_parameters
    assert result.score_id is None
    assert ict.load(here.path) is not None


def test_a_run_whose_head_starts_as_the_probe_begins_where_the_probe_ends(store):
    """At rates of zero nothing is trained: its answers are those of the probe's own run."""
    asked = {"precision": "fp32", "train_split": "train800val200"}
    still = {"init": "zero", "head_init": "probe", "lr": 0.0, "head_lr": 0.0, "epochs": 1}
    start = small_run(store, **asked, **still)
    linear = small_run(store, **asked, method="linear")
    results = [execute(one.id, store, threads=1, device="cpu") for one in (start, linear)]
    found, expected = (read_predictions(one) for one in (start, linear))
    np.testing.assert_array_equal(found.predictions, expected.predictions)
    np.testing.assert_allclose(found.losses, expected.losses, atol=1e-4)
    strength = results[1].inverse_regularisation
    assert any(f"head starts as the linear probe: C={strength:g}" in n for n in results[0].notes)
    assert results[1].cross_validated_accuracy is not None
    assert results[1].val_accuracy is None


@pytest.mark.parametrize("version", [1, 2])
def test_a_linear_run_of_each_version_says_how_its_strength_was_chosen(store, version):
    here = small_run(store, method="linear", probe_version=version)
    result = execute(here.id, store, threads=1, device="cpu")
    assert ("probe_version" in here.config) == (version == 2)
    assert (result.cross_validated_accuracy is None) == (version == 1)
    assert result.val_accuracy is not None
    lines = (here.path / "progress.jsonl").read_text().splitlines()
    tried = [json.loads(line)["inverse_regularisation"] for line in lines]
    assert tried == [1e-4, 1e-3, 1e-2, 0.1, 1, 10]


@pytest.mark.parametrize("criterion", ["random", "lowest"])
def test_controls_choose_what_they_say(store, criterion):
    main, control = small_run(store, epochs=1), small_run(store, epochs=1, criterion=criterion)
    for one in (main, control):
        execute(one.id, store, threads=1, device="cpu")
    chosen = [
        [
            set(block["indices"])
            for block in json.loads((r.path / "selection.json").read_text())["blocks"]
        ]
        for r in (main, control)
    ]
    assert all(len(block) == 24 for block in chosen[1])
    if criterion == "lowest":
        assert not any(top & low for top, low in zip(*chosen, strict=True))
    else:
        assert chosen[0] != chosen[1]


def test_select_by_val_tests_the_best_epoch_once(store):
    here = small_run(store, select_by="val", epochs=3)
    result = execute(here.id, store, threads=1, device="cpu")
    rows = here.progress()
    best = max(rows, key=lambda row: (row["val_accuracy"], -row["epoch"]))
    assert (result.selected_epoch, result.val_accuracy) == (
        best["epoch"],
        best["val_accuracy"],
    )
    assert result.best_test_accuracy is None


def test_the_optimistic_test_curve_is_asked_for_and_stands_apart(store):
    here = small_run(store, report_best_test=True)
    result = execute(here.id, store, threads=1, device="cpu")
    curve = [json.loads(line) for line in (here.path / "test_curve.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in curve] == [1, 2]
    assert result.best_test_accuracy == max(row["test_accuracy"] for row in curve)
    assert "test_accuracy" not in here.progress()[0]
    assert result.test_accuracy == curve[-1]["test_accuracy"]


def test_training_on_all_thousand_has_no_validation(store):
    here = small_run(store, train_split="train800val200", epochs=1)
    result = execute(here.id, store, threads=1, device="cpu")
    assert result.val_accuracy is None
    assert here.progress()[0]["val_accuracy"] is None


def test_channels_of_another_task(store):
    here = small_run(store, score_task="count", epochs=1)
    result = execute(here.id, store, threads=1, device="cpu")
    assert result.score_id.startswith("count-")


def test_a_failure_is_stored_with_its_sentence_and_can_be_tried_again(store):
    here = small_run(store, epochs=1)
    with pytest.raises(IctError, match="lower the learning rate") as raised:
        execute_with_broken_head(here, store)
    assert here.status() == "failed"
    assert here.error()["message"] == str(raised.value)
    assert "Traceback" in here.error()["traceback"]
    execute(here.id, store, threads=1, device="cpu")
    assert here.status() == "done"
    assert here.error() is None


def execute_with_broken_head(here, store):
    import torch

    from ict.running import pipeline

    build = pipeline.build_model

    def broken(job, selection):
        model = build(job, selection)
        with torch.no_grad():
            model.head.weight.fill_(float("nan"))
        return model

    pipeline.build_model = broken
    try:
        execute(here.id, store, threads=1, device="cpu")
    finally:
        pipeline.build_model = build


def test_data_that_changed_under_a_run_is_noticed(store):
    here = small_run(store)
    record = {**here.record, "config": {**here.config, "data": "bundled:digits@0"}}
    (here.path / "config.json").write_text(json.dumps(record))
    with pytest.raises(IctError, match="changed since this run was asked for"):
        execute(here.id, store, threads=1, device="cpu")


def test_loading_a_run_that_is_not_done(store):
    here = small_run(store)
    with pytest.raises(InputError, match="not done"):
        ict.load(here.id)


def test_real_photographs_and_short_splits(store, real_images):
    task = resolve({"task": "oxford_iiit_pet", "limit": 30, "epochs": 1}, weights="none")
    here = store.create_run(task.record())
    result = execute(here.id, store, threads=1, device="cpu")
    assert any("185 of" in note for note in result.notes)
    assert result.official_data is False
    assert result.head_parameters == 192 * 37 + 37
