"""`ict.running.execute`, whose runs leave every kind of state of their process changed."""

from collections.abc import Sequence
from typing import Any

from ict.running import execute


def start_up() -> Any:
    return execute.start_up()


def main(arguments: Sequence[str], kept: Any = None) -> int:
    from tests.running.changes import changes

    code = execute.main(arguments, kept)
    for change in changes().values():
        change()
    return code
