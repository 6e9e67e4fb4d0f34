"""A job's process whose command counts, a tenth of a second a step; `deaf` is one that will not be asked."""

import json
import signal
import subprocess
import sys
import time

from ict.cli import job_process
from ict.cli.common import Progress


def count(words: tuple[str, ...]) -> tuple[int, str]:
    """`data check STEPS [deaf|fail]`; another command counts to five."""
    steps, how = int(words[2]) if words[2].isdigit() else 5, words[3:]
    if "deaf" in how:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        subprocess.Popen(["sleep", "600"])
    bar = Progress("counting", "steps")
    for done in range(steps + 1):
        bar(done, steps)
        time.sleep(0.1)
    return (3, json.dumps({"error": "counted in vain"})) if "fail" in how else (0, '{"steps": 1}')


if __name__ == "__main__":
    job_process._executed = count
    job_process.main(sys.argv[1:])
