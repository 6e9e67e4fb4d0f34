"""A study in a warm process: at most 0.6 of the time of its commands; first steps; `kill -9`.

    OMP_NUM_THREADS=1 python -m bench.warm [--quick] [--json] [--runs 12] [--kills 20]

Runs of digits, `limit = 200`, one epoch of recipe `quick`, of one seed each; everything by `ict` in processes of
its own, on this machine's CPU. Half of the commands (`ict train --wait`) come before the study and half after
it, each kind in a new store that holds the scores. `fresh_to_first_step` is from the command to the first step,
`warm_to_first_step` from the end of the run before in its process; `…_first_step_taken` are to the end of that step,
which is 90 GFLOP (64 images of 64 pixels forward and back through ict_tiny): medians in seconds. Kills hit
the process of the run at random moments of another such study; every run must end once, with the numbers of
the study that was let alone, bit for bit. `--quick`: 4 runs, 2 kills.
"""

import argparse
import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL
from typing import Any

from bench.own_store import own_store
from bench.timed_runner import MOMENTS, STEPS
from ict.files import read_json_lines
from ict.store import Run, Store
from tests.running.outcomes import outcome

LIMITS = {"ratio": 0.6, "fresh_to_first_step": 6.0, "warm_to_first_step": 0.5}
_STUDY = """name = "warm"
[base]
task = "digits"
limit = 200
epochs = 1
[grid]
seed = {seeds}
"""
_MOST_PAUSE = 6.0  # seconds between two kills: a start and a run take about as long


def ict(store: Store, *words: str) -> float:
    """Seconds that `ict WORDS` takes."""
    environment = {**os.environ, "ICT_STORE": str(store.root), "ICT_RUNNER": "bench.timed_runner"}
    started = time.time()
    subprocess.run(
        [sys.executable, "-m", "ict", *words, "--json"],
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.time() - started


def command(store: Store, seed: int) -> tuple[float, dict[str, float]]:
    """Seconds of one run as a command, and from it to its first step and the end of that."""
    started = time.time()
    words = [
        "train",
        "digits",
        "--limit",
        "200",
        "--seed",
        str(seed),
        "--set",
        "epochs=1",
        "--wait",
    ]
    seconds = ict(store, *words)
    run = next(run for run in store.runs() if run.config["seed"] == seed)
    return seconds, _since(started, moments(run)[-1])


def study(store: Store, seeds: Sequence[int]) -> float:
    """Seconds of `ict study run`."""
    path = store.root.parent / f"{store.root.name}.toml"
    path.write_text(_STUDY.format(seeds=list(seeds)))
    return ict(store, "study", "run", str(path))


def moments(run: Run) -> list[dict[str, Any]]:
    return read_json_lines(run.path / MOMENTS)


def warm_first_steps(store: Store) -> list[dict[str, float]]:
    """Of each run but the first of a study: as `command`, from the end of the one before."""
    starts = sorted((one for run in store.runs() for one in moments(run)), key=_begun)
    return [_since(a["ended"], b) for a, b in itertools.pairwise(starts)]


def _since(moment: float, start: Mapping[str, Any]) -> dict[str, float]:
    return {step: start[step] - moment for step in STEPS}


def medians(kind: str, starts: Sequence[Mapping[str, float]]) -> dict[str, float | None]:
    """Seconds to the first step and to its end, of `kind` of starts; null without any."""
    names = zip((f"{kind}_to_first_step", f"{kind}_first_step_taken"), STEPS, strict=True)
    return {
        name: statistics.median(start[step] for start in starts) if starts else None
        for name, step in names
    }


def _begun(start: Mapping[str, Any]) -> float:
    return float(start["begun"])


def new_store(folder: Path, name: str) -> Store:
    """One that holds the scores of the images that train, so that no kind of start pays for them."""
    store = Store(folder / name)
    ict(store, "score", "digits", "--limit", "200", "--split", "train800")
    return store


def disturbed(store: Store, seeds: Sequence[int], kills: int) -> int:
    """Runs the study while the process of a run is killed so many times; gives how many were hit."""
    dice = random.Random(0)
    path = store.root.parent / f"{store.root.name}.toml"
    path.write_text(_STUDY.format(seeds=list(seeds)))
    environment = {**os.environ, "ICT_STORE": str(store.root), "ICT_RUNNER": "bench.timed_runner"}
    words = [sys.executable, "-m", "ict", "study", "run", str(path), "--json"]
    hit = 0
    while True:
        asking = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL)
        while asking.poll() is None:
            time.sleep(dice.uniform(0, _MOST_PAUSE))
            if hit < kills:
                hit += _kill(store)
        if (
            asking.returncode == 0
        ):  # else a run was hit in all its three tries: it is asked for again
            return hit


def _kill(store: Store) -> bool:
    for run in store.runs():
        holder = run.holder()
        if holder and holder["pid"]:
            with suppress(ProcessLookupError):
                os.kill(holder["pid"], SIGKILL)
                return True
    return False


def compare(quiet: Store, loud: Store) -> dict[str, int]:
    """Of the disturbed runs: how many ended once, and how many with the numbers of the others."""
    runs = loud.runs()
    return {
        "ended_once": sum(run.log_path.read_text().count("done in ") == 1 for run in runs),
        "equal": sum(outcome(run) == outcome(quiet.run(run.id)) for run in runs),
    }


def measure(runs: int, kills: int) -> dict[str, Any]:
    """All that the heading of this file promises."""
    with own_store() as own:
        beside = own.root.parent
        alone, together, killed = (
            new_store(beside, name) for name in ("alone", "together", "killed")
        )
        seeds = range(1, runs + 1)
        half = runs // 2
        commands = [command(alone, seed) for seed in seeds[:half]]
        in_study = study(together, seeds)
        commands += [command(alone, seed) for seed in seeds[half:]]
        in_commands = sum(seconds for seconds, _ in commands)
        warm = warm_first_steps(together)
        same = sum(outcome(run) == outcome(alone.run(run.id)) for run in together.runs())
        hit = disturbed(killed, seeds, kills) if kills else 0
        return {
            "runs": runs,
            "seconds_of_commands": in_commands,
            "seconds_of_study": in_study,
            "ratio": in_study / in_commands,
            "equal_to_commands": same,
            **medians("fresh", [steps for _, steps in commands]),
            **medians("warm", warm),
            "kills": hit,
            **(compare(together, killed) if kills else {}),
            "cores": os.cpu_count(),
            "limits": LIMITS,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="4 runs and 2 kills")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--runs", type=int)
    parser.add_argument("--kills", type=int)
    options = parser.parse_args()
    runs, kills = (4, 2) if options.quick else (12, 20)
    runs = runs if options.runs is None else options.runs
    found = measure(runs, kills if options.kills is None else options.kills)
    if options.json:
        print(json.dumps(found))
    else:
        width = max(map(len, found)) + 1
        print("\n".join(f"{name:{width}} {value}" for name, value in found.items()))


if __name__ == "__main__":
    main()
