"""`ict.running.execute` that notes when each run begins, comes to its first step, has taken it, ends: `bench.warm`."""

import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from ict.files import append_line
from ict.running import execute
from ict.store.store import Store

MOMENTS = "moments.jsonl"  # in the run's folder, on the clock of time.time
STEPS = ("at_first_step", "first_step")  # when it begins, and when it is done


def start_up() -> Any:
    return execute.start_up()


def main(arguments: Sequence[str], kept: Any = None) -> int:
    """As `execute.main`; one line a start: `begun`, `at_first_step`, `first_step` (null without one), `ended`."""
    from ict.training.loop import Trainer

    moments: dict[str, float | None] = {"begun": time.time()} | dict.fromkeys(STEPS)
    plain = Trainer.epoch

    def epoch(trainer: Any, number: int, *, on_step: Callable[[int, int], None]) -> Any:
        moments["at_first_step"] = moments["at_first_step"] or time.time()

        def noted(done: int, total: int) -> None:
            moments["first_step"] = moments["first_step"] or time.time()
            on_step(done, total)

        return plain(trainer, number, on_step=noted)

    Trainer.epoch = epoch  # type: ignore[method-assign,assignment]
    try:
        code = execute.main(arguments, kept)
    finally:
        Trainer.epoch = plain  # type: ignore[method-assign]
    moments["ended"] = time.time()
    append_line(Store().run(arguments[0]).path / MOMENTS, json.dumps(moments))
    return code
