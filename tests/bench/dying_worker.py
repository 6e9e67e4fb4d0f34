"""A worker of the fuzzer whose only parser ends the process at its fifth input."""

import os
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

from bench.fuzz import changes, worker
from bench.fuzz.target import Given, Target, World


def _world(root: Path) -> World:
    count = root / "count"

    def place(given: Given) -> None:
        count.write_bytes(given.content)

    def read(_given: Given) -> Sequence[str]:
        if worker.marked(root.parent / worker.MARK) == 4:
            os.abort()
        return ()

    return World(root=root, samples=[b"{}"], place=place, read=read)


if __name__ == "__main__":
    dying = Target(name="dying", parser=(), form=changes.JSON, world=_world)
    with mock.patch("bench.fuzz.parsers.all_targets", return_value={"dying": dying}):
        worker.main()
