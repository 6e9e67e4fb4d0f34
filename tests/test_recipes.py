"""Recipes: the authors' values for all tasks, our quick ones, and what was asked for goes before both."""

import csv
import dataclasses
from pathlib import Path

import pytest

import ict.tasks
from ict.errors import InputError
from ict.methods.registry import REGISTRY
from ict.resolve import resolve
from tests.asked import VIT, resolved


def test_nothing_that_is_asked_for_is_changed_by_a_recipe():
    got = resolved(epochs=3, lr=0.5)
    assert (got.config.epochs, got.config.lr) == (3, 0.5)
    assert not {"epochs", "lr"} & set(got.recipe_fields)
    assert "batch_size" in got.recipe_fields


SHIPPED = {"epochs": 20, "warmup_epochs": 2, "batch_size": 64, "image_size": None}


@pytest.mark.parametrize(
    ("task", "size"), [("digits", 48), ("sprites_loc", 32), ("sprites_ori", 48), ("count", 48)]
)
def test_quick_takes_the_measured_size_of_a_bundled_task_with_the_bundled_backbone(task, size):
    for method in REGISTRY:
        got = resolve({"task": task, "method": method}, weights="none")
        assert got.config.image_size == size
        assert "image_size" in got.recipe_fields
    own = resolve({"task": task, "image_size": 64}, weights="none")
    assert own.config.image_size is None  # what is asked for goes before, and 64 are its own pixels
    assert "image_size" not in own.recipe_fields


def test_what_a_method_says_of_itself_goes_before_the_task(monkeypatch):
    own = {**REGISTRY["bitfit"].quick, "epochs": 50}
    monkeypatch.setitem(REGISTRY, "bitfit", dataclasses.replace(REGISTRY["bitfit"], quick=own))
    config = resolved(method="bitfit").config
    assert (config.epochs, config.image_size) == (50, 48)


@pytest.mark.parametrize(
    "asked", [{"limit": 100}, {"shots": 2}, {"backbone": VIT}, {"task": "caltech101"}]
)
def test_what_was_not_measured_keeps_size_and_schedule(asked):
    config = resolve({"task": "digits", **asked}, weights="none", fetch=False).config
    assert {name: getattr(config, name) for name in SHIPPED} == SHIPPED


def test_unknown_recipe_and_recipe_without_the_task():
    with pytest.raises(InputError, match="did you mean 'paper'"):
        resolve({"task": "digits"}, recipe="papers", weights="none")
    with pytest.raises(InputError, match="no entry for task 'digits'"):
        resolve({"task": "digits"}, recipe="paper", weights="none")


def test_paper_recipe_gives_the_authors_values_for_all_19_tasks():
    path = Path(ict.tasks.__file__).parent / "vtab1k.csv"
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert len(rows) == 19
    for row in rows:
        config = resolve(
            {"task": row["folder"], "backbone": VIT}, recipe="paper", weights="none", fetch=False
        ).config
        assert config.k == (int(row["k"]),)
        for name in ("lr", "weight_decay", "drop_path", "scale", "label_smoothing"):
            assert getattr(config, name) == float(row[name]), (row["folder"], name)
        for name in ("batch_size", "epochs", "warmup_epochs"):
            assert getattr(config, name) == int(row[name])
        assert config.scale_on_x == (row["scale_on_x"] == "true")
        assert config.augment == ("randaugment" if row["train_aug"] == "true" else "none")
        assert (config.train_split, config.pixel_normalisation) == ("train800val200", "imagenet")


def test_the_quick_rate_falls_with_k_unless_it_is_asked_for():
    rates = [resolved(k=k).config.lr for k in (1, 3, 6, 24, 48, 96)]
    assert rates == pytest.approx([0.16, 0.16, 0.08, 0.02, 0.01, 0.005])
    assert resolved(k=96, lr=0.02).config.lr == 0.02
    assert resolved(method="full").config.lr == 0.0005


def test_released_recipe_leaves_the_scale_out():
    config = resolve(
        {"task": "cifar", "backbone": VIT}, recipe="released", weights="none", fetch=False
    ).config
    assert (config.scale, config.scale_on_x, config.lr) == (1.0, False, 0.013)


def test_released_recipe_has_the_authors_schedule_and_start_where_something_is_trained():
    asked = {"task": "cifar", "backbone": VIT}
    found = resolve(asked, recipe="released", weights="none", fetch=False)
    assert (found.config.schedule, found.config.head_init) == ("released", "uniform")
    assert {"schedule", "head_init"} <= set(found.recipe_fields)
    own = resolve({**asked, "schedule": "batch"}, recipe="released", weights="none", fetch=False)
    assert own.config.schedule == "batch"
    assert "schedule" not in own.recipe_fields
    linear = resolve({**asked, "method": "linear"}, recipe="released", weights="none", fetch=False)
    assert not {"schedule", "head_init"} & ({*linear.config.to_dict()} | {*linear.recipe_fields})
    paper = resolve(asked, recipe="paper", weights="none", fetch=False).config.to_dict()
    assert not {"schedule", "head_init"} & set(paper)


@pytest.mark.parametrize("method", ["full", "bitfit", "lora"])
@pytest.mark.parametrize("recipe", ["paper", "released"])
def test_the_authors_rates_are_of_their_method_alone(recipe: str, method: str):
    asked = {"task": "oxford_flowers102", "backbone": VIT, "method": method}
    how = {"recipe": recipe, "weights": "none", "fetch": False}
    with pytest.raises(
        InputError, match=rf"searched for SCT, not for {method}; pass --set lr="
    ) as error:
        resolve(asked, **how)
    assert len(str(error.value).splitlines()) == 1
    given = resolve({**asked, "lr": 0.05}, **how)
    assert (given.config.lr, given.config.epochs) == (0.05, 100)
    assert "lr" not in given.recipe_fields
    assert resolve({**asked, "method": "linear"}, **how).config.lr is None


def test_a_short_run_is_not_all_warm_up():
    assert resolve({"task": "digits", "epochs": 1}).config.warmup_epochs == 0
    assert resolve({"task": "digits", "epochs": 3}).config.warmup_epochs == 1
    assert resolve({"task": "digits", "epochs": 8, "limit": 100}).config.warmup_epochs == 2
    with pytest.raises(InputError, match="choose at most the 4 epochs"):
        resolve({"task": "digits", "epochs": 4, "warmup_epochs": 5})
