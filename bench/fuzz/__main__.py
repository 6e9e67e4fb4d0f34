"""Fuzzing of every parser of outside input: junk, and valid files that were changed once.

    python -m bench.fuzz [--inputs 40000] [--seed 22] [--workers 2] [--json] [--write]
    python -m bench.fuzz --quick                            2,000 inputs; branches are told, not asked for
    python -m bench.fuzz --target imports --target lists    these alone
    python -m bench.fuzz --target imports --seed 22 --only 317    one input again, as a finding names it

An input is taken, or refused in one sentence. Anything else is a finding: another exception, 2 seconds, a
file of the folder that changed, anything written elsewhere, a process or connection, 2 GiB of memory. The
exit code is 1 for a finding, and where less than four fifths of a parser's branches were reached.
"""

import argparse
import json
import math
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.fuzz.branches import LEAST, Branches, reached
from bench.fuzz.crew import BATCH, Batch, Finding, Tally, crew
from bench.fuzz.parsers import all_targets
from bench.fuzz.target import Target

INPUTS, QUICK, SEED = 40_000, 2_000, 22
RESULTS = Path(__file__).parents[1] / "results" / "fuzz.md"
_SHOWN = 40  # findings that are printed


def plan(targets: Sequence[Target], inputs: int, seed: int) -> list[Batch]:
    """Batches of `inputs` inputs in all, shared out over the targets."""
    shares = sum(target.share for target in targets)
    batches = []
    for target in targets:
        count = math.ceil(inputs * target.share / shares)
        for first in range(0, count, BATCH):
            batches.append(Batch(target.name, first, min(first + BATCH, count) - 1, seed))
    return batches


def report(
    targets: Sequence[Target], tallies: Mapping[str, Tally], branches: Mapping[str, Branches]
) -> list[dict[str, Any]]:
    """One row a target."""
    rows = []
    for name, tally in ((one.name, tallies.get(one.name, Tally())) for one in targets):
        own = branches.get(name)
        row = {
            "target": name, "inputs": tally.inputs, "changed_once": tally.changed,
            "changed_share": tally.changed / max(1, tally.inputs), "taken": tally.taken,
            "slowest_ms": round(tally.slowest_ms, 1), "slowest": tally.slowest,
            "findings": len(tally.findings),
        }  # fmt: skip
        if own is not None:
            row |= {"branches_reached": own.reached, "branches": own.of, "branch_share": own.share}
        rows.append(row)
    return rows


def distinct(findings: Sequence[Finding]) -> list[tuple[Finding, int]]:
    """One finding of each kind, and how many are like it."""
    kinds: dict[tuple[str, str], list[Finding]] = {}
    for one in findings:
        kinds.setdefault((one.target, "".join(c for c in one.what[:60] if c.isalpha())), []).append(
            one
        )
    return [(same[0], len(same)) for same in kinds.values()]


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The report in Markdown."""
    head = "| target | inputs | changed once | taken | branches reached | slowest, ms | findings |"
    lines = [head, "|---|---:|---:|---:|---:|---:|---:|"]
    for row in rows:
        share = "–"
        if "branches" in row:
            share = f"{row['branches_reached']} of {row['branches']} ({100 * row['branch_share']:.0f} %)"
        lines.append(
            f"| {row['target']} | {row['inputs']:,} | {100 * row['changed_share']:.0f} % | {row['taken']:,} "
            f"| {share} | {row['slowest_ms']:.0f} | {row['findings']} |"
        )
    return "\n".join(lines)


def write(rows: Sequence[Mapping[str, Any]], asked: int, seed: int, seconds: float) -> None:
    """Keeps the table beside the other results."""
    inputs = sum(row["inputs"] for row in rows)
    RESULTS.write_text(
        f"# Fuzzing\n\n`python -m bench.fuzz --inputs {asked} --seed {seed} --write` on Python "
        f"{platform.python_version()}: {inputs:,} inputs in {seconds / 60:.1f} minutes.\n\n"
        "*Changed once*: a valid file, one thing of it changed; the others are junk, or many changes. *Taken*: "
        "read without a word, all others were refused in one sentence. *Branches*: of the functions that "
        "`bench/fuzz/of_*.py` name as the parser, by coverage.py over all inputs. *Slowest*: time of the processor, "
        "counting branches included.\n\n"
        f"{table(rows)}\n"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the report; 1 for a finding or for a parser that was reached too little."""
    options = _options(arguments)
    known = all_targets()
    chosen = [known[name] for name in options.target or known]
    count = QUICK if options.quick else options.inputs
    batches = plan(chosen, count, options.seed)
    measured = options.only is None
    if options.only is not None:
        batches = [Batch(one.name, options.only, options.only, options.seed) for one in chosen]
    begun = time.monotonic()
    with crew(options.workers, measured=measured) as workers:
        tallies = workers.read(batches)
        branches = reached(workers.counted(), chosen, workers.folder) if measured else {}
    rows, seconds = report(chosen, tallies, branches), time.monotonic() - begun
    findings = [one for tally in tallies.values() for one in tally.findings]
    low = [] if options.quick else [n for n, one in branches.items() if one.share < LEAST]
    _say(options, rows, findings, low, seconds)
    if options.write:
        write(rows, count, options.seed, seconds)
    return int(bool(findings or low))


def _say(
    options: argparse.Namespace, rows: Sequence[Mapping[str, Any]], findings: Sequence[Finding],
    low: Sequence[str], seconds: float,
) -> None:  # fmt: skip
    told = [{**vars(one), "alike": n, "command": one.command} for one, n in distinct(findings)]
    if options.json:
        document = {
            "seed": options.seed, "inputs": sum(row["inputs"] for row in rows), "seconds": seconds,
            "targets": rows, "findings": told, "reached_too_little": list(low),
        }  # fmt: skip
        print(json.dumps(document))
        return
    print(f"seed {options.seed}, {sum(row['inputs'] for row in rows):,} inputs, {seconds:.0f} s\n")
    print(table(rows))
    for one in told[:_SHOWN]:
        print(
            f"\n{one['target']} {one['number']} ({one['kind']}, {one['alike']} alike): {one['what']}\n  {one['command']}"
        )
    for name in low:
        print(f"\n{name}: less than {100 * LEAST:.0f} % of its parser's branches were reached")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.fuzz",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--inputs", type=int, default=INPUTS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--target", action="append", choices=list(all_targets()), metavar="NAME")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="one input alone")
    for flag in ("--quick", "--json", "--write"):
        parser.add_argument(flag, action="store_true")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
