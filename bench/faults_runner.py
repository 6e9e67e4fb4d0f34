"""`ict.running.execute` whose address space ends in one part of a run: `bench.faults`.

`ICT_BENCH_MEMORY` is PART:BYTES:FILE: from the beginning of the part so many bytes are left to the process,
while the file is there (`resource.RLIMIT_AS`, which is what `ulimit -v` sets).
"""

import os
import resource
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ict.running import execute

PARTS = {"scoring": "choose_channels", "training": "fitted", "testing": "tested"}


def start_up() -> Any:
    return execute.start_up()


def main(arguments: Sequence[str], kept: Any = None) -> int:
    """As `execute.main`, with a limit."""
    from ict.running import pipeline

    part, beyond, place = os.environ["ICT_BENCH_MEMORY"].split(":", 2)
    name = PARTS[part]
    plain: Callable[..., Any] = getattr(pipeline, name)

    def limited(*given: Any, **named: Any) -> Any:
        with _address_space(int(beyond)):
            return plain(*given, **named)

    if not os.path.exists(place):
        return execute.main(arguments, kept)
    setattr(pipeline, name, limited)
    try:
        return execute.main(arguments, kept)
    finally:
        setattr(pipeline, name, plain)


@contextmanager
def _address_space(beyond: int) -> Iterator[None]:
    """No more than the process has, of which all but `beyond` bytes is taken; the limit stays after it."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    spare = bytearray(beyond)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize(), hard))
    taken = []
    size = 64 << 20
    while size >= 1 << 16:
        try:
            taken.append(bytearray(size))
        except MemoryError:
            size //= 2
    del spare
    try:
        yield
    finally:
        taken.clear()
