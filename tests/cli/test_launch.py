"""`ict runs, show, cancel, resume, remove, study`, on toy runs."""

import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ict.cli import main
from ict.running import follow, local
from ict.store import Store, atomic_write_json
from tests.toys import lines, toys, until

pytest_plugins = ("tests.toy_plugin",)


def ict(*words: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def ask(*words: object, code: int = 0) -> object:
    return json.loads(ict(*words, "--json", code=code).stdout)


def done(store: Store, count: int, **config: object) -> list:
    runs = toys(store, count, **config)
    for i, run in enumerate(runs):
        atomic_write_json(run.path / "result.json", {"test_accuracy": 0.5 + i / 10})
    return runs


def test_runs_filters_sorts_and_groups(toy_store: Store):
    done(toy_store, 3, method="ict")
    toys(toy_store, 1, prefix="other", method="full")
    rows = ask("runs")
    assert [(row["run_id"], row["status"]) for row in rows] == [
        ("toy-000", "done"), ("toy-001", "done"), ("toy-002", "done"), ("other-000", "created"),
    ]  # fmt: skip
    assert [row["run_id"] for row in ask("runs", "--method", "full")] == ["other-000"]
    assert len(ask("runs", "--status", "done", "--task", "toy")) == 3
    best_first = [row["run_id"] for row in ask("runs", "--sort", "-test_accuracy")]
    assert best_first == ["toy-002", "toy-001", "toy-000", "other-000"]
    assert {"mean", "low", "high"} <= set(ict("runs", "--group").stdout.splitlines()[0].split())
    group = ask("runs", "--group")[0]
    assert 0 < group["mean"] - group["low"] == pytest.approx(group["high"] - group["mean"])
    assert (group["runs"], group["mean"], group["best"]) == (3, pytest.approx(0.6), 0.7)
    error = ask("runs", "--sort", "test_acuracy", code=2)
    assert error == {"error": "no column 'test_acuracy' to sort by; did you mean 'test_accuracy'?"}
    (toy_store.runs_dir / "foreign").mkdir()
    shown = ict("runs")
    assert "toy-000" in shown.stdout
    assert "left out" in shown.stderr
    assert "foreign" in shown.stderr


def test_runs_of_an_empty_store(toy_store: Store):
    assert ask("runs") == []
    assert ict("runs").stdout == "nothing to show\n"
    assert not toy_store.root.exists()


def test_show_and_the_difference_of_two(toy_store: Store):
    done(toy_store, 2)
    document = ask("show", "toy-000")
    assert (document["status"], document["result"]["test_accuracy"]) == ("done", 0.5)
    assert ask("show", "toy-000", "--diff", "toy-001") == [
        {"field": "seed", "toy-000": 0, "toy-001": 1}
    ]
    assert "test_accuracy" in ict("show", "toy-000").stdout
    assert "did you mean" in ask("show", "toy-00O", code=2)["error"]


def test_a_failed_run_waited_for_is_one_sentence_and_exit_1(toy_store: Store):
    toys(toy_store, 1, fail="images/7.jpg cannot be decoded")
    error = ask("resume", "toy-000", "--wait", code=1)
    assert error == {"error": "run toy-000 failed: images/7.jpg cannot be decoded"}
    shown = ict("show", "toy-000").stdout
    assert "error: images/7.jpg cannot be decoded" in shown


def test_resume_attaches_and_gives_the_result(toy_store: Store):
    toys(toy_store, 1, seconds=0.1)
    first = ask("resume", "toy-000")
    assert first["status"] in ("queued", "running")
    last = ask("resume", "toy-000", "--wait")
    assert (last["status"], last["test_accuracy"], last["config"]["seed"]) == ("done", 0.5, 0)
    assert ask("resume", "toy-000", "--wait") == last
    assert len(lines(toy_store.run("toy-000"), "starts.txt")) == 1
    assert "test accuracy 0.5000" in ict("resume", "toy-000").stdout


def test_cancel_and_remove(toy_store: Store):
    run = toys(toy_store, 1, steps=1000, seconds=0.05)[0]
    done(toy_store, 1, prefix="done")
    local.submit(toy_store, [run.id])
    until(lambda: run.status() == "running")
    assert "is running; cancel it first" in ask("remove", run.id, "--yes", code=2)["error"]
    answer = ask("cancel", run.id, "done-000")
    assert [row["status"] for row in answer] == ["cancelled", "done"]
    assert "--yes" in ask("remove", run.id, code=2)["error"]
    assert ask("remove", run.id, "done-000", "--yes") == {"removed": [run.id, "done-000"]}
    assert ask("runs") == []


STUDY = """
name = "tiny"
slots = 2
[base]
task = "digits"
epochs = 2
[grid]
seed = [1, 2]
[[compare]]
name = "linear"
method = "linear"
"""


@pytest.fixture
def study_file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(STUDY)
    return path


def test_a_study_runs_once_and_a_new_seed_adds_its_own(toy_store: Store, study_file: Path):
    assert ask("study", "plan", study_file)["missing"] == 3
    assert not toy_store.root.exists()  # a plan writes nothing
    first = ask("study", "run", study_file)
    assert {name: first[name] for name in ("name", "runs", "done", "failed", "submitted")} == {
        "name": "tiny", "runs": 3, "done": 3, "failed": 0, "submitted": 3,
    }  # fmt: skip
    assert ask("study", "run", "tiny")["submitted"] == 0
    study_file.write_text(STUDY.replace("[1, 2]", "[1, 2, 3]"))
    again = ask("study", "run", study_file)
    assert (again["submitted"], again["done"]) == (1, 4)  # seed 3 of ict; linear reads none
    starts = [len(lines(run, "starts.txt")) for run in toy_store.runs()]
    assert starts == [1] * 4
    made = ask("study", "plan", study_file)
    assert (made["missing"], made["expected_seconds"]) == (0, 0)
    assert [row["done"] for row in ask("study", "list")] == [4]
    shown = ask("study", "show", "tiny")
    assert [row["member"] for row in shown["rows"]] == ["grid"] * 3 + ["linear"]
    assert "4 of 4 runs done" in ict("study", "show", "tiny").stdout
    assert len(ask("runs", "--study", "tiny", "--method", "linear")) == 1
    assert again["notes"] == []
    study_file.write_text(STUDY.split("[[compare]]", maxsplit=1)[0])
    (said,) = ask("study", "run", study_file)["notes"]
    assert said.startswith("study tiny is changed: 2 of 4 runs leave it")
    assert ask("study", "remove", "tiny", "--yes") == {"name": "tiny", "removed_runs": []}
    assert len(ask("runs")) == 4


TUNED = STUDY.replace(
    "[[compare]]",
    """[tune]
lr_multiplier = [0.3, 1.0, 3.0]
[[compare]]
name = "random-K"
criterion = "random"
draws = 2
[[compare]]""",
    1,
)


def test_a_tuned_study_goes_on_to_its_second_stage_by_itself(toy_store: Store, study_file: Path):
    study_file.write_text(TUNED)
    made = ask("study", "plan", study_file)
    assert [(one["stage"], one["runs"]) for one in made["stages"]] == [(1, 7), (2, 4)]
    assert (made["runs"], made["missing"]) == (11, 11)
    first = ask("study", "run", study_file)
    assert (first["submitted"], first["done"], first["runs"]) == (11, 11, 11)
    assert (first["tune"]["stage"], first["tune"]["waiting"]) == (2, 0)
    kept = [row for row in ask("study", "show", "tiny")["rows"] if row["chosen"]]
    assert {row["lr_multiplier"] for row in kept if row["member"] != "linear"} == {0.3}
    shown = ict("study", "show", "tiny").stdout
    assert "stage 2 of 2: value chosen for 2 of 2 settings" in shown
    assert "at the edge of its list: random-K task=digits (lowest lr_multiplier)" in shown
    assert ask("study", "run", "tiny")["submitted"] == 0


def test_a_tuned_study_that_was_killed_between_its_stages_goes_on(
    toy_store: Store, study_file: Path
):
    study_file.write_text(TUNED)
    ask("study", "run", study_file, "--no-wait")
    deadline = time.monotonic() + 60
    while ask("study", "show", "tiny")["done"] < 7 and time.monotonic() < deadline:
        time.sleep(0.2)
    shown = ask("study", "show", "tiny")
    assert (shown["done"], shown["runs"], shown["tune"]["waiting"]) == (7, 7, 4)
    assert "4 runs at chosen values are still to be started" in ict("study", "show", "tiny").stdout
    again = ask("study", "run", "tiny")
    assert (again["submitted"], again["done"], again["runs"]) == (4, 11, 11)


def test_a_plan_says_which_seeds_share_a_draw(toy_store: Store, study_file: Path):
    study_file.write_text(TUNED.replace("draws = 2\n", ""))
    said = "one draw (selection_seed 0) is shared by seeds 1, 2: their interval holds no spread"
    assert said in ict("study", "plan", study_file).stdout
    study_file.write_text(TUNED)
    assert ask("study", "plan", study_file)["shared_draws"] == []


def test_a_study_goes_on_in_the_background_and_is_cancelled(toy_store: Store, study_file: Path):
    study_file.write_text(STUDY.replace("epochs = 2", "epochs = 2000"))
    first = ask("study", "run", study_file, "--no-wait")
    assert (first["submitted"], first["done"]) == (3, 0)
    cancelled = ask("study", "cancel", "tiny")["cancelled"]
    assert set(cancelled) <= {row["run_id"] for row in ask("runs")}
    statuses = {row["status"] for row in ask("runs")}
    assert statuses <= {"cancelled", "done"}  # linear toys have one step and may have ended


def test_a_study_with_failures_exits_1_and_says_how_many(toy_store: Store, study_file: Path):
    here = toys(toy_store, 1)[0]
    assert here.status() == "created"
    document = ask("study", "run", study_file)
    broken = toy_store.run(ask("study", "show", "tiny")["rows"][0]["run_id"])
    config = json.loads((broken.path / "config.json").read_text())
    config["toy"] = {"fail": "no"}
    (broken.path / "result.json").unlink()
    atomic_write_json(broken.path / "config.json", config)
    document = ask("study", "run", "tiny", code=1)
    assert (document["done"], document["failed"]) == (2, 1)
    assert "2 of 3 runs done, 1 failed" in ict("study", "run", "tiny", code=1).stdout


def test_the_words_of_a_study_are_checked(toy_store: Store, study_file: Path):
    assert "no study 'nix'" in ask("study", "run", "nix", code=2)["error"]
    error = ask("study", "run", study_file, "--parallel", 2, code=2)["error"]
    assert error == "--parallel, --runs-per-job and --slurm need --launcher slurm"


def test_waiting_replaces_a_dead_worker(toy_store: Store, monkeypatch):
    run = toys(toy_store, 1)[0]
    monkeypatch.setattr(local, "start_workers", lambda _: 0)
    local.submit(toy_store, [run.id])
    assert run.status() == "queued"
    monkeypatch.undo()
    monkeypatch.setenv("ICT_RUNNER", "tests.toy_runner")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert follow.wait(toy_store, run.id).status() == "done"


@pytest.mark.parametrize(
    "words",
    [
        ("train", "digits", "--k", "x"),
        ("train",),
        ("tasks", "extra"),
        ("score", "digits", "--seed", "-1"),
        ("overlap", "digits", "count", "--tokens", "x"),
        ("figure", "curves"),
        ("trane", "digits"),
    ],
)
def test_wrong_usage_is_one_sentence_and_a_document_with_json(words):
    found = CliRunner().invoke(main, [*words, "--json"])
    assert found.exit_code == 2
    sentence = json.loads(found.stdout)["error"]
    assert "--help`" in sentence
    assert "\n" not in sentence
    plain = CliRunner().invoke(main, list(words))
    assert (plain.exit_code, plain.stdout, plain.stderr) == (2, "", f"ict: {sentence}\n")


def test_help_and_version_end_well():
    for words in (["--help"], ["train", "--help"], ["--version"]):
        assert CliRunner().invoke(main, words).exit_code == 0
    assert CliRunner().invoke(main, []).exit_code == 2


def test_what_a_method_does_not_read_is_said_and_a_second_task_refused(toy_store: Store):
    words = ["train", "digits", "--method", "linear", "--dry-run", "--json"]
    found = CliRunner().invoke(main, [*words, "--k", "5", "--set", "epochs=3"])
    assert found.stderr == "ict: linear does not read k, epochs: left out\n"
    assert json.loads(found.stdout)["config"]["epochs"] is None
    assert CliRunner().invoke(main, words).stderr == ""
    refused = CliRunner().invoke(main, [*words, "--set", "task=count"])
    assert "says another" in json.loads(refused.stdout)["error"]


def test_a_number_from_less_than_the_test_set_carries_a_star(toy_store: Store):
    one, other = done(toy_store, 2)
    record = {**one.record, "config": {**one.config, "task": "digits"}}
    atomic_write_json(one.path / "config.json", record)
    result = {"test_accuracy": 0.75, "official_data": False, "peak_memory_bytes": 3 << 20}
    atomic_write_json(one.path / "result.json", result)
    text = ict("runs").stdout
    assert "0.75 *" in text
    assert text.endswith("* not measured on the whole official test set\n")
    atomic_write_json(one.path / "result.json", {**result, "official_data": True})
    assert "*" not in ict("runs").stdout
    assert other.status() == "done"
