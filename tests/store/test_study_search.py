"""Draws nested in seeds, and learning rates chosen on val200 before the seeds are run."""

import json
import math
from pathlib import Path

import pytest

from ict.config import RunConfig, run_id
from ict.errors import InputError
from ict.store import Run, Store, atomic_write_json, studies
from ict.store.study_contrast import Contrast
from ict.store.study_search import Search, Trial, search
from tests.result_documents import result_document

GRID = {"name": "s", "base": {"task": "digits", "epochs": 2}, "grid": {"seed": [1, 2, 3]}}
RANDOM = {"name": "random-K", "criterion": "random", "draws": 5}
TUNED = {
    **GRID,
    "tune": {"lr_multiplier": [3.0, 0.3, 1.0]},
    "compare": [
        {"name": "random-K", "criterion": "random", "draws": 2},
        {"name": "linear", "method": "linear"},
        {"name": "lora", "method": "lora"},
    ],
}


def finish(run: Run, **numbers: object) -> None:
    document = result_document(run_id=run.id, test_accuracy=0.5, **numbers)
    atomic_write_json(run.path / "result.json", document)


def first_stage(store: Store, losses: dict[float, float], **more: float) -> studies.Study:
    """TUNED with its first stage done: `losses` on val200 by rate; the accuracy tells the contrary."""
    here = studies.create(store, TUNED)
    for name in here.run_ids:
        run = store.run(name)
        if run.config["method"] == "linear":
            continue
        loss = losses[run.config["lr_multiplier"]]
        finish(run, **({"val_loss": loss, "val_accuracy": min(1.0, loss / 9)} | more))
    return here


def test_draws_are_nested_in_seeds_and_none_is_in_two():
    pairs = studies.expand({**GRID, "compare": [RANDOM]})
    drawn = [(r.config.seed, r.config.selection_seed) for m, r in pairs if m.name == "random-K"]
    assert len(drawn) == len({draw for _, draw in drawn}) == 3 * 5
    assert drawn[:6] == [(1, 1000), (1, 1001), (1, 1002), (1, 1003), (1, 1004), (2, 2000)]


def test_a_draw_is_an_ordinary_run():
    (pair, *_) = [p for p in studies.expand({**GRID, "compare": [RANDOM]}) if p[1].config.criterion == "random"]  # fmt: skip
    plain = {**GRID, "base": {**GRID["base"], "criterion": "random", "selection_seed": 1000}}
    assert pair[0].run_id == studies.expand(plain)[0][0].run_id
    assert run_id(RunConfig.from_dict(pair[1].config.to_dict())) == pair[0].run_id


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"draws": 0}, "draws=0: choose 1 to 1000 a seed"),
        ({"draws": True}, "draws=True: choose 1 to 1000"),
        ({"draws": 2, "criterion": "lowest"}, "draws=2 is of random selections"),
        ({"draws": 2, "selection_seed": 3}, "leave selection_seed out"),
        ({"draws": 2, "grid": {"selection_seed": [3]}}, "leave selection_seed out"),
        ({"draws": 2, "seed": 2_147_483}, "with draws, choose 0 to 2147482"),
    ],
)
def test_draws_that_cannot_be_are_one_sentence(row: dict, sentence: str):
    with pytest.raises(InputError, match=rf"\[\[compare\]\] 'random-K'.*{sentence}"):
        studies.expand({**GRID, "compare": [{**RANDOM, **row}]})


def test_the_first_stage_is_every_rate_with_one_seed_and_one_draw():
    made = studies.asked(TUNED)
    first = [(m.name, r.config.lr_multiplier, r.config.seed) for m, r in made.first]
    for name in ("grid", "random-K", "lora"):
        assert [one[1:] for one in first if one[0] == name] == [(3.0, 1), (0.3, 1), (1.0, 1)]
    draws = {r.config.selection_seed for m, r in made.first if m.name == "random-K"}
    assert draws == {1000}
    assert len({m.run_id for m, _ in made.first if m.name == "linear"}) == 1  # it has no rate
    assert not made.second
    assert len(made.waiting) == 2 + (2 * 3 - 1) + 2


def test_the_second_stage_is_the_other_seeds_and_draws_at_the_lowest_loss(store: Store):
    first_stage(store, {0.3: 0.9, 1.0: 0.5, 3.0: 2.0})
    here = studies.create(store, TUNED)
    rows = [row for row in studies.rows(store, here) if row["chosen"]]
    rates = {(row["member"], row["lr_multiplier"]) for row in rows if row["member"] != "linear"}
    assert rates == {("grid", 1.0), ("random-K", 1.0), ("lora", 1.0)}
    seeds = {name: [r["seed"] for r in rows if r["member"] == name] for name, _ in rates}
    assert {name: sorted(found) for name, found in seeds.items()} == {
        "grid": [1, 2, 3], "lora": [1, 2, 3], "random-K": [1, 1, 2, 2, 3, 3],
    }  # fmt: skip
    assert {row["searched"] for row in rows if row["member"] != "linear"} == {3}
    assert {row["searched"] for row in rows if row["member"] == "linear"} == {1}
    assert studies.create(store, TUNED).run_ids == here.run_ids
    stored = json.loads(here.path.read_text())
    assert [one["chosen"] for one in stored["searches"]] == [{"lr_multiplier": 1.0}] * 3


def test_a_study_says_which_stage_stands(store: Store):
    here = studies.create(store, TUNED)
    stand = studies.standing(store, here)
    assert (stand.stage, stand.settings, stand.chosen, stand.waiting) == (1, 3, 0, 9)
    here = first_stage(store, {0.3: 0.1, 1.0: 0.5, 3.0: 2.0})
    stand = studies.standing(store, here)
    assert (stand.stage, stand.chosen, stand.waiting) == (2, 3, 9)
    assert {(one.member, one.edge) for one in stand.edges} == {
        (name, "lowest lr_multiplier") for name in ("grid", "random-K", "lora")
    }
    stand = studies.standing(store, studies.create(store, TUNED))
    assert (stand.stage, stand.waiting) == (2, 0)
    assert studies.standing(store, studies.create(store, {**GRID, "name": "plain"})) is None


def test_a_rate_that_diverged_has_lost_and_another_error_leaves_the_choice_open(store: Store):
    here = first_stage(store, {0.3: 0.9, 1.0: 0.5, 3.0: 2.0})
    broken = next(r for r in studies.rows(store, here) if r["lr_multiplier"] == 1.0)
    run = store.run(broken["run_id"])
    (run.path / "result.json").unlink()
    error = {"message": "the loss became nan", "type": "DivergedError", "traceback": ""}
    atomic_write_json(run.path / "error.json", error)
    found = next(one for one in studies.searches(store, here) if one.member == broken["member"])
    assert found.chosen == {"lr_multiplier": 0.3}
    atomic_write_json(run.path / "error.json", {**error, "type": "InputError"})
    found = next(one for one in studies.searches(store, here) if one.member == broken["member"])
    assert found.chosen is None


def test_results_without_a_loss_are_chosen_by_accuracy_and_say_so(store: Store):
    here = first_stage(store, {0.3: 0.9, 1.0: 0.5, 3.0: 2.0}, val_loss=None)
    assert {(one.by, one.chosen["lr_multiplier"]) for one in studies.searches(store, here)} == {
        ("val_accuracy", 3.0)
    }
    assert studies.standing(store, here).by_accuracy == 3


def choice(losses: list[float], rates: list[float]) -> Search:
    trials = [
        Trial(value={"lr": rate}, run_ids=(str(rate),), val_loss=loss, diverged=math.isinf(loss))
        for rate, loss in zip(rates, losses, strict=True)
    ]
    return search("grid", {}, trials, {"lr": rates}, stages=2)


@pytest.mark.parametrize(
    ("rates", "losses", "chosen", "edge"),
    [
        ([3, 0.3, 1], [0.50004, 0.50001, 0.50003], 1, None),  # equal to four decimals: the middle
        ([0.3, 1, 3], [0.5, 0.6, 0.5], 0.3, "lowest lr"),  # both ends tie: the lower
        ([0.3, 1, 3], [0.5, 0.6, 0.4998], 3, "highest lr"),
        ([0.3, 1, 3], [math.inf, 0.6, math.inf], 1, None),
        ([0.1, 0.3, 1, 3], [0.5, 0.5, 0.5, 0.5], 0.3, None),
    ],
)
def test_ties_go_to_the_middle_and_a_choice_at_the_end_says_so(rates, losses, chosen, edge):
    found = choice(losses, rates)
    assert (found.chosen["lr"], found.edge) == (chosen, edge)


def test_nothing_is_chosen_where_every_rate_diverged():
    found = choice([math.inf, math.inf], [1, 3])
    assert (found.chosen, found.failed) == (None, True)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"base": {"task": "digits", "train_split": "train800val200"}},
         r"\[grid\]: \[tune\] chooses on val200, which these runs train on .*; set train_split"),
        ({"compare": [{"name": "c", "lr_multiplier": 1.0}]}, r"leave lr_multiplier out of this row"),
        ({"compare": [{"name": "c", "grid": {"lr_multiplier": [1.0]}}]},
         r"lr_multiplier has 1 values and 3 in \[tune\]"),
        ({"tune": {"stages": 3, "lr": [1.0]}}, "stages=3: choose 2"),
        ({"tune": {"stages": 2}}, "name what to choose from"),
        ({"tune": {"seed": [1, 2]}}, "seed is repeated, not chosen"),
    ],
)  # fmt: skip
def test_a_search_that_would_not_be_fair_is_refused(change: dict, sentence: str):
    with pytest.raises(InputError, match=sentence):
        studies.expand({**TUNED, **change})


def test_a_study_of_0_1_0_keeps_its_one_stage(store: Store):
    here = studies.create(store, {**TUNED, "compare": [], "tune": {**TUNED["tune"], "stages": 1}})
    content = json.loads(here.path.read_text())
    del content["document"]["tune"]["stages"], content["searches"]
    atomic_write_json(here.path, content)
    old = studies.load_study(store, "s")
    assert len(old.run_ids) == 3 * 3
    assert studies.create(store, old.document).run_ids == old.run_ids
    for name in old.run_ids:
        config = store.run(name).config
        finish(store.run(name), val_loss=config["lr_multiplier"], val_accuracy=0.1 * config["seed"])
    assert {r["lr_multiplier"] for r in studies.rows(store, old) if r["chosen"]} == {
        3.0
    }  # the first


CONTROLS = {**GRID, "grid": {"seed": [1], "ratio": [0.125, 0.5]}, "compare": [
    {"name": "r", "criterion": "random"}, {"name": "linear", "method": "linear"},
    {"name": "half", "criterion": "lowest", "grid": {"ratio": [0.5]}},
]}  # fmt: skip


@pytest.mark.parametrize(
    ("declared", "contrast"),
    [
        (None, Contrast(a="grid", b="r", ratio=0.125)),
        ({"b": "r"}, Contrast(a="grid", b="r", ratio=0.125)),
        ({"a": "r", "b": "half", "ratio": 0.5}, Contrast(a="r", b="half", ratio=0.5)),
        ({"b": "linear", "ratio": 0.5}, Contrast(a="grid", b="linear", ratio=0.5)),
        ({"b": "r", "outcome": "accuracy"}, Contrast(a="grid", b="r", ratio=0.125)),
        ({"b": "r", "outcome": "loss"}, Contrast(a="grid", b="r", ratio=0.125, outcome="loss")),
    ],
)
def test_a_study_declares_its_primary_contrast(store: Store, declared, contrast: Contrast):
    document = CONTROLS if declared is None else {**CONTROLS, "primary": declared}
    assert studies.create(store, document).primary == contrast
    assert studies.load_study(store, "s").primary == contrast


def test_a_study_without_a_random_row_at_that_ratio_has_none():
    assert studies.primary(GRID) is None
    assert studies.primary({**CONTROLS, "grid": {"ratio": [0.5]}}) is None


@pytest.mark.parametrize(
    ("declared", "sentence"),
    [
        ({"b": "rr"}, "no row 'rr'; there are grid, r, linear, half; did you mean 'r'"),
        ({"a": "r", "b": "r"}, "a and b are both 'r'"),
        ({"b": "half"}, r"'half' has no ratio 0.125; it has 0.5"),
        ({"b": "r", "ratio": 2}, "ratio=2: choose more than 0"),
        ({"b": "r", "k": 2}, "no key 'k' in primary"),
        ({"b": "r", "outcome": "los"}, "outcome='los': choose 'accuracy' or 'loss'"),
        ("r", "write primary ="),
    ],
)
def test_a_contrast_that_is_not_there_is_one_sentence(declared, sentence: str):
    with pytest.raises(InputError, match=sentence):
        studies.check({**CONTROLS, "primary": declared})


def test_a_file_says_its_stages(tmp_path: Path):
    path = tmp_path / "t.toml"
    path.write_text("[base]\ntask='digits'\n[tune]\nlr=[0.1, 0.2]")
    assert studies.read_toml(path)["tune"] == {"stages": 2, "lr": [0.1, 0.2]}
