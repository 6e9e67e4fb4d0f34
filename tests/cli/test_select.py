"""`ict select`: what is chosen by gradients of adapters, and what is refused with the way out."""

import json

import pytest
from click.testing import CliRunner

from ict.adapter_gradients import AdapterGradients
from ict.cli import main
from ict.scores import load_scores
from ict.selection.by_gradient import select_by_gradient, share_of_bound
from tests.selection.gradients import add_to_store


def ict(*words):
    return CliRunner().invoke(main, ["select", *words])


@pytest.fixture
def ids(store):
    """Of scores by adapter_gradient, class_l2 and taylor."""
    return add_to_store(store)


def test_two_sets_as_the_package_chooses_them(store, ids):
    said = json.loads(
        ict(ids[0], "--selector", "gradient_rw", "--k", "3", "--norm", "sign", "--json").stdout
    )
    gradients = AdapterGradients.load(store.score_dir(ids[0]) / "adapter_gradient.safetensors")
    chosen = select_by_gradient(gradients, selector="gradient_rw", k=3, norm="sign")
    assert [tuple(b["indices"]) for b in said["blocks"]] == [b.indices for b in chosen.blocks]
    assert [tuple(b.get("writes", b["indices"])) for b in said["blocks"]] == [
        b.written for b in chosen.blocks
    ]
    assert said["share_of_bound"] == pytest.approx(share_of_bound(gradients, chosen, "sign"))
    assert said["adapter_parameters"] == 2 * (9 + 3)


def test_reads_by_energy_are_the_top_of_the_other_scores(store, ids):
    words = ("--selector", "energy_read_gradient_write", "--energy", ids[1], "--k", "3")
    found = ict(ids[0], *words)
    top = json.loads(ict(ids[1], "--k", "3", "--json").stdout)["blocks"]
    assert "% of an upper bound of the squared length" in found.stdout
    reads = [line for line in found.stdout.splitlines() if line.startswith("block")]
    for line, block in zip(reads, top, strict=True):
        assert line.split(":")[1].split() == list(map(str, block["indices"]))
    assert load_scores(store.score_dir(ids[1])).sites == ("attn",)


@pytest.mark.parametrize(
    ("which", "words", "sentence"),
    [
        (0, ("--k", "3"), "no ranking of channels"),
        (0, ("--k", "3", "--selector", "lowest"), "no ranking of channels"),
        (0, ("--k", "3", "--selector", "energy_read_gradient_write"), "needs --energy SCORE"),
        (1, ("--k", "3", "--selector", "gradient"), "--criterion adapter_gradient"),
        (1, ("--k", "3", "--energy", "x"), "leave it out"),
    ],
)
def test_what_cannot_be_chosen_says_what_to_do(ids, which, words, sentence):
    refused = ict(ids[which], *words)
    assert refused.exit_code == 2
    assert sentence in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
