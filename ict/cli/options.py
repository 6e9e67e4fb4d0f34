"""Options that several commands share and that are no fields of a run."""

from typing import Final

import click

from ict.cli.common import Whole
from ict.machine import MOST_SLOTS, MOST_THREADS
from ict.running.compile_mode import MODES

SLOTS: Final = Whole(1, MOST_SLOTS)
WEIGHTS: Final = click.option(
    "--weights", metavar="FILE|none", help="A weights file, or none for random weights."
)
THREADS: Final = click.option(
    "--threads",
    type=Whole(1, MOST_THREADS),
    help="CPU threads at most; OMP_NUM_THREADS by default, without it all cores.",
)
COMPILE: Final = click.option(
    "--compile",
    type=click.Choice(MODES),
    help="Compile training steps; auto, the default: on a GPU, where a run is long enough to earn it.",
)
DEVICE: Final = click.option("--device", help="cpu, cuda:0, …; the first GPU by default.")
