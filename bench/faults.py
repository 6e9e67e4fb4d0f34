"""What happens when something breaks: each fault made for real, several times, counted; what must hold, held or not.

    OMP_NUM_THREADS=1 python -m bench.faults [--quick] [--only NAME …] [--seed 0] [--json] [--write]

Runs of digits, 20 images, two epochs, on this machine's CPU, by `ict` in processes of its own. Each
fault begins with dice of the printed seed and its name; what a process does at that moment no seed
repeats. Numbers are compared bit for bit with those of a study that nothing disturbs. `--quick` makes
one of each kind, once. With `--write` the rows come into bench/results/faults.md, where those of other faults stay. Filled disks need
root, to mount a small one. The seconds are wall-clock seconds of this machine as it was.
"""

import argparse
import collections
import dataclasses
import datetime
import json
import os
import random
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import faults_disk, faults_gone, faults_machine, faults_studies
from bench.faults_world import BrokenError, Fault, World, ask, settle
from bench.own_store import own_store
from ict.files import write_output
from ict.provenance import device_name, versions_of

FAULTS: tuple[Fault, ...] = (
    *faults_studies.FAULTS, *faults_machine.FAULTS, *faults_disk.FAULTS, *faults_gone.FAULTS,
)  # fmt: skip
HEAD = ("fault", "how it is made", "times", "outcomes", "what must hold", "", "made on")
RESULTS = Path(__file__).parent / "results"
"""Where --write keeps the table."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One fault, tried."""

    fault: Fault
    times: int
    outcomes: dict[str, int]
    broken: str | None
    """What did not hold."""
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        about = {name: getattr(self.fault, name) for name in ("name", "what", "how", "must")}
        return {**about, "times": self.times, "outcomes": self.outcomes, "held": self.broken is None,
                "broken": self.broken, "seconds": round(self.seconds, 1)}  # fmt: skip

    def line(self, date: str) -> str:
        """Of the table in Markdown."""
        counted = "; ".join(f"{count} × {said}" for said, count in self.outcomes.items()) or "–"
        held = "held" if self.broken is None else f"**no**: {self.broken}"
        one = self.fault
        cells = [one.what, one.how, str(self.times), counted, one.must, held, date]
        return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def tried(fault: Fault, world: World, times: int, seed: int) -> Row:
    """Makes a fault so many times, with dice of its own."""
    own = dataclasses.replace(world, dice=random.Random(f"{seed}/{fault.name}"))
    began = time.perf_counter()
    outcomes: Sequence[str] = []
    broken = None
    try:
        outcomes = fault.make(own, times)
    except BrokenError as error:
        broken = " ".join(str(error).split())
    except Exception as error:  # of this bench or of a file that it reads: the others are tried
        broken = " ".join(f"{type(error).__name__}: {error}".split())
    counted = dict(collections.Counter(outcomes))
    seconds = time.perf_counter() - began
    return Row(fault=fault, times=times, outcomes=counted, broken=broken, seconds=seconds)


def measure(asked: argparse.Namespace) -> dict[str, Any]:
    """All faults that are asked for, one after the other; with `write` the table is kept after each."""
    found = _about(asked)
    chosen = {fault: fault.quick if asked.quick else fault.times for fault in FAULTS}
    if asked.only:
        chosen = {f: chosen[f] or 1 for f in FAULTS if f.name in asked.only}
    with own_store() as own:
        world = World(own.root.parent, own, range(1, 4 if asked.quick else 6))
        said = ask(own, "study", "run", world.study_file(world.seeds))
        if said.code:
            raise SystemExit(f"the undisturbed study failed: {said.out}{said.err}")
        settle(own)
        for fault, times in chosen.items():
            if times:
                found["rows"].append(tried(fault, world, times, asked.seed))
                print(json.dumps(found["rows"][-1].to_dict()), file=sys.stderr, flush=True)
                if asked.write:
                    keep(found)
    return found


def _about(asked: argparse.Namespace) -> dict[str, Any]:
    return {
        "command": f"python -m bench.faults {shlex.join(sys.argv[1:])}".strip(),
        "date": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}",
        "device_name": device_name("cpu"),
        "cores": len(os.sched_getaffinity(0)),
        "versions": versions_of(("ict", "torch")),
        "seed": asked.seed,
        "load": os.getloadavg()[0],
        "rows": [],
    }


def keep(found: dict[str, Any]) -> None:
    """Writes the table, with the rows of earlier times."""
    path = RESULTS / "faults.md"
    title = f"# Faults, made on purpose: {found['device_name']}"
    text = text_of(found, earlier_lines(path))
    write_output(path, f"{title}\n\n{text}\n".encode())


def text_of(found: dict[str, Any], earlier: Mapping[str, str] | None = None) -> str:
    """The report in Markdown; `earlier` has the lines of faults that were not made this time, by their words."""
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    rows: list[Row] = found["rows"]
    lines = {**(earlier or {}), **{row.fault.what: row.line(found["date"]) for row in rows}}
    order = [fault.what for fault in FAULTS]
    lines = {what: lines[what] for what in [*order, *lines] if what in lines}
    broken = sum("| **no**: " in line for line in lines.values())
    seconds = sum(row.seconds for row in rows)
    return "\n".join(
        [
            f"Last: `{found['command']}`, {found['date']}: {found['device_name']} ({found['cores']} cores, load "
            f"{found['load']:.0f} as it began), {versions}; seed {found['seed']}, {seconds:.0f} s.",
            "",
            f"{len(lines)} faults; {broken} did not hold."
            if broken
            else f"{len(lines)} faults; all held.",
            "",
            f"| {' | '.join(HEAD)} |",
            f"| {' | '.join(['---'] * len(HEAD))} |",
            *lines.values(),
        ]
    )


def earlier_lines(path: Path) -> dict[str, str]:
    """The rows of a table that was kept, by the words of their fault."""
    lines = path.read_text().splitlines() if path.exists() else []
    rows = [line for line in lines if line.startswith("| ")][2:]
    return {row.split(" | ")[0].removeprefix("| "): row for row in rows}


def main() -> int:
    """Makes the faults, prints the table, and with --write keeps it."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.faults", description=str(__doc__).splitlines()[0]
    )
    parser.add_argument("--quick", action="store_true", help="one of each kind, once")
    parser.add_argument("--only", nargs="+", choices=[fault.name for fault in FAULTS])
    parser.add_argument("--seed", type=int, default=0, help="of the random moments")
    parser.add_argument("--write", action="store_true", help="keep it in bench/results/faults.md")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found = measure(asked)
    if asked.json:
        print(json.dumps({**found, "rows": [row.to_dict() for row in found["rows"]]}))
    else:
        print(text_of(found))
    return int(any(row.broken for row in found["rows"]))


if __name__ == "__main__":
    raise SystemExit(main())
