"""The bench of faults: its faults are really made, what does not hold shows, and one runs from end to end."""

import json
import os
import random
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from bench.faults import FAULTS, earlier_lines, text_of, tried
from bench.faults_world import BrokenError, Fault, Said, World
from ict.store import Store

ROOT = Path(__file__).parents[2]
HOOK = ROOT / "bench" / "faults_hook"


def fault(make) -> Fault:
    return Fault(name="a", what="b", how="c", must="d", times=2, quick=1, make=make)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, Store(tmp_path / "quiet"), range(1, 3))


def test_outcomes_are_counted_and_what_does_not_hold_shows(world: World):
    def breaks(_world: World, _times: int) -> list[str]:
        raise BrokenError("a run was\nlost")

    held = tried(fault(lambda _, times: ["well"] * times), world, 2, 0)
    assert (held.outcomes, held.broken) == ({"well": 2}, None)
    broken = tried(fault(breaks), world, 2, 0)
    about = {
        "command": "x",
        "date": "y",
        "device_name": "z",
        "cores": 1,
        "versions": {},
        "seed": 0,
        "load": 1.0,
    }
    assert "| 2 × well | d | held | y |" in text_of({**about, "rows": [held]})
    table = text_of({**about, "rows": [broken]})
    assert "| – | d | **no**: a run was lost | y |" in table
    assert "1 faults; 1 did not hold." in table


def test_rows_that_are_not_made_again_stay_in_the_table(world: World, tmp_path: Path):
    about = {"command": "x", "device_name": "z", "cores": 1, "versions": {}, "seed": 0, "load": 1.0}
    first, last = FAULTS[0], FAULTS[-1]
    one, other = (
        tried(replace(f, make=lambda _, n: ["well"] * n), world, 2, 0) for f in (first, last)
    )
    kept = tmp_path / "faults.md"
    kept.write_text(text_of({**about, "date": "monday", "rows": [other]}))
    table = text_of({**about, "date": "friday", "rows": [one]}, earlier_lines(kept))
    assert [line.split(" | ")[-1] for line in table.splitlines()[-2:]] == ["friday |", "monday |"]
    assert "2 faults; all held." in table
    kept.write_text(table)
    assert list(earlier_lines(kept)) == [first.what, last.what]


def test_each_fault_has_dice_of_its_own_that_the_seed_repeats(world: World):
    def throw(one: World, _times: int) -> list[str]:
        return [str(one.dice.random())]

    (first,), (again,), (other,) = (
        tried(fault(throw), world, 1, seed).outcomes for seed in (0, 0, 1)
    )
    assert first == again == str(random.Random("0/a").random())
    assert other != first


def test_names_are_unique_and_the_quick_form_has_one_of_each_kind():
    assert max(Counter(one.name for one in FAULTS).values()) == 1
    modules = {one.make.__module__ for one in FAULTS if one.quick}
    assert modules >= {f"bench.faults_{kind}" for kind in ("studies", "machine", "gone")}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (Said(0, "{}", ""), "ended well"),
        (
            Said(1, "", "Traceback (most recent call last):\nKeyError: 1"),
            "a traceback: KeyError: 1",
        ),
        (Said(1, "", "killed"), "no sentence"),
        (Said(1, '{"error": "no room"}', ""), r"does not say \['disk'\]"),
    ],
    ids=["well", "traceback", "nothing", "another"],
)
def test_what_is_no_sentence_does_not_hold(said: Said, why: str):
    with pytest.raises(BrokenError, match=why):
        said.sentence("disk")


def hooked(code: str, **environment: str) -> str:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(HOOK), str(ROOT))),
        **environment,
    }
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    ).stdout.strip()


def test_the_clock_jumps_while_a_process_runs(tmp_path: Path):
    clock = tmp_path / "clock"
    code = (
        "import datetime, os, time\nfrom pathlib import Path\n"
        "from ict.files import atomic_write_json\nfrom ict.store import utc_now\n"
        "def told():\n"
        "    atomic_write_json(Path(os.environ['PLACE']), 1)\n"
        "    now = datetime.datetime.fromisoformat(utc_now()).timestamp()\n"
        "    return [time.time(), now, os.stat(os.environ['PLACE']).st_mtime]\n"
        "a = told()\nPath(os.environ['ICT_BENCH_CLOCK']).write_text('-3600')\nb = told()\n"
        "print(all(-3601 < y - x < -3590 for x, y in zip(a, b)))"
    )
    assert hooked(code, ICT_BENCH_CLOCK=str(clock), PLACE=str(tmp_path / "file")) == "True"


def test_locks_are_refused_while_the_file_is_there(tmp_path: Path):
    flag = tmp_path / "flag"
    flag.touch()
    code = (
        "import os, sys\nfrom ict.errors import IctError\nfrom ict.store.locks import RunLock\n"
        "try:\n    RunLock(sys.argv[0] or 'lock').acquire()\nexcept IctError as error:\n    print(error)\n"
        f"os.remove({str(flag)!r})\nprint(RunLock({str(tmp_path / 'lock')!r}).acquire())"
    ).replace("sys.argv[0] or 'lock'", repr(str(tmp_path / "lock")))
    said = hooked(code, ICT_BENCH_NO_LOCKS=f"95:{flag}")
    assert "this file system has no locks" in said
    assert said.endswith("True")


@pytest.mark.slow
def test_the_command_makes_faults_and_leaves_nothing(tmp_path: Path):
    words = ["--quick", "--only", "copy-train", "no-locks", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "bench.faults", *words],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    rows = {row["name"]: row for row in json.loads(done.stdout)["rows"]}
    assert {name: row["held"] for name, row in rows.items()} == {
        "copy-train": True,
        "no-locks": True,
    }
    assert all(sum(row["outcomes"].values()) >= 1 for row in rows.values())
    assert [*tmp_path.glob("*ict-bench*")] == []
