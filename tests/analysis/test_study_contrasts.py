"""What a study tells: its primary contrast alone, its ratios as a family, all else exploratory."""

import json

import numpy as np
import pytest

from ict.analysis.comparing import compare
from ict.analysis.sides import find_side
from ict.analysis.study_contrasts import StudyVerdicts, study_contrasts
from ict.analysis.verdicts import judge_family
from ict.store import Store, studies
from ict.store.predictions import Predictions, write_predictions
from tests.answered_runs import TEST, wrong_at
from tests.result_documents import result_document

LABELS = np.arange(400) % 10
SEEDS = [42, 44, 82, 100, 800]
DOCUMENT = {
    "name": "three",
    "base": {"task": "digits", "epochs": 1, "warmup_epochs": 0},
    "grid": {"ratio": [0.03125, 0.125, 0.5], "seed": SEEDS},
    "compare": [
        {"name": "random-K", "criterion": "random", "draws": 2},
        {"name": "linear", "method": "linear"},
        {"name": "full", "method": "full"},
    ],
}


def share_of(run) -> float:
    """Wrong answers by what ran: random channels are as good but at K/D = 1/2."""
    config = run.config
    if config["method"] != "ict":
        return 0.1
    random, k = config["criterion"] == "random", config["k"][0]
    return 0.05 + (0.1 if random and k == 96 else 0.0)


def finish(store: Store, study: studies.Study, *, but: tuple[str, ...] = ()) -> None:
    for number, member in enumerate(study.members):
        run = store.run(member.run_id)
        if member.name in but or run.status() == "done":
            continue
        said = wrong_at(LABELS, np.random.default_rng(number), share_of(run))
        losses = np.where(said == LABELS, 0.1, 2.0).astype(np.float32)
        answers = Predictions(said, LABELS, np.full(400, 0.9, np.float32), losses, TEST, 10)
        write_predictions(run.path, answers)
        result = result_document(
            run_id=run.id, test_accuracy=float((said == LABELS).mean()), test_images=400
        )
        (run.path / "result.json").write_text(json.dumps(result))


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "store")


def told(store: Store, document: dict = DOCUMENT, **more) -> StudyVerdicts:
    study = studies.create(store, document)
    finish(store, study, **more)
    return study_contrasts(store, studies.load_study(store, study.name))


def test_the_primary_contrast_is_tested_alone(store: Store):
    found = told(store)
    own = compare(
        find_side("study:three/grid,ratio=0.125", store),
        find_side("study:three/random-K,ratio=0.125", store),
        store,
    )
    assert (found.primary.a, found.primary.b, found.primary.ratio) == ("grid", "random-K", 0.125)
    verdict = found.primary.verdicts[0]
    assert (verdict.role, verdict.p) == ("primary", own.verdicts[0].difference.p)
    assert verdict.difference == own.verdicts[0].difference
    assert found.primary.draws == 2


def test_other_ratios_are_one_family_under_holm(store: Store):
    found = told(store)
    assert [(one.ratio, one.role) for one in found.family] == [(0.03125, "family"), (0.5, "family")]
    expected = judge_family([one.verdicts[0].difference for one in found.family])
    assert [one.verdicts[0].p for one in found.family] == [one.p for one in expected]
    assert found.family[1].verdicts[0].different
    assert found.family[1].verdicts[0].p > found.family[1].verdicts[0].difference.p


def test_everything_else_is_exploratory(store: Store):
    found = told(store)
    assert [(one.b, one.ratio) for one in found.exploratory] == [
        (name, ratio) for name in ("linear", "full") for ratio in (0.03125, 0.125, 0.5)
    ]
    assert {verdict.role for one in found.exploratory for verdict in one.verdicts} == {
        "exploratory"
    }


def test_the_first_sentence_answers_with_seeds_draws_and_what_they_can_tell(store: Store):
    sentence = told(store).sentence
    assert sentence.startswith(
        "The primary contrast, grid − random-K at K/D = 1/8, 2 draws of channels a seed: "
    )
    assert "5 seeds, these images, new seeds" in sentence
    assert "5 seeds on 400 test images find" in sentence


def test_the_order_of_rows_and_draws_changes_nothing(store: Store, tmp_path):
    one = told(store).primary.verdicts[0].difference
    turned = {**DOCUMENT, "name": "turned", "compare": DOCUMENT["compare"][::-1]}
    turned["grid"] = {"ratio": [0.5, 0.125, 0.03125], "seed": SEEDS[::-1]}
    other = told(store, turned).primary.verdicts[0].difference
    assert other.mean == pytest.approx(one.mean)
    assert other.interval() == pytest.approx(one.interval())


def test_few_seeds_are_exploratory_even_where_declared(store: Store):
    few = {**DOCUMENT, "grid": {"ratio": [0.125], "seed": [1, 2, 3]}}
    found = told(store, few)
    assert found.primary.verdicts[0].role == "exploratory"
    assert found.sentence.startswith("Exploratory, grid − random-K")


def test_what_is_not_finished_is_said(store: Store):
    found = told(store, but=("random-K",))
    assert found.primary is None
    assert found.sentence == "grid − random-K at K/D = 1/8: no finished run of random-K yet."
    assert len(found.exploratory) == 6


def test_a_study_without_controls_says_so(store: Store):
    alone = {key: value for key, value in DOCUMENT.items() if key != "compare"}
    found = told(store, alone)
    assert (found.primary, found.all) == (None, [])
    assert "declares no primary contrast" in found.sentence
    assert json.dumps(found.to_dict())


def test_what_finds_a_difference_is_told_with_hours(store: Store):
    from ict.analysis.power import seeds_needed
    from ict.analysis.study_power import detect
    from ict.errors import InputError

    study = studies.create(store, DOCUMENT)
    with pytest.raises(InputError, match="two finished seeds of both rows"):
        detect(store, study, 1.0)
    found = told(store)
    one = found.primary.comparison.tasks[0]
    plans = detect(store, studies.load_study(store, "three"), 1.0)
    assert [plan.needed for plan in plans] == [
        seeds_needed(0.01, 400, one.spread, difference.over) for difference in one.differences
    ]
    assert all(plan.have == 5 for plan in plans)
    assert plans[0].hours(5) == 0
    assert plans[0].sentence.startswith("digits: ")


def test_a_declared_loss_is_what_everything_is_of(store: Store):
    """Answers cost 0.1 nats or 2: losses follow from the accuracies of every run."""
    from ict.analysis.outcomes import ACCURACY, LOSS
    from ict.analysis.study_power import detect
    from ict.figures.report import study_report

    of_loss = {"a": "grid", "b": "random-K", "ratio": 0.125, "outcome": "loss"}
    found = told(store, {**DOCUMENT, "primary": of_loss})
    study = studies.load_study(store, "three")
    plain = study_contrasts(store, study, outcome=ACCURACY)
    assert (found.outcome, plain.outcome) == (LOSS, ACCURACY)
    assert [one.name for one in found.all] == [one.name for one in plain.all]
    for one, other in zip(found.all, plain.all, strict=True):
        assert len(one.verdicts) == 1
        assert one.verdicts[0].difference.mean == pytest.approx(
            -1.9 * other.verdicts[0].difference.mean, abs=1e-6
        )
    assert (found.primary.verdicts[0].role, found.primary.verdicts[0].margin) == ("primary", 0.05)
    assert "; lower is better. 5 seeds on 400 test images find " in found.sentence
    assert " nats with 80 %" in found.sentence
    assert [found.to_dict()[name] for name in ("outcome", "unit")] == ["loss", "nats"]
    (plan,) = detect(store, study, 0.1)
    assert plan.needed.sentence.count("0.1 nats on 400 test images (these images, new seeds)") == 1
    page = study_report("three", store)
    assert found.sentence in page
    assert "Nats of test loss; lower is better, paired by seed" in page
    assert "<th>nats</th>" in page


def test_the_sentence_says_what_new_images_would_show_where_that_differs(store: Store):
    from dataclasses import replace

    from ict.analysis.verdicts import judge

    one = told(store).primary
    first, second = one.verdicts
    sure = judge(replace(first.difference, mean=0.02, standard_error=0.001))
    unsure = judge(replace(second.difference, mean=0.02, standard_error=0.02, degrees=10))
    differing = replace(one, verdicts=(sure, unsure)).sentence
    assert (sure.words, unsure.words) == ("different", "not told by these data")
    half = 2.228139 * 2  # t(10, 97.5 %) times 2 points
    said = f" On new images too: −{half - 2:.2f} to +{half + 2:.2f}, not told. "
    assert said in differing
    assert replace(one, verdicts=(unsure, unsure)).sentence.count("On new images too") == 0
    assert replace(one, verdicts=(sure,)).sentence.count("On new images too") == 0


def test_two_seeds_tell_no_power(store: Store):
    found = told(store, {**DOCUMENT, "grid": {"ratio": [0.125], "seed": [42, 44]}})
    assert found.sentence.endswith(" Two seeds are too few to tell what could be found.")


def test_untuned_rates_are_not_called_chosen(store: Store):
    from ict.figures.report import study_report

    told(store)
    page = study_report("three", store)
    assert "Learning rates are untuned." in page
    assert "paired by seed, at the rates asked for, untuned." in page
    assert "that the study chose" not in page
