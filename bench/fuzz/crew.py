"""Workers that share the batches; one that hangs or dies is replaced, and its input is a finding."""

import contextlib
import json
import os
import queue
import select
import subprocess
import sys
import tempfile
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.fuzz.worker import MARK, PREPARING, marked

BATCH = 200  # inputs
WORKER = "bench.fuzz.worker"
_LOOK = 0.1  # seconds
_SILENT = 120  # looks at one input until its worker is ended: it does not hear the alarm of its own
_SLOW = 3000  # looks while a world is made, torch imported


@dataclass(frozen=True)
class Batch:
    """Inputs of one target, by their numbers."""

    target: str
    first: int
    last: int
    seed: int


@dataclass(frozen=True)
class Finding:
    """An input that a parser does not take well, or a batch that changed a file."""

    target: str
    seed: int
    number: int
    kind: str
    what: str

    @property
    def command(self) -> str:
        """What repeats it."""
        return (
            f"python -m bench.fuzz --target '{self.target}' --seed {self.seed} --only {self.number}"
        )


@dataclass
class Tally:
    """What the inputs of one target came to."""

    inputs: int = 0
    valid: int = 0
    changed: int = 0
    taken: int = 0
    slowest_ms: float = 0.0
    slowest: int = 0
    findings: list[Finding] = field(default_factory=list)

    def add(self, batch: Batch, answer: dict[str, Any]) -> None:
        for name in ("inputs", "valid", "changed", "taken"):
            setattr(self, name, getattr(self, name) + answer[name])
        if answer["slowest_ms"] > self.slowest_ms:
            self.slowest_ms, self.slowest = answer["slowest_ms"], answer["slowest"]
        self.findings += [Finding(batch.target, batch.seed, *one) for one in answer["findings"]]


class Crew:
    """Processes that read inputs, in a folder of their own that goes when the block ends."""

    def __init__(self, workers: int, *, measured: bool) -> None:
        self.workers = workers
        self.measured = measured
        self.tallies: dict[str, Tally] = defaultdict(Tally)
        self._waiting: queue.SimpleQueue[Batch] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._count = 0
        self.folder = Path()

    def read(self, batches: Sequence[Batch]) -> dict[str, Tally]:
        """What all batches came to, by target."""
        for batch in batches:
            self._waiting.put(batch)
        threads = [threading.Thread(target=self._work, daemon=True) for _ in range(self.workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return dict(self.tallies)

    def counted(self) -> list[Path]:
        """The files in which workers counted branches."""
        return sorted(self.folder.glob("*/.coverage"))

    def _work(self) -> None:
        worker: _Worker | None = None
        while (batch := self._next()) is not None:
            if worker is None:
                with self._lock:
                    self._count += 1
                worker = _Worker(self.folder / f"p{self._count}", measured=self.measured)
            answer = worker.answer(batch)
            if answer is None:
                self._lost(batch, worker)
                worker = None
                continue
            with self._lock:
                self.tallies[batch.target].add(batch, answer)
        if worker is not None:
            worker.end()

    def _next(self) -> Batch | None:
        with contextlib.suppress(queue.Empty):
            return self._waiting.get_nowait()
        return None

    def _lost(self, batch: Batch, worker: "_Worker") -> None:
        """A worker that died or was ended: its input is a finding, the others of the batch are read anew."""
        number, why = worker.end()
        at = batch.first if number == PREPARING else number
        found = [at, "lost", why if number != PREPARING else f"{why} while its world was made"]
        counts = {
            "inputs": 1,
            "valid": 0,
            "changed": 0,
            "taken": 0,
            "slowest_ms": 0.0,
            "slowest": at,
        }
        with self._lock:
            self.tallies[batch.target].add(batch, {**counts, "findings": [found]})
        if number == PREPARING:
            return
        for first, last in ((batch.first, number - 1), (number + 1, batch.last)):
            if first <= last:
                self._waiting.put(Batch(batch.target, first, last, batch.seed))


class _Worker:
    """One process, and what it was asked last."""

    def __init__(self, folder: Path, *, measured: bool) -> None:
        folder.mkdir()
        self._mark = folder / MARK
        words = [sys.executable, "-m", WORKER, str(folder), *["counted"] * measured]
        self._said = (folder / "said").open("wb")
        calm = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "PYTHONHASHSEED": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self._process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env={**calm, "TMPDIR": str(folder)},
        )
        self._silent = False

    def answer(self, batch: Batch) -> dict[str, Any] | None:
        """What a batch came to; None where the process died, or says nothing any more."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(vars(batch)).encode() + b"\n")
            self._process.stdin.flush()
        looks, before = 0, None
        while not select.select([self._process.stdout], [], [], _LOOK)[0]:
            now = marked(self._mark)
            looks, before = (looks + 1 if now == before else 0), now
            if looks > (_SLOW if now == PREPARING else _SILENT):
                self._silent = True
                return None
        line = self._process.stdout.readline()
        return json.loads(line) if line else None

    def end(self) -> tuple[int, str]:
        """Ends the process; gives the input that it read last, and how it ended."""
        if self._silent:
            self._process.kill()
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        code = self._process.wait()
        self._said.close()
        last = Path(self._said.name).read_text(errors="replace").strip().splitlines()[-1:]
        why = (
            "says nothing for 12 s"
            if self._silent
            else f"the process ends with {code}: {''.join(last)}"
        )
        return marked(self._mark), why


@contextlib.contextmanager
def crew(workers: int, *, measured: bool) -> Iterator[Crew]:
    """A crew with a folder for the block."""
    made = Crew(workers, measured=measured)
    with tempfile.TemporaryDirectory(prefix="ict-fuzz-", ignore_cleanup_errors=True) as folder:
        made.folder = Path(folder)
        yield made
