"""All measurements, one after another.

    python -m bench all [--quick] [--json]
    python -m bench NAME …                    the same as python -m bench.NAME …

Each runs in a process of its own with one thread, so that none disturbs the next.
"""

import argparse
import json
import os
import sys
import time
from subprocess import PIPE
from typing import Any

from bench.own_store import stopped_with_us

BENCHES = {
    "speed": [],
    "decode": [],
    "adapter_gradient": [],
    "compiled": [],
    "replicas": [],
    "k_step": [],
    "overlap": [],
    "coverage": [],
    "compare": [],
    "store": [],
    "export": [],
    "app": [],
    "soak": [],
    "selectors": [],
    "warm": [],
    "conductance": ["--images", "12", "--steps", "2"],
    "backbone": [],
    "peak": [],
    "vtab": [],
    "faults": [],
    "fuzz": [],
}
_NO_QUICK = ("conductance",)


def run_one(name: str, *, quick: bool) -> dict[str, Any]:
    """What one bench says as JSON, with its seconds; its last words where it failed."""
    words = [sys.executable, "-m", f"bench.{name}", "--json"]
    if quick:
        words += BENCHES[name] if name in _NO_QUICK else ["--quick"]
    started = time.perf_counter()
    calm = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", **os.environ}
    with stopped_with_us(words, env=calm, stdout=PIPE, stderr=PIPE, text=True) as child:
        stdout, stderr = child.communicate()
    seconds = time.perf_counter() - started
    if child.returncode:
        last = (stderr.strip().splitlines() or ["it said nothing"])[-1]
        return {"bench": name, "seconds": seconds, "error": last}
    return {"bench": name, "seconds": seconds, "result": json.loads(stdout)}


def main() -> int:
    """Runs one bench or all of them."""
    if len(sys.argv) > 1 and sys.argv[1] in BENCHES:
        words = [sys.executable, "-m", f"bench.{sys.argv[1]}", *sys.argv[2:]]
        with stopped_with_us(words) as child:
            return child.wait()
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("name", choices=["all", *BENCHES])
    parser.add_argument("--quick", action="store_true", help="all within 15 minutes")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    reports = []
    for name in BENCHES:
        reports.append(run_one(name, quick=options.quick))
        if not options.json:
            print(json.dumps(reports[-1], indent=1), flush=True)
    if options.json:
        print(json.dumps(reports))
    return int(any("error" in row for row in reports))


if __name__ == "__main__":
    raise SystemExit(main())
