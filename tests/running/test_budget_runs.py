"""Runs whose K differs by block: what is asked, what is trained and counted, what reads it afterwards."""

import json

import pytest
import torch
from click.testing import CliRunner

import ict
from ict.adapter_gradients import AdapterGradients
from ict.analysis.summary import ratio_of
from ict.cli import main
from ict.config import RunConfig, run_id
from ict.figures.score_sources import ScoreFile, open_scores
from ict.figures.sources import chosen, default_ks
from ict.model.adapters import adapters, count_parameters
from ict.model.folding import fold
from ict.running.execute import run as execute
from ict.selection import Selection
from ict.selection.by_gradient import select_by_gradient
from ict.store import Store
from ict.store.names import gradient_file
from ict.store.run_rows import as_rows
from tests.asked import resolved
from tests.running.small_runs import small_run
from tests.selection.gradients import uneven
from tests.tiny_models import images_of, tiny_swin, tiny_vit

SMALL = {"task": "digits", "limit": 40, "epochs": 1, "image_size": 32, "k": 6}
AT_MOST = 12 * (6 * 6 + 6)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return Store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def run(store):
    run = small_run(store, selector="gradient_rw", selector_norm="sign", budget="sign", **SMALL)
    execute(run.id, store, threads=1, device="cpu")
    return run


def test_a_run_tunes_k_of_each_block_and_counts_them(store, run):
    (scores,) = store.scores()
    gradients = AdapterGradients.load(gradient_file(store.scores_dir / scores["score_id"]))
    how = {"selector": "gradient_rw", "k": 6, "norm": "sign"}
    expected = select_by_gradient(gradients, budget="sign", **how)
    selection = Selection.from_dict(run.selection())
    assert selection.blocks == expected.blocks
    assert selection.stage_ks() is None
    (row,) = as_rows(store.table())
    assert row.adapter_parameters == selection.parameters() <= AT_MOST
    assert run.result().trainable_parameters == selection.parameters() + 1930
    assert (str(row.k), ratio_of(row)) == ("6", 6 / 192)  # as asked


def test_the_trained_model_loads_and_its_adapter_is_a_file(run, tmp_path):
    selection = Selection.from_dict(run.selection())
    model = ict.load(run.path).eval()
    sizes = [p.numel() for n, p in model.named_parameters() if ".adapter." in n]
    assert sum(sizes) == selection.parameters()
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = model(images)
        file = ict.save_adapter(model, tmp_path / "adapter.safetensors")
        again = ict.load_adapter(ict.detach(ict.load(run.path)), file).eval()
        torch.testing.assert_close(again(images), expected, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("make", "stages"), [(tiny_vit, ((3, 24),)), (tiny_swin, ((2, 24), (2, 48)))]
)
@pytest.mark.parametrize("selector", ["gradient", "gradient_rw"])
def test_adapters_of_several_sizes_fold(make, stages, selector):
    gradients = uneven(stages, site="mlp_branch")
    selection = select_by_gradient(gradients, selector=selector, ratio=0.25, budget="unit")
    assert selection.stage_ks() is None
    model = ict.attach(make(), selection)
    assert count_parameters(model)["adapter_parameters"] == selection.parameters()
    for adapter in adapters(model).values():
        torch.nn.init.normal_(adapter.weight, std=0.2)
    images, _ = images_of()
    with torch.inference_mode():
        expected = model(images)
        torch.testing.assert_close(fold(model)(images), expected, rtol=1e-4, atol=1e-4)


def test_pages_mark_the_runs_own_choice_whatever_k_is_asked_of_them(store, run):
    """No K of a stage says what it chose, as where blocks were left out."""
    (row,) = as_rows(store.table())
    source = open_scores(ScoreFile(store.score_file(row.score_id), row), store, site=None)
    assert source.own_ks() is None
    assert default_ks(source) == (24,)
    assert chosen(source, (24,), "own") == Selection.from_dict(run.selection())


def test_ids_without_a_budget_are_as_they_were():
    plain = resolved(selector="gradient")
    assert resolved(selector="gradient", budget="uniform").run_id == plain.run_id
    assert "budget" not in plain.config.to_dict()
    shared = resolved(selector="gradient", budget="unit")
    assert shared.run_id not in (plain.run_id, resolved(selector="gradient", budget="sign").run_id)
    assert run_id(RunConfig.from_dict(shared.config.to_dict())) == shared.run_id
    ranked = resolved(criterion="class_l2")
    assert resolved(criterion="class_l2", budget="unit").run_id == ranked.run_id


def test_a_dry_run_says_that_its_counts_are_the_most():
    words = ["train", "digits", "--k", "6", "--dry-run", "--json", "--selector", "gradient"]
    exact = CliRunner().invoke(main, words)
    bound = CliRunner().invoke(main, [*words, "--set", "budget=unit"])
    plans = [json.loads(one.stdout) for one in (exact, bound)]
    assert [one["adapter_parameters"] for one in plans] == [AT_MOST, AT_MOST]
    assert [one["parameters_at_most"] for one in plans] == [False, True]
    assert "at most" not in exact.stderr
    assert "budget=unit: each block's K follows from its gradients; trained" in bound.stderr


def test_the_command_line_chooses_with_a_budget(store, run):
    (scores,) = store.scores()
    words = ["select", scores["path"], "--k", "6", "--selector", "gradient_rw", "--norm", "sign"]
    text = CliRunner().invoke(main, [*words, "--budget", "sign"]).stdout
    document = json.loads(CliRunner().invoke(main, [*words, "--budget", "sign", "--json"]).stdout)
    assert document["budget"] == "sign"
    assert document["blocks"] == run.selection()["blocks"]
    ks = " ".join(str(len(block["indices"])) for block in document["blocks"])
    assert f"K by block: {ks}; {document['adapter_parameters']:,} parameters" in text
    assert "K by block" not in CliRunner().invoke(main, words).stdout
    refused = CliRunner().invoke(
        main, ["select", scores["path"], "--k", "6", "--budget", "unit", "--json"]
    )
    assert refused.exit_code == 2
    assert "selector top does not say" in json.loads(refused.stdout)["error"]
