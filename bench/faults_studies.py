"""Faults of processes: studies that are killed, commands and clicks that come all at once."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench.faults_world import (
    UNDISTURBED,
    BrokenError,
    Fault,
    World,
    ask,
    begin,
    check_nothing_left,
    check_runs,
    end,
    ended,
    kill,
    processes,
)
from ict.store import Store
from ict.store.index import _unpacked

ROOT = Path(__file__).parents[1]
_LONGEST = 9.0  # seconds from a start to its kill: a run trains after five
_ROUNDS = 12  # starts of a study after its last kill: a run killed three times has failed
_AT_ONCE = 30


def _everything(store: Store, _study: int) -> bool:
    return kill([*processes(store)])


def _group(_store: Store, study: int) -> bool:
    os.killpg(study, signal.SIGKILL)
    return True


def _only(kind: str) -> Callable[[Store, int], bool]:
    def strike(store: Store, _study: int) -> bool:
        return kill([pid for pid, is_a in processes(store).items() if is_a == kind][:1])

    return strike


def _killed(strike: Callable[[Store, int], bool]) -> Callable[[World, int], list[str]]:
    """Studies, one after the other, until so many kills have hit; every run of each is looked at."""

    def make(world: World, kills: int) -> list[str]:
        outcomes: list[str] = []
        hits = 0
        while hits < kills:
            with ended(world.store("killed")) as store:
                hits += _one_study(world, store, kills - hits, strike)
                outcomes += check_runs(world, store, world.seeds)
                check_nothing_left(store)
        return outcomes

    return make


def _one_study(world: World, store: Store, kills: int, strike: Callable[[Store, int], bool]) -> int:
    """Asks for a study until it is done, with at most so many kills; gives how many hit."""
    words = ["study", "run", world.study_file(world.seeds), "--slots", "2"]
    hits = rounds = 0
    while rounds < _ROUNDS:
        study = begin(store, *words)
        while study.poll() is None and hits < kills:
            time.sleep(world.dice.uniform(0, _LONGEST))
            if study.poll() is None:
                hits += strike(store, study.pid)
        rounds += hits >= kills
        said = end(study)
        if said.code == 0:
            return hits
        if "Traceback" in said.err:
            raise BrokenError(f"a traceback: {said.err.strip().splitlines()[-1][:200]}")
    raise BrokenError(f"not done after {_ROUNDS} more starts")


def two_studies(world: World, times: int) -> list[str]:
    """The same study asked for from several terminals at once."""
    outcomes = []
    for _ in range(times):
        with ended(world.store("twice")) as store:
            words = ["study", "run", world.study_file(range(1, 4)), "--slots", "2"]
            asked = [begin(store, *words) for _ in range(4)]
            if codes := {said.code for said in map(end, asked)} - {0}:
                raise BrokenError(f"exit codes {codes}")
            outcomes += check_runs(world, store, range(1, 4))
            _check_started_once(store)
            check_nothing_left(store)
    return outcomes


def _check_started_once(store: Store) -> None:
    starts = {run.id: (run.execution() or {}).get("starts") for run in store.runs()}
    if more := {name: count for name, count in starts.items() if count != 1}:
        raise BrokenError(f"started more than once: {more}")


def many_trains(world: World, times: int) -> list[str]:
    """`times` × `ict train --wait`, each of a run of its own, begun together."""
    small = ["--limit", "8", "--set", "epochs=1", "--set", "batch_size=8", "--wait"]
    with ended(world.store("many")) as store:
        asked = [begin(store, "train", "digits", "--seed", str(i), *small) for i in range(times)]
        while any(one.poll() is None for one in asked):  # the index is written while they run
            _whole_index(store)
            time.sleep(0.3)
        answers = [end(one) for one in asked]
        if bad := [said for said in answers if said.code]:
            raise BrokenError(f"{len(bad)} failed: {(bad[0].out + bad[0].err)[:200]}")
        ids = {said.document["run_id"] for said in answers}
        done = [run for run in store.runs() if run.status() == "done"]
        if len(ids) != times or {run.id for run in done} != ids:
            raise BrokenError(f"{len(ids)} runs were named and {len(done)} are done, of {times}")
        _check_started_once(store)
        if len(ask(store, "runs").document) != times or len(_whole_index(store)) != times:
            raise BrokenError("the index does not hold all runs")
        check_nothing_left(store)
    return [UNDISTURBED.replace("as undisturbed", "the index whole")] * times


def _whole_index(store: Store) -> dict[str, object]:
    found = dict(_unpacked(store.index_path))
    if store.index_path.exists() and not found and store.index_path.stat().st_size:
        raise BrokenError("index.json is not whole")
    return found


_STARTS = """
import sys, threading
sys.path[:0] = [{root!r}, {app!r}]
from ict_app.tune import launch_form
from ict_app.tune.plan import Wish, Wishes
wish = Wish({wish!r})
def click():
    (started,) = launch_form.start(Wishes((wish,), "quick", None))
    sys.stdout.write(started + chr(10))  # in one piece: ten threads write
threads = [threading.Thread(target=click) for _ in range({each})]
print("ready", flush=True)
sys.stdin.readline()
[one.start() for one in threads]
[one.join() for one in threads]
"""
_CLICKS = """
import sys
sys.path[:0] = [{root!r}, {app!r}]
from streamlit.testing.v1 import AppTest
apps = []
for _ in range({each}):
    app = AppTest.from_file({main!r}, default_timeout=200)
    app.switch_page({page!r})
    for name, value in {query!r}.items():
        app.query_params[name] = value
    app.run()
    apps.append((app, next(one for one in app.button if one.label == "Start 1 run")))
print("ready", flush=True)
sys.stdin.readline()
for app, button in apps:
    button.click().run()
    said = [str(one.value) for one in (*app.exception, *app.error)]
    print(said[0] if said else "clicked", flush=True)
"""


def starts(world: World, times: int) -> list[str]:
    """The function behind the button of page Train, called by ten threads in each of some processes."""
    wish = {"task": "digits", "limit": 40, "epochs": EPOCHS_OF_CLICKS, "batch_size": 8, "seed": 1}
    each = min(10, times)
    return _pressed(world, _STARTS, times, each, wish=wish)


def clicks(world: World, times: int) -> list[str]:
    """The button itself, in as many visits of the app."""
    query = {"tasks": "digits", "limit": "40", "epochs": str(EPOCHS_OF_CLICKS)}
    each = min(5, times)
    pages = {"main": str(ROOT / "app" / "main.py"), "page": str(ROOT / "pages" / "train.py")}
    return _pressed(world, _CLICKS, times, each, query=query, **pages)


EPOCHS_OF_CLICKS = 3


def _pressed(world: World, code: str, times: int, each: int, **given: object) -> list[str]:
    """All at once: everybody is ready before anybody presses."""
    text = code.format(root=str(ROOT), app=str(ROOT / "app"), each=each, **given)
    with ended(world.store("pressed")) as store:
        environment = {**os.environ, "ICT_STORE": str(store.root)}
        people = [_person(text, environment) for _ in range(times // each)]
        for one in people:
            assert one.stdout is not None
            if one.stdout.readline() != "ready\n":
                raise BrokenError(f"the app did not begin: {end(one).err[-300:]}")
        answers: list[str] = []
        for one in people:
            assert one.stdin is not None
            one.stdin.write("go\n")
            one.stdin.flush()
        for one in people:
            said = end(one)
            if said.code:
                raise BrokenError(f"a start failed: {said.err.strip().splitlines()[-1][:200]}")
            answers += said.out.split("\n")[:-1]
        if len(answers) != times or len(set(answers)) != 1:
            raise BrokenError(f"{len(answers)} answers, among them {sorted(set(answers))[:3]}")
        (run,) = store.runs()
        _until_done(store, run.id)
        if run.log_path.read_text().count("done in ") != 1:
            raise BrokenError("the run ended more than once")
        _check_started_once(store)
        check_nothing_left(store)
    return ["the same one run, executed once"] * times


def _person(code: str, environment: dict[str, str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _until_done(store: Store, run_id: str) -> None:
    said = ask(store, "resume", run_id, "--wait")
    if said.code:
        raise BrokenError(json.loads(said.out)["error"])


_ONCE = "each run ends once, bit for bit as undisturbed; no lock, temporary or half file is left"
_HOW = "`ict study run --slots 2` of 5 runs, SIGKILL at random moments within 9 s; asked for again"
FAULTS = [
    Fault(name="study-all", what="the machine dies under a study: study, workers and runs at once", how=_HOW,
          must=_ONCE, times=6, quick=1, make=_killed(_everything)),
    Fault(name="study-group", what="the process group of `ict study run` is killed", how=_HOW,
          must=_ONCE, times=3, quick=0, make=_killed(_group)),
    Fault(name="study-only", what="only the process of `ict study run` is killed", how=_HOW,
          must=_ONCE, times=3, quick=0, make=_killed(_only("study"))),
    Fault(name="study-worker", what="only a worker of a study is killed", how=_HOW,
          must=_ONCE, times=4, quick=0, make=_killed(_only("worker"))),
    Fault(name="study-run", what="only the process that trains is killed", how=_HOW,
          must=_ONCE, times=4, quick=0, make=_killed(_only("run"))),
    Fault(name="study-twice", what="the same study is asked for four times at once", how="four `ict study run`",
          must="each run starts and ends once, bit for bit as undisturbed", times=1, quick=0, make=two_studies),
    Fault(name="many-trains", what="many `ict train` at once", how="30 × `ict train --wait`, begun together",
          must="all end, each run once; index.json is whole whenever it is read", times=_AT_ONCE, quick=0,
          make=many_trains),
    Fault(name="starts", what="one run is started a hundred times at once",
          how="the function behind the button of page *Train*, ten processes of ten threads",
          must="all get the same run; one process trains it, once", times=100, quick=4, make=starts),
    Fault(name="clicks", what="the button of page *Train* is clicked twenty times",
          how="twenty visits of the app in four processes", must="as above", times=20, quick=0, make=clicks),
]  # fmt: skip
