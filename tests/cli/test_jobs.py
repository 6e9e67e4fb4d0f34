"""`ict jobs`, `ict runs controls`, and what a command tells of its progress to the file that is named."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ict.cli import main
from ict.cli.common import Progress
from ict.resolve import resolve
from ict.running import controls, jobs
from ict.running.batch import wait_all
from ict.store import Store
from ict.store.study_toml import to_toml
from tests.toys import kill, processes, toys, until

pytest_plugins = ("tests.toy_plugin",)


def ict(*words: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def ask(*words: object, code: int = 0) -> dict:
    return json.loads(ict(*words, "--json", code=code).stdout)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("ICT_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    found = Store()
    yield found
    for pid in processes(found):
        kill(pid)


def ended(name: str) -> bool:
    (row,) = (row for row in ask("jobs") if row["job_id"] == name)
    return row["status"] not in ("queued", "running")


def test_a_job_ends_as_the_command_does_in_a_shell(store: Store, tmp_path: Path):
    table = tmp_path / "theirs.csv"
    table.write_text("method,task,test_accuracy\nVPT,digits,73.6 %\n")
    shell = ask("import", table)
    ict("import", "remove", shell["name"])
    good = ask("jobs", "start", "import", table)["job_id"]
    bad = ask("jobs", "start", "import", tmp_path / "gone.csv")["job_id"]
    sentence = ask("import", tmp_path / "gone.csv", code=2)["error"]
    until(lambda: ended(good) and ended(bad))
    told = ask("jobs", "log", good)
    assert (told["status"], told["result"]) == ("done", shell)
    failed = ask("jobs", "log", bad)
    assert (failed["status"], failed["error"]) == ("failed", sentence)
    assert sentence in ict("jobs", "log", bad).stdout


def test_jobs_are_listed_cancelled_by_the_beginning_of_their_id_and_looked_at(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(jobs, "PROCESS", "tests.toy_job")
    name = ask("jobs", "start", "data", "check", "600")["job_id"]
    until(lambda: ask("jobs")[0]["progress"] is not None)
    (row,) = ask("jobs")
    assert (row["job_id"], row["command"]) == (name, "ict data check 600")
    assert row["progress"]["total"] == 600
    assert "of 600 steps" in ict("jobs").stdout
    assert ask("jobs", "cancel", "data-check") == [{"job_id": name, "status": "cancelled"}]
    assert "had ended before" in ict("jobs", "cancel", name).stderr
    assert "no job 'other'" in ask("jobs", "log", "other", code=2)["error"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["train", "digits"], "no command of a job"),
        (["score", "digits", "--limmit", "3"], "--limmit"),
        (["score"], "Missing argument 'TASK'"),
        (["study", "run"], "Missing argument"),
        (["data", "check", "digits", "more"], "unexpected extra argument"),
    ],
)
def test_what_the_command_line_refuses_is_not_started(
    store: Store, words: list[str], sentence: str
):
    assert sentence in ask("jobs", "start", *words, code=2)["error"]
    assert not store.jobs_dir.exists()


def test_a_progress_bar_tells_the_file_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    times = iter([0.0, 0.0, 10.0, 10.0, 20.0, 20.0])
    monkeypatch.setattr("ict.cli.progress_file.time.monotonic", lambda: next(times))
    path = tmp_path / "live.json"
    Progress("unseen")(1, 2)
    monkeypatch.setenv("ICT_PROGRESS", str(path))
    bar = Progress("scoring digits")
    assert not path.exists()
    bar(0, 100)
    bar(20, 100)
    told = json.loads(path.read_text())
    assert [told[name] for name in ("phase", "done", "total", "unit")] == [
        "scoring digits", 20, 100, "images",
    ]  # fmt: skip
    # 20 in ten seconds: 80 take forty
    assert (told["images_per_second"], told["eta_seconds"]) == (2.0, 40.0)


def test_a_study_that_waits_tells_how_many_runs_have_ended(toy_store: Store):
    runs = toys(toy_store, 3, seconds=0.05)
    told: list[tuple[int, int]] = []

    from ict.running import local

    ids = [run.id for run in runs]
    local.submit(toy_store, ids)
    wait_all(toy_store, ids, lambda _: None, quiet=True, told=lambda *counts: told.append(counts))
    assert told[-1] == (3, 3)
    assert told == sorted(told)


def test_controls_differ_from_their_run_in_the_choice_alone(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    queued: list[str] = []
    monkeypatch.setattr(controls.local, "submit", lambda _store, ids: queued.extend(ids))
    resolved = resolve(
        {"task": "digits", "criterion": "l2", "ratio": 0.25, "limit": 20, "seed": 44}
    )
    run = store.create_run(resolved.record())
    rows = ict("runs", "controls", run.id, "--json").stdout
    ids = [row["run_id"] for row in json.loads(rows)]
    assert ids == queued
    config = run.config
    choice = {"criterion", "tokens", "selection_seed", "score_site", "score_task", "score_split"}
    others = [store.run(one).config for one in ids]
    drawn = [one for one in others if one["criterion"] == "random"]
    assert [one["selection_seed"] for one in drawn] == [44_000, 44_001, 44_002, 44_003, 44_004]
    for one in drawn:
        differing = {n for n in {*one, *config} if one.get(n) != config.get(n)}
        assert differing <= choice | {"draws_by_task"}
    (probe,) = (one for one in others if one["criterion"] is None)
    assert (probe["method"], probe["limit"], probe["data"]) == ("linear", 20, config["data"])
    assert "chooses no channels" in ask("runs", "controls", ids[-1], code=2)["error"]


def test_toml_of_a_study_says_every_value(tmp_path: Path):
    import tomllib

    document = {
        "name": 'a "name" with ü and \\', "slots": 2,
        "primary": {"a": "grid", "b": "x", "ratio": 0.125},
        "base": {"task": "digits", "lr": 1e-05, "whiten": True, "odd key": "\x7f\n"},
        "grid": {"ratio": [0.1, 1.0], "seed": [1, 2]},
        "compare": [{"name": "x", "draws": 5, "grid": {"ratio": [0.125]}}, {"name": "y"}],
    }  # fmt: skip
    assert tomllib.loads(to_toml(document)) == document
