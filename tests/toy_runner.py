"""A torch-free stand-in for `ict.running.execute` with the same command line, files, lock and signals.

A run of toy {"steps": N, "seconds": s} takes N steps of s seconds. Each step hashes the state, so
that the result tells whether a resumed run went the same way. toy "crash": dies that often
(counted in crashes.txt) before its middle step; "fail": ends with an error; "deaf": ignores SIGTERM;
"bulk": bytes that each checkpoint takes; "together": how many of the store must have begun before
the first step; "leak": bytes that its process never gives back; "leaves": changes its environment.
"""

import argparse
import hashlib
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ict.files import append_line, atomic_write_bytes, atomic_write_json, read_json
from ict.store import Run, Store
from ict.store.locks import RunLock
from tests.result_documents import result_document

_leaked: list[bytes] = []


def settings(run: Run) -> dict[str, Any]:
    """The run's configuration, and what only toys have."""
    return {**run.config, **run.record.get("toy", {})}


def expected(run: Run) -> str:
    """The digest that `run` ends with when undisturbed."""
    config = settings(run)
    state = ""
    for step in range(steps_of(config)):
        state = step_hash(state, config["seed"], step)
    return state


def steps_of(config: dict[str, Any]) -> int:
    """Steps of a toy's config; a real configuration counts its epochs."""
    return int(config.get("steps") or config.get("epochs") or 1)


def step_hash(state: str, seed: int, step: int) -> str:
    return hashlib.sha256(f"{state}/{seed}/{step}".encode()).hexdigest()


def start_up() -> None:
    """A toy shares nothing with the next."""


def main(arguments: Sequence[str] | None = None, kept: None = None) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("run_id")
    parser.add_argument("--store")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--device")
    parser.add_argument("--slots", type=int)
    options = parser.parse_args(arguments)
    run = Store(options.store).run(options.run_id)
    signal.signal(signal.SIGTERM, stop)
    lock = RunLock.inherited(run.path / "lock") or RunLock(run.path / "lock")
    if lock.fd is None and not lock.acquire():
        return 1
    lock.describe(os.getpid(), job=os.environ.get("SLURM_JOB_ID"))
    if run.has("result.json"):
        return 0
    append_line(run.path / "starts.txt", f"{os.getpid()} {options.device} {options.threads}")
    append_line(run.path / "world.txt", f"{os.environ.get('ICT_VTAB_ROOT')} {os.getcwd()}")
    print(f"toy {run.id}")
    _leaked.append(b"x" * settings(run).get("leak", 0))
    if settings(run).get("leaves"):
        os.environ["ICT_VTAB_ROOT"] = "/elsewhere"
        os.chdir("/")
    if settings(run).get("deaf"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if settings(run).get("fail"):
        error = {"message": settings(run)["fail"], "type": "InputError", "traceback": ""}
        atomic_write_json(run.path / "error.json", error)
        return 1
    return train(run, options.device)


def stop(_number: int, _frame: object) -> None:
    sys.exit(143)


def train(run: Run, device: str) -> int:
    config = settings(run)
    (run.path / "checkpoint").mkdir(exist_ok=True)
    checkpoint = run.path / "checkpoint" / "state.json"
    saved = read_json(checkpoint, {"step": 0, "state": ""})
    step, state = saved["step"], saved["state"]
    begun = time.time()
    wait_for_others(run, config.get("together", 0))
    steps = steps_of(config)
    while step < steps:
        if step == steps // 2:
            crash(run, config.get("crash", 0))
        time.sleep(config.get("seconds", 0.0))
        state = step_hash(state, config["seed"], step)
        step += 1
        atomic_write_bytes(run.path / "checkpoint" / "bulk", bytes(config.get("bulk", 0)))
        atomic_write_json(checkpoint, {"step": step, "state": state})
    assert not run.has("result.json"), "executed twice"
    append_line(run.path / "spans.txt", f"{begun} {time.time()} {device}")
    numbers = {"train_seconds": time.time() - begun, "threads": int(os.environ["OMP_NUM_THREADS"])}
    result = result_document(
        **numbers,
        run_id=run.id,
        test_accuracy=0.5,
        val_accuracy=0.5,
        val_loss=config.get("lr_multiplier"),  # so that the lowest rate is the best
        device=device,
        unknown={"digest": state},
    )
    atomic_write_json(run.path / "result.json", result, durable=True)
    return 0


def wait_for_others(run: Run, count: int) -> None:
    """Until `count` runs of the store have begun, at most 30 s."""
    deadline = time.monotonic() + 30
    while len(list(run.path.parent.glob("*/starts.txt"))) < count:
        assert time.monotonic() < deadline, "the others do not begin"
        time.sleep(0.01)


def crash(run: Run, times: int) -> None:
    """Dies at once, as after `kill -9`, the first `times` times."""
    path = Path(run.path / "crashes.txt")
    sofar = len(path.read_text().splitlines()) if path.exists() else 0
    if sofar < times:
        append_line(path, "crash")
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    raise SystemExit(main())
