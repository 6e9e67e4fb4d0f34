"""Jobs: they outlive who started them, are started once, cancelled within two seconds, and end in words."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ict.errors import InputError
from ict.running import jobs, local
from ict.store import Store
from ict.store.job_folder import Job, find_job, job_id, read_jobs
from ict.store.locks import RunLock, lock_holder
from tests.toys import kill, processes, toys, until

pytest_plugins = ("tests.toy_plugin",)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store whose jobs count (`tests.toy_job`); no process outlives the test."""
    monkeypatch.setattr(jobs, "PROCESS", "tests.toy_job")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    found = Store(tmp_path / "store")
    yield found
    for pid in processes(found):
        kill(pid)


def counting(*words: str) -> tuple[str, ...]:
    return ("data", "check", *words)


def seen(store: Store, *words: str) -> Job:
    job = find_job(store, words)
    assert job is not None
    return job


def test_a_job_outlives_its_starter_and_tells_how_far_it_is_and_what_came_out(store: Store):
    words = counting("12")
    starter = (
        "import sys\nfrom ict.running import jobs\nfrom ict.store import Store\n"
        f"jobs.PROCESS = 'tests.toy_job'\njobs.start(Store({str(store.root)!r}), {words!r})\n"
    )
    subprocess.run([sys.executable, "-c", starter], check=True, start_new_session=True)
    told: list[int] = []
    until(lambda: seen(store, *words).progress is not None)
    while (job := seen(store, *words)).alive:
        if job.progress:
            assert (job.progress.phase, job.progress.total) == ("counting", 12)
            told.append(job.progress.done)
        time.sleep(0.05)
    assert len(set(told)) >= 2
    assert told == sorted(told)
    assert (job.status, job.result(), job.error) == ("done", {"steps": 1}, None)


def test_the_same_words_are_one_job_while_it_runs_and_start_anew_once_it_ended(store: Store):
    words = counting("3")
    first = jobs.start(store, words)
    again = jobs.start(store, words)
    assert first.id == again.id == job_id(words)
    assert first.id.startswith("data-check-3-")
    assert first.asked_at == again.asked_at
    assert len(processes(store)) == 1
    until(lambda: seen(store, *words).status == "done")
    anew = jobs.start(store, words)
    assert anew.asked_at > first.asked_at
    assert anew.alive
    assert anew.result() == {}
    assert len(read_jobs(store)[0]) == 1


def test_cancel_ends_the_whole_group_within_two_seconds_and_starts_no_other_later(store: Store):
    deaf = jobs.start(store, counting("600", "deaf"))
    until(lambda: seen(store, *deaf.words).progress is not None)
    holder = lock_holder(deaf.path / "lock")
    assert holder is not None
    group = int(holder["pid"])
    started = time.monotonic()
    assert jobs.cancel(store, [deaf.id]) == [deaf.id]
    assert time.monotonic() - started < 2
    assert seen(store, *deaf.words).status == "cancelled"
    until(lambda: not group_lives(group), seconds=1)
    assert jobs.cancel(store, [deaf.id]) == []


def group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    states = subprocess.run(
        ["ps", "-o", "stat=", "-g", str(group)], capture_output=True, text=True, check=False
    )
    return any(not state.startswith("Z") for state in states.stdout.split())


def test_one_that_was_killed_or_fails_is_said_to_have_no_result(store: Store):
    killed, failing = jobs.start(store, counting("600")), jobs.start(store, counting("1", "fail"))
    until(lambda: seen(store, *killed.words).status == "running")
    holder = lock_holder(killed.path / "lock")
    assert holder is not None
    os.kill(int(holder["pid"]), signal.SIGKILL)
    until(lambda: seen(store, *killed.words).status == "killed")
    until(lambda: not seen(store, *failing.words).alive)
    failed = seen(store, *failing.words)
    assert (failed.status, failed.error) == ("failed", "counted in vain")


def test_with_a_study_go_its_runs(toy_store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(jobs, "PROCESS", "tests.toy_job")
    runs = toys(toy_store, 2, seconds=60)
    members = [{"name": "grid", "run_id": run.id, "asked": {}} for run in runs]
    (toy_store.studies_dir / "mine").mkdir(parents=True)
    content = {"name": "mine", "document": {"name": "mine"}, "members": members}
    (toy_store.studies_dir / "mine" / "study.json").write_text(json.dumps(content))
    local.submit(toy_store, [run.id for run in runs])
    job = jobs.start(toy_store, ("study", "run", "mine"))
    jobs.cancel(toy_store, [job.id])
    assert [run.status() for run in runs] == ["cancelled", "cancelled"]


def test_jobs_that_compute_take_turns(store: Store):
    with jobs.turn(store):
        waiting = jobs.start(store, ("score", "2"))
        until(lambda: lock_holder(waiting.path / "lock") is not None)
        time.sleep(0.5)
        assert seen(store, *waiting.words).status == "queued"
        jobs.cancel(store, [waiting.id])
    assert seen(store, *waiting.words).status == "cancelled"


def test_only_commands_of_jobs_are_started(store: Store):
    for words in (("train", "digits"), ("data",), ("rm", "-r"), ("score", "a\nb"), ()):
        with pytest.raises(InputError):
            jobs.start(store, words)
    assert not store.jobs_dir.exists()


def test_what_ended_is_kept_for_the_last_fifty_and_a_month(store: Store):
    for number in range(jobs.KEPT + 3):
        add_ended(store, f"{number}", f"2999-01-01T00:00:{number:02d}.000+00:00")
    add_ended(store, "old", "2020-01-01T00:00:00.000+00:00")
    held = store.jobs_dir / job_id(counting("old"))
    with RunLock(held / "lock"):
        jobs.tidy(store)
        assert held.exists()  # it runs
    jobs.tidy(store)
    left = {job.words[2] for job in read_jobs(store)[0]}
    assert left == {str(number) for number in range(3, jobs.KEPT + 3)}


def add_ended(store: Store, name: str, at: str) -> None:
    folder = store.jobs_dir / job_id(counting(name))
    folder.mkdir(parents=True)
    (folder / "job.json").write_text(json.dumps({"words": counting(name), "asked_at": at}))
    (folder / "ended.json").write_text(json.dumps({"exit_code": 0, "ended_at": at}))


def test_a_folder_that_is_no_job_is_named_and_hides_no_other(store: Store):
    add_ended(store, "sound", "2999-01-01T00:00:00.000+00:00")
    (store.jobs_dir / "odd").mkdir()
    (store.jobs_dir / "odd" / "job.json").write_text('{"words": 3}')
    there, odd = read_jobs(store)
    assert [job.words[2] for job in there] == ["sound"]
    assert "words" in odd[0].reason
    assert any("odd" in str(one) for one in store.unreadable())
