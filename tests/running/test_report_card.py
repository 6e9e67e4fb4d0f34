"""A report card of digits, from images to rows: with the file of docs/criteria-report.md, and one that sabotages."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ict.adapter_gradients import AdapterGradients
from ict.analysis.first_step import first_steps
from ict.analysis.overlap import top_masks
from ict.analysis.report_card import ReportCard
from ict.analysis.resample import part_scores
from ict.analysis.sources import open_source
from ict.catalogue import get_backbone
from ict.criteria.from_file import criterion_of
from ict.data import ImageSet, load_set
from ict.errors import InputError
from ict.running.report_asked import DEFAULT, Asked
from ict.running.report_card import report_card
from ict.scores import load_scores
from ict.scoring.score_request import request_for
from ict.scoring.task_scores import score_task
from ict.selection import select
from ict.store import Store
from ict.store.names import gradient_file
from ict.tasks import get_task, load_subset
from ict.tasks.limits import Subset, rule_for
from tests.outside_package import documented

LIMIT, SIZE, K = 40, 32, 24
SABOTAGE = """
import numpy as np
import torch
from ict.criteria import Computed

def compute(name, model, batches, request):
    for images, labels in batches():
        images.zero_()
    for parameter in model.parameters():
        parameter.data.zero_()
    model.train()
    return Computed({"attn.0": np.random.default_rng(0).random((12, 192))})
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with the files of users, and a store."""
    folder = tmp_path_factory.mktemp("card")
    (folder / "sabotage.py").write_text(SABOTAGE)
    ((name, content),) = documented("class_spread", "criteria-report.md").items()
    (folder / name).write_text(content)
    return folder


@pytest.fixture(scope="module")
def store(place) -> Store:
    return Store(place / "store")


def asked(**more) -> Asked:
    here = {"task": get_task("digits"), "backbone": get_backbone("ict_tiny"), "ratio": 0.125}
    return Asked(**{**here, "limit": LIMIT, "image_size": SIZE, "scatter": 3, **more})


@pytest.fixture(scope="module")
def card(place, store) -> ReportCard:
    files = tuple(criterion_of(place / name) for name in ("class_spread.py", "sabotage.py"))
    return report_card(store, asked(criteria=("l2",), files=files))


@pytest.fixture(scope="module")
def images() -> ImageSet:
    subset = Subset(get_task("digits"), "train800", LIMIT, rule_for(LIMIT))
    return load_set(load_subset(subset), SIZE)


def row(card, name, kind="criterion"):
    return next(one for one in card.rows if (one.name, one.kind) == (name, kind))


def stored(store, criterion):
    """The score file that a store has."""
    (path,) = (
        Path(meta["path"]) for meta in store.scores()
        if meta["criterion"] == criterion and meta["limit"] == LIMIT
    )  # fmt: skip
    return path


def dealt(labels: torch.Tensor) -> np.ndarray:
    """(2, N) booleans: in the order of the classes, every other image."""
    in_turn = sorted(range(len(labels)), key=lambda i: (int(labels[i]), i))
    chosen = np.zeros((2, len(labels)), dtype=bool)
    for turn, image in enumerate(in_turn):
        chosen[turn % 2, image] = True
    return chosen


def share(a: np.ndarray, b: np.ndarray) -> float:
    """Of the K highest of each row (blocks, D)."""
    return float((top_masks(a, K) & top_masks(b, K)).sum(axis=1).mean() / K)


def of_kept_sums(criterion: str, images: ImageSet, weights: np.ndarray) -> np.ndarray:
    """Scores (parts, blocks, D) of parts of the images, from sums that are kept in one pass over all."""
    request, weights_file = request_for(
        task="digits", backbone="ict_tiny", criterion=criterion, sites=("attn",), tokens="patch",
        split="train800", pixel_normalisation="native", limit=LIMIT, image_size=SIZE,
    )  # fmt: skip
    kept = score_task(Store(), request, weights_file=weights_file, images=images, keep_images=True)
    (stage,) = part_scores(open_source(kept).read(), weights)
    return stage


@pytest.mark.slow
def test_halves_scored_apart_choose_as_sums_of_single_images_say(card, images):
    assert card.images_of_halves == (20, 20)
    for name in ("class_l2", "l2"):
        first, second = of_kept_sums(name, images, dealt(images.labels))
        assert row(card, name).stability_read == pytest.approx(share(first, second), abs=0.002)


@pytest.mark.slow
def test_the_documented_file_scores_what_it_says_and_is_held_against_l2(card, images, store):
    own, plain = row(card, "class_spread", "file"), row(card, "l2")
    everything = np.ones((1, LIMIT), dtype=bool)
    of_kept_sums("variance", images, everything)
    source = open_source(stored(Store(), "variance")).read()
    means = source.token_mean[0].astype(np.float64)
    by_class = np.stack([means[source.labels == c].mean(axis=0) for c in range(10)])
    spread = by_class.var(axis=0, ddof=1)
    l2 = load_scores(stored(store, "l2")).site("attn")[0]
    assert own.l2_read == pytest.approx(share(spread, l2), abs=0.002)
    assert own.l2_read < 1 == plain.l2_read
    assert own.seconds_over_class_l2 == pytest.approx(own.seconds / row(card, "class_l2").seconds)
    assert (own.chance, own.fidelity_blocks) == (0.125, 12)


@pytest.mark.slow
def test_regret_is_that_of_the_gradients_and_scores_that_the_store_has(card, store):
    gradients = AdapterGradients.load(gradient_file(stored(store, "adapter_gradient").parent))
    scores = load_scores(stored(store, "class_l2"), kinds=("",))
    assert sum(gradients.images) == LIMIT
    steps = first_steps(
        gradients, {"class_l2": select(scores, ratio=0.125)}, ["gradient"], ratio=0.125, norm="sign"
    )
    expected = [one.regret if np.isfinite(one.regret) else None for one in steps]
    found = [row(card, "class_l2"), row(card, "gradient:adapter_gradient", "selector")]
    assert [one.regret_sign for one in found] == pytest.approx(expected)
    best = row(card, "gradient_rw:adapter_gradient", "selector")
    assert best.regret_sign in (None, pytest.approx(0, abs=1e-9))


@pytest.mark.slow
def test_selectors_stand_below_and_what_they_do_not_have_is_left_out(card):
    selectors = [one for one in card.rows if one.kind == "selector"]
    assert [one.name for one in selectors] == [
        "gradient:adapter_gradient", "gradient_rw:adapter_gradient",
        "energy_read_gradient_write:class_l2", "random",
    ]  # fmt: skip
    one_set, two_sets, both, random = selectors
    assert all(one.fidelity is None for one in selectors)
    assert one_set.stability_read == one_set.stability_write > one_set.chance
    assert two_sets.stability_read != two_sets.stability_write
    assert both.stability_read == row(card, "class_l2").stability_read
    assert both.l2_read == row(card, "class_l2").l2_read
    assert both.seconds > row(card, "class_l2").seconds
    assert random.stability_read is random.seconds is None
    assert random.l2_read == pytest.approx(random.chance, abs=0.05)


@pytest.mark.slow
def test_a_file_that_breaks_its_model_breaks_no_other_row(card, place):
    """Its scores are the same on all images and on halves; what is scored after it is as without it."""
    sabotage = row(card, "sabotage", "file")
    assert sabotage.stability_read == 1
    alone = report_card(Store(place / "another"), asked(criteria=()))
    for one in alone.rows:
        same = row(card, one.name, one.kind)
        for column in ("regret_unit", "regret_sign", "fidelity", "stability_read", "l2_write"):
            assert getattr(same, column) == getattr(one, column), (one.name, column)


@pytest.mark.slow
def test_scores_of_built_in_criteria_are_found_again_and_those_of_a_file_are_not_kept(
    card, place, store
):
    before = {meta["score_id"]: Path(meta["path"]).stat().st_mtime_ns for meta in store.scores()}
    assert {meta["criterion"] for meta in store.scores()} == {"class_l2", "l2", "adapter_gradient"}
    said: list[str] = []
    again = report_card(store, asked(criteria=("l2",), scatter=0), bar=said.append)
    after = {meta["score_id"]: Path(meta["path"]).stat().st_mtime_ns for meta in store.scores()}
    assert after == before
    assert row(again, "l2").stability_read == row(card, "l2").stability_read
    assert row(again, "l2").fidelity is None
    assert said[:2] == ["1 of 9, class_l2", "2 of 9, class_l2, half 1"]
    assert said[-1] == "9 of 9, adapter_gradient, half 2"


@pytest.mark.slow
def test_the_default_card_has_the_criteria_of_few_passes(tmp_path):
    card = report_card(Store(tmp_path / "all"), asked(scatter=0, limit=30))
    assert [one.name for one in card.rows if one.kind == "criterion"] == list(DEFAULT)
    card = report_card(Store(tmp_path / "all"), asked(scatter=0, limit=30, site="mlp_branch"))
    assert "weight_norm" not in [one.name for one in card.rows]
    assert any(note.startswith("weight_norm is left out: ") for note in card.notes)
    with pytest.raises(InputError, match="weight_norm"):
        report_card(
            Store(tmp_path / "all"),
            asked(scatter=0, limit=30, site="mlp_branch", criteria=("weight_norm",)),
        )


@pytest.mark.slow
def test_images_that_leave_a_half_nothing_to_judge_by_are_a_note(tmp_path):
    """Ten images, one a class: no head can be fitted on five of them without a second of a class."""
    card = report_card(Store(tmp_path / "few"), asked(criteria=("fisher",), scatter=3, limit=20))
    fisher = row(card, "fisher")
    assert fisher.stability_read is fisher.seconds is None
    assert fisher.l2_read is not None
    assert any(note.startswith("fisher has no stability and no seconds") for note in card.notes)
