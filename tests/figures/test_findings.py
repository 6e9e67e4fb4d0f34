"""Findings: one sentence a page, with the numbers of its table and the words of the verdicts."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ict.analysis.benchmark import average_table
from ict.analysis.overlap_row import shared_in_block
from ict.analysis.transfer import transfer_table
from ict.figures import findings
from ict.store import Store
from tests.app import fixture_store

SEEDS = (42, 44, 82)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def add(store: Store, lost: tuple[float, ...], **fields: object) -> None:
    for seed, loss in zip(SEEDS[: len(lost)], lost, strict=True):
        fixture_store.add_done(store, seed=seed, accuracy=0.9 - loss, **fields)


RANDOM = {
    "criterion": "random", "score_task": None, "score_site": None, "score_split": None,
    "selection_seed": 0,
}  # fmt: skip


def test_ablation_sets_ict_against_random_at_an_eighth(store: Store) -> None:
    from ict.store.run_rows import run_rows

    assert findings.of_ablation(run_rows(store), store).startswith(findings.NONE)
    add(store, (0, 0, 0))
    add(store, (0.02, 0.04, 0.06), **RANDOM)
    add(store, (0.5, 0.5, 0.5), k=(96,), **RANDOM)
    said = findings.of_ablation(run_rows(store), store)
    # 4 ± t(2) · 2 / sqrt(3)
    assert said == (
        "Test accuracy of ICT − random at K/D = 1/8 on digits: +4.00 points [−0.97, +8.97], 3 seeds: not told by these data."
    )


PROBE = {
    "method": "linear", "k": None, "criterion": None, "score_task": None, "score_site": None,
    "score_split": None,
}  # fmt: skip


def test_ablation_says_where_ict_is_below_the_linear_probe(store: Store) -> None:
    from ict.store.run_rows import run_rows

    add(store, (0.05, 0.051, 0.049))
    add(store, (0,), **PROBE)
    alone = findings.of_ablation(run_rows(store), store)
    assert alone.startswith(
        "Test accuracy of ICT − linear probe at K/D = 1/8 on digits: −5.00 points ["
    )
    assert alone.endswith(
        "3 seeds: different; ICT is below the linear probe that it contains: trained too little, or at too "
        "high a rate."
    )
    add(store, (0.07, 0.09, 0.11), **RANDOM)
    both = findings.of_ablation(run_rows(store), store)
    assert both.startswith("Test accuracy of ICT − random at K/D = 1/8 on digits: +4.00 points [")
    assert both.endswith(f" {alone}")


def test_ablation_does_not_call_what_is_not_told_below(store: Store) -> None:
    from ict.store.run_rows import run_rows

    add(store, (0.02, 0.06, 0.1))
    add(store, (0,), **PROBE)
    said = findings.of_ablation(run_rows(store), store)
    assert "linear probe" in said
    assert "not told by these data" in said
    assert "below" not in said


def test_curves_tell_the_two_highest_apart_or_not(store: Store) -> None:
    from ict.store.run_rows import run_rows

    add(store, (0, 0, 0))
    add(store, (0.3, 0.31, 0.32), k=(48,))
    add(store, (0.002, -0.002, 0.001), k=(96,))
    said = findings.of_runs(run_rows(store), store)
    assert said.startswith("The two highest test accuracies on digits, K 24 − K 96: +0.03 points [")
    assert "3 seeds: equivalent within 1 point" in said
    assert said.endswith("picked after looking.")


def test_transfer_counts_its_cells_under_holm(store: Store) -> None:
    from ict.store.run_rows import run_rows

    add(store, (0, 0, 0))
    add(store, (0.02, 0.04, 0.06), score_task="count")
    one = findings.of_transfer(transfer_table(run_rows(store)))
    assert one == (
        "Test accuracy: digits on the channels of count − on its own −4.00 points [−8.97, +0.97], 3 seeds: not told by "
        "these data."
    )
    add(store, (0.05, 0.0501, 0.0499), score_task="sprites_loc")
    both = findings.of_transfer(transfer_table(run_rows(store)))
    assert both.startswith("Of 2 cells 1 ")
    assert "1 different" in both
    assert "channels of sprites_loc − on its own −5.00 points" in both
    add(store, (0.03, 0.0301, 0.0299), **RANDOM)
    chance = findings.of_transfer(transfer_table(run_rows(store)))
    assert chance.startswith(f"{both} digits on random ones −3.00 points [")
    assert chance.endswith("3 seeds: different.")


def test_overlap_counts_blocks_above_chance() -> None:
    rows = [
        shared_in_block(("a", "b"), stage=0, block=block, k=24, channels=192, overlap=shared)
        for block, shared in enumerate((24, 12, 3))
    ]
    said = findings.of_overlap(rows)
    mean = np.mean([row.kuncheva for row in rows])
    assert said.startswith("In 2 of 3 blocks more channels are shared")
    assert f"index is {mean:.2f} on average" in said
    assert said.endswith("no noise ceiling is known.")


def test_criteria_name_the_least_and_the_most_alike() -> None:
    values = np.eye(3)[None].repeat(2, axis=0)
    values[:, 0, 1] = values[:, 1, 0] = 0.9
    values[:, 0, 2] = values[:, 2, 0] = -0.2
    values[:, 1, 2] = values[:, 2, 1] = 0.4
    said = findings.of_agreement(["l2", "taylor", "fisher"], values, "Spearman")
    assert (
        said
        == "Spearman, mean over n = 2 blocks: least alike l2 and fisher −0.20, most l2 and taylor 0.90."
    )


def test_benchmark_places_published_numbers_about_the_own_interval() -> None:
    published = average_table()
    assert "no method of this store ran on all 19 tasks" in findings.of_benchmark(
        published, "mean_of_tasks"
    )
    mean = published["mean_of_tasks"].median()
    own = {"method": "ICT", "source": "this store", "mean_of_tasks": mean, "low": mean - 1,
           "high": mean + 1, "seeds": 3}  # fmt: skip
    said = findings.of_benchmark(pd.concat([published, pd.DataFrame([own])]), "mean_of_tasks")
    numbers = published["mean_of_tasks"].dropna()
    assert f"{(numbers > mean + 1).sum()} lie above" in said
    assert f"{(numbers < mean - 1).sum()} below" in said
    assert "not told by these data" in said


def test_sprites_are_introduced_as_the_same_images_with_other_labels() -> None:
    said = findings.shared_images(["digits", "sprites_loc", "sprites_ori", "cifar"])
    assert said == "sprites_loc and sprites_ori are the same images with other labels."
    assert findings.shared_images(["sprites_loc", "digits", "digits"]) == ""
