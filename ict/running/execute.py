"""From a configuration in the store to a finished run folder, once, whatever happens in between.

`run` takes the run's lock, looks again for a result, resumes from the checkpoint or starts, and
writes `result.json` last. `python -m ict.running.execute RUN_ID --store S` is one run as a command; workers and jobs call its `main` in a
process that takes several (`ict.running.warm`).
"""

import argparse
import contextlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from ict.errors import IctError, lacking, out_of_memory
from ict.files import FULL, StoreError, explain
from ict.machine import Threads, calm_threads, choose_device, choose_threads, thread_limit
from ict.running.compile_mode import at_start
from ict.store import transitions
from ict.store.live import log
from ict.store.locks import RunLock
from ict.store.run_folder import Run, utc_now
from ict.store.run_result import RunResult
from ict.store.store import Store

if TYPE_CHECKING:
    from ict.running.kept import Kept

KEPT_BYTES = 1 << 30  # of images and backbones that a process keeps from one run to the next


class Terminated(BaseException):
    """SIGTERM: leave as fast as possible; the last checkpoint stands."""


def run(
    run_id: str,
    store: Store | None = None,
    *,
    threads: int | None = None,
    device: str | None = None,
    slots: int = 1,
    compile: str | None = None,
    kept: "Kept | None" = None,
) -> RunResult:
    """Executes a run of the store and gives its result; a finished one is only read.

    `kept` holds what earlier runs of this process computed and may be used again.
    Raises IctError with one sentence if it fails (stored in `error.json` too), or if another
    process holds the run.
    """
    store = store or Store()
    folder = store.run(run_id)
    handed_down = RunLock.inherited(folder.lock_path)
    lock = handed_down or RunLock(folder.lock_path)
    if handed_down is None and not lock.acquire():
        raise IctError(f"run {folder.id} is being executed by another process: {folder.holder()}")
    try:
        lock.describe(os.getpid(), job=os.environ.get("SLURM_JOB_ID"))
        finished = folder.result()
        if finished is not None:
            transitions.tidy(folder)
            return finished
        allowed, execution = _execution(folder, threads=threads, device=device, slots=slots)
        execution |= at_start(folder, compile)
        # A worker has looked for a cancel before it began, and one that is here now is newer.
        if handed_down is None:
            transitions.take_back_cancel(folder)
            if allowed.note:
                log(folder, f"{folder.id} {allowed.note}")
        with lock.guard():
            return _execute(folder, store, transitions.begin(folder, execution), kept)
    finally:
        lock.release()


def _execute(run: Run, store: Store, execution: dict[str, Any], kept: "Kept | None") -> RunResult:
    """Runs the pipeline; whatever goes wrong is kept as the run's error."""
    try:
        from ict.running.pipeline import result_of

        result = result_of(run, store, execution, kept)
        transitions.finish(run, result.to_dict())
    except (Terminated, KeyboardInterrupt):
        raise
    except Exception as error:
        sentence = _named(run, error)
        _keep_error(run, sentence, error)
        raise IctError(sentence) from error
    return result


def _named(run: Run, error: Exception) -> str:
    """The sentence of an error; that of a disk names the run, whose files are not all in its folder."""
    if isinstance(error, OSError):
        sentence = out_of_memory(error) or _of_the_system(run, error)
    elif isinstance(error, StoreError):
        sentence = str(error)
    else:
        return str(error) if isinstance(error, IctError) else _sentence(error)
    return sentence if run.id in sentence else f"run {run.id}: {sentence}"


def _of_the_system(run: Run, error: OSError) -> str:
    named = isinstance(error.filename, (str, bytes))
    path = Path(os.fsdecode(error.filename)) if named else run.path
    if error.errno in FULL:
        return str(explain(error, path))
    return f"{path}: {error.strerror}" if named and error.strerror else str(error)


def _keep_error(run: Run, sentence: str, error: Exception) -> None:
    """Notes the failure in the run's folder; where not even that fits on the disk, says so."""
    document = {
        "message": sentence,
        "type": type(error).__name__,
        "traceback": traceback.format_exc(),
        "at": utc_now(),
    }
    try:
        transitions.fail(run, document)
    except StoreError as refused:
        _say(f"{refused}; nor can it be kept that {sentence}")


def _sentence(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        return lacking(error)
    if memory := out_of_memory(error):
        return memory
    kind = type(error).__name__
    first_line = (str(error).strip().splitlines() or [""])[0]
    return f"{kind}: {first_line}" if first_line else kind


def _execution(
    run: Run, *, threads: int | None, device: str | None, slots: int
) -> tuple[Threads, dict[str, Any]]:
    """Device and threads, of the first start where there was one, and what execution.json says of this."""
    before = run.execution() or {}
    chosen = choose_device(device or before.get("device"))
    allowed = choose_threads(threads, slots=slots, device=chosen, begun=before)
    return allowed, {
        "threads": allowed.count,
        "device": chosen,
        "slots": slots,
        "first_started_at": before.get("first_started_at") or utc_now(),
        "starts": int(before.get("starts") or 0) + 1,
        "resumed_epoch": run.saved_epoch(),
    }


def _on_sigterm(_number: int, _frame: FrameType | None) -> None:
    raise Terminated


def start_up() -> "Kept":
    """Imports what a run computes with; gives an empty memory for what runs of a process share."""
    import ict.running.pipeline  # noqa: F401
    from ict.running.kept import Kept

    return Kept(KEPT_BYTES)


def main(arguments: Sequence[str] | None = None, kept: "Kept | None" = None) -> int:
    """Executes one run of a store; what workers and batch jobs start."""
    parser = argparse.ArgumentParser(prog="python -m ict.running.execute", description=main.__doc__)
    parser.add_argument("run_id")
    parser.add_argument("--store")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--device")
    parser.add_argument("--slots", type=int, default=1)
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _on_sigterm)
    how: dict[str, Any] = {"device": options.device, "slots": options.slots}
    how["threads"] = options.threads or thread_limit()
    started = time.perf_counter()
    try:
        store = Store(options.store)
        calm_threads(_execution(store.run(options.run_id), **how)[0].count)
        result = run(options.run_id, store, **how, kept=kept)
    except Terminated:
        _say("terminated; the last checkpoint stands")
        return 143
    except IctError as error:
        _say(f"failed: {error}")
        return error.exit_code
    seconds = time.perf_counter() - started
    _say(f"done in {seconds:.0f} s, test accuracy {round(result.test_accuracy, 4)}")
    return 0


def _say(line: str) -> None:
    """Prints to stderr, which a worker leads into `log.txt`: on a full disk, nothing."""
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
