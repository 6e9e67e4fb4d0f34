"""Studies: expansion counted by hand, controls, tuning, plan, and nothing done twice."""

import json
from pathlib import Path

import pytest

from ict.errors import InputError
from ict.store import Run, Store, atomic_write_json, studies, transitions, trash
from ict.store.run_times import expected_seconds, plan
from ict.store.studies import Member, Study, chosen

BASE = {"name": "s", "base": {"task": "digits", "epochs": 2}, "grid": {"seed": [1, 2]}}
ASSETS = Path(__file__).parents[2] / "assets" / "studies"


def finish(run: Run, **numbers: object) -> None:
    atomic_write_json(run.path / "result.json", numbers)


def ids(document: dict) -> list[str]:
    return [member.run_id for member, _ in studies.expand(document)]


def test_every_combination_is_one_run():
    pairs = studies.expand({**BASE, "grid": {"ratio": [0.125, 0.25, 1.0], "seed": [1, 2]}})
    assert [(r.config.k[0], r.config.seed) for _, r in pairs] == [
        (24, 1), (24, 2), (48, 1), (48, 2), (192, 1), (192, 2),
    ]  # fmt: skip
    assert {r.config.epochs for _, r in pairs} == {2}
    assert pairs[0][0].asked == {"task": "digits", "epochs": 2, "ratio": 0.125, "seed": 1}


def test_controls_repeat_the_grid_and_may_replace_its_lists():
    document = {
        **BASE,
        "grid": {"ratio": [0.125, 0.25], "seed": [1, 2]},
        "compare": [
            {"name": "lowest", "criterion": "lowest"},
            {"name": "random", "criterion": "random", "seed": 5,
             "grid": {"selection_seed": [0, 1, 2], "ratio": [0.5]}},
            {"name": "linear", "method": "linear"},
        ],
    }  # fmt: skip
    pairs = studies.expand(document)
    count = {name: sum(m.name == name for m, _ in pairs) for name in ("grid", "lowest", "random")}
    assert count == {"grid": 4, "lowest": 4, "random": 3}
    assert {(r.config.k[0], r.config.seed) for m, r in pairs if m.name == "random"} == {(96, 5)}
    # linear reads no ratio and no seed: one run, not four
    assert [r.config.seed for m, r in pairs if m.name == "linear"] == [None]
    (repeated,) = studies.repeats(studies.wishes(document))
    assert repeated == {"method": "linear", "asked": 4, "runs": 1, "unread": ["ratio", "seed"]}


def test_an_id_is_the_same_whoever_asks():
    other = {"name": "other", "base": {"task": "digits"}, "grid": {"epochs": [2], "seed": [2, 1]}}
    assert set(ids(BASE)) == set(ids(other))


def test_the_bundled_ablation_has_the_runs_it_says():
    document = studies.read_toml(ASSETS / "k_ratio_digits.toml")
    names = [member.name for member, _ in studies.expand(document)]
    assert {name: names.count(name) for name in dict.fromkeys(names)} == {
        "grid": 7 * 3,
        "random-K": 5,
        "lowest-K": 3,
        "linear": 1,
        "full": 3,
    }


def test_the_bundled_tuned_study_has_the_runs_it_says():
    tuned = studies.read_toml(ASSETS / "k_ratio_digits_tuned.toml")
    made = studies.asked(tuned)
    settings = 3 + 1 + 1 + 1 + 1 + 1  # K/D, random, lowest, from the probe, full, lora
    assert len({m.run_id for m, _ in made.first}) == 3 * settings + 1  # and the probe
    assert len({m.run_id for m, _ in made.waiting}) == 4 * 3 + (2 * 5 - 1) + 4 + 4 + 4 + 4
    assert {r.config.seed for m, r in made.first if m.name != "linear"} == {42}
    assert studies.primary(tuned) == studies.Contrast(a="grid", b="random-K", ratio=0.125)


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        ("[base", "Expected ']'"),
        ("nam = 'x'", "no key 'nam' in a study; did you mean 'name'?"),
        ("name = '../x'", "not a study id"),
        ("slots = 0", "slots=0"),
        ("grid = 3", r"\[grid\] must be a table"),
        ("[grid]\nseed = 3", "seed must be a list with at least one value"),
        ("[grid]\nseed = []", "seed must be a list with at least one value"),
        ("[[compare]]\nmethod='full'", "needs a name of its own"),
        ("[[compare]]\nname='grid'", "needs a name of its own"),
        ("[[compare]]\nname='a'\n[[compare]]\nname='a'", "needs a name of its own"),
        ("[compare]\nname='a'", r"its own \[\[compare\]\]"),
        ("[[compare]]\nname='a'\ngrid={seed=1}", "seed must be a list"),
    ],
)
def test_a_file_that_is_no_study_is_one_sentence(tmp_path: Path, toml: str, sentence: str):
    path = tmp_path / "s.toml"
    path.write_text(toml)
    with pytest.raises(InputError, match=sentence) as caught:
        studies.read_toml(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_and_a_file_without_a_name(tmp_path: Path):
    with pytest.raises(InputError, match="no study file"):
        studies.read_toml(tmp_path / "s.toml")
    (tmp_path / "my_study.toml").write_text("[base]\ntask='digits'")
    assert studies.read_toml(tmp_path / "my_study.toml")["name"] == "my_study"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"base": {"tsk": "digits"}}, r"study s, \[grid\]: no field 'tsk'.*'task'"),
        ({"grid": {"ratio": [1.5]}}, r"\[grid\]: .*ratio"),
        ({"base": {"task": "digitz"}}, "did you mean 'digits'"),
        ({"compare": [{"name": "c", "criterion": "tailor"}]}, r"\[\[compare\]\] 'c': no criterion"),
        ({"grid": {"seed": list(range(200)), "lr": [0.1] * 200}}, "40000 runs; a study may have"),
    ],
)
def test_a_run_that_cannot_be_is_refused_before_anything_is_written(
    store: Store, change: dict, sentence: str
):
    with pytest.raises(InputError, match=sentence):
        studies.create(store, {**BASE, **change})
    assert not store.root.exists()


def test_a_study_is_kept_updated_listed_and_removed(store: Store):
    first = studies.create(store, BASE)
    assert first.run_ids == ids(BASE)
    assert studies.counts(store, first)["created"] == 2
    finish(store.run(first.run_ids[0]), test_accuracy=0.5)
    more = studies.create(store, {**BASE, "title": "More", "grid": {"seed": [1, 2, 3]}})
    assert more.run_ids[:2] == first.run_ids
    tally = studies.counts(store, more)
    assert (tally["runs"], tally["done"], tally["created"]) == (3, 1, 2)
    other = studies.create(store, {**BASE, "name": "t", "grid": {"seed": [1]}})
    assert [s.title for s in studies.list_studies(store)] == ["More", "t"]
    removed = studies.remove_study(store, "s", with_runs=True)
    assert removed == more.run_ids[1:]  # the first belongs to t as well
    assert store.run_ids() == other.run_ids
    assert [s.name for s in studies.list_studies(store)] == ["t"]
    assert {one.run_id for one in trash.trashed(store)} == {*removed}
    for run_id in removed:
        trash.restore(store, run_id)
    assert store.run_ids() == sorted(more.run_ids)


def test_a_study_of_which_a_run_waits_is_not_removed_with_its_runs(store: Store):
    here = studies.create(store, BASE)
    transitions.queue(store.run(here.run_ids[1]), {"sequence": 1})
    with pytest.raises(InputError, match="is queued; cancel first: ict study cancel s"):
        studies.remove_study(store, "s", with_runs=True)
    assert store.run_ids() == sorted(here.run_ids)
    assert [s.name for s in studies.list_studies(store)] == ["s"]


def test_a_removed_run_is_missing_and_made_again(store: Store):
    here = studies.create(store, BASE)
    store.remove(here.run_ids[0])
    assert [row["status"] for row in studies.rows(store, here)] == ["missing", "created"]
    studies.create(store, BASE)
    assert studies.counts(store, here)["created"] == 2


def test_a_study_is_named_wrongly_or_torn(store: Store):
    here = studies.create(store, BASE)
    with pytest.raises(InputError, match="no study 'x'"):
        studies.load_study(store, "x")
    with pytest.raises(InputError, match="not a study id"):
        studies.load_study(store, "../s")
    here.path.write_text("{")
    with pytest.raises(InputError, match=r"is not whole JSON .*; run the study's TOML file again"):
        studies.load_study(store, "s")
    assert studies.list_studies(store) == []


def test_rows_say_what_was_asked(store: Store):
    here = studies.create(store, {**BASE, "grid": {"ratio": [0.125]}})
    (row,) = studies.rows(store, here)
    assert (row["member"], row["asked_ratio"], row["k"], row["ratio"], row["chosen"]) == (
        "grid", 0.125, 24, None, True,
    )  # fmt: skip


def tuned_study() -> Study:
    """Two ratios x two seeds x three multipliers; ids say which."""
    members = tuple(
        Member(
            name="grid",
            run_id=f"r{ratio}-m{m}-s{seed}",
            asked={"ratio": ratio, "lr_multiplier": m, "seed": seed},
        )
        for ratio in (1, 2)
        for m in (0.3, 1, 3)
        for seed in (1, 2)
    )
    document = {"name": "t", "tune": {"lr_multiplier": [0.3, 1, 3]}}
    return Study(name="t", document=document, members=members, path=Path("x"))


def test_the_tuned_value_is_the_best_mean_on_val200_over_seeds():
    study = tuned_study()
    val = {
        1: {0.3: (0.1, 0.9), 1: (0.6, 0.6), 3: (0.0, 0.7)},
        2: {0.3: (0, 0), 1: (1, 0), 3: (1, 1)},
    }
    by_id = {
        f"r{ratio}-m{m}-s{seed}": {"val_accuracy": val[ratio][m][seed - 1], "test_accuracy": 1 - m}
        for ratio in val
        for m in val[ratio]
        for seed in (1, 2)
    }
    assert chosen(study, by_id) == {"r1-m1-s1", "r1-m1-s2", "r2-m3-s1", "r2-m3-s2"}
    del by_id["r1-m3-s2"]  # while one is missing, nothing is chosen for that ratio
    assert chosen(study, by_id) == {"r2-m3-s1", "r2-m3-s2"}


def test_expected_seconds_by_hand():
    def row(task: str, method: str, epochs: int, seconds: float) -> dict:
        return {"task": task, "backbone": "b", "method": method, "threads": 1, "device": "cpu",
                "epochs": epochs, "train_seconds": seconds, "score_seconds": None}  # fmt: skip

    rows = [
        row("digits", "ict", 10, 20.0),
        row("digits", "ict", 10, 40.0),
        row("count", "full", 5, 50),
    ]
    asked = {"task": "digits", "backbone": "b", "method": "ict", "epochs": 20}
    assert expected_seconds(asked, rows) == 60.0  # median of 2 and 4 seconds an epoch
    assert expected_seconds({**asked, "task": "other"}, rows) == 60.0
    assert expected_seconds({**asked, "task": "digits", "method": "full"}, rows) == 200.0
    assert expected_seconds({**asked, "method": "lora"}, rows) == 80.0  # median of 2, 4, 10
    assert expected_seconds({**asked, "backbone": "other"}, rows) is None
    assert (
        expected_seconds({**asked, "limit": 48}, rows) is None
    )  # whole runs tell nothing of trials


def test_seconds_at_another_image_size_are_expected_by_the_pixels():
    asked = {"task": "digits", "backbone": "ict_tiny", "method": "ict", "epochs": 10}
    own = {**asked, "train_seconds": 64.0}  # at 64 pixels, the backbone's own
    small = {**asked, "image_size": 32}
    assert expected_seconds(small, [own]) == 16.0  # a quarter of the pixels
    assert expected_seconds({**asked, "image_size": 96}, [own]) == 144.0
    measured = {**small, "epochs": 5, "train_seconds": 15.0}
    assert expected_seconds(small, [own, measured]) == 30.0  # its own size goes before
    assert expected_seconds({**asked, "image_size": 64}, [measured]) == 120.0


def test_a_plan_counts_what_is_missing():
    config = {"task": "digits", "backbone": "b", "method": "ict", "epochs": 2}
    configs = {f"run{i}": config for i in range(5)} | {"odd": {**config, "backbone": "c"}}
    done = {"run_id": "run0", "status": "done", "train_seconds": 30.0, **config}
    failed = {"run_id": "run1", "status": "failed", **config}
    made = plan(configs, [done, failed], slots=2, devices=1, threads=1)
    assert (made["runs"], made["done"], made["missing"], made["unmeasured"]) == (6, 1, 5, 1)
    assert made["expected_seconds"] == 4 * 30.0 / 2
    assert [row["status"] for row in made["missing_runs"]] == ["failed", *["missing"] * 4]
    empty = plan(configs, [], slots=1, devices=1, threads=1)
    assert (empty["expected_seconds"], empty["unmeasured"]) == (None, 6)


def test_the_file_in_the_store_is_plain_json(store: Store):
    here = studies.create(store, BASE)
    content = json.loads(here.path.read_text())
    assert content["name"] == "s"
    assert [member["run_id"] for member in content["members"]] == here.run_ids
