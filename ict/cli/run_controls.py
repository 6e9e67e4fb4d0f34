"""`ict runs controls`: random-K and a linear probe beside a run."""

import click

from ict.cli.common import Whole, command, emit, typed_command
from ict.running.controls import DRAWS, add_controls
from ict.store.store import Store


@command("controls", changes=True)
@click.argument("run")
@click.option(
    "--draws", default=DRAWS, show_default=True, type=Whole(0, 1000), help="Random choices."
)
@click.option("--linear/--no-linear", default=True, help="A linear probe too.")
def controls(run: str, *, draws: int, linear: bool, as_json: bool) -> None:
    """Queues what RUN is to be held against: as many channels drawn at random, and a linear probe.

    At its seed, with its fields; what is done already is not repeated.
    """
    store = Store()
    ids = add_controls(store, store.run(run), draws=draws, linear=linear, command=typed_command())
    rows = [{"run_id": one, "status": store.run(one).status()} for one in ids]
    emit(rows, as_json=as_json)


COMMANDS = (controls,)
