"""`ict fold`, `ict import`."""

from pathlib import Path

import click

from ict.cli.common import command, emit
from ict.errors import InputError
from ict.files import make_folder
from ict.store.store import Store


@command("fold")
@click.argument("run")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="A new .safetensors file."
)
@click.option(
    "--weights", metavar="FILE", help="Where the weights that RUN was trained on lie now."
)
def fold(run: str, *, out: Path, weights: str | None, as_json: bool) -> None:
    """Writes RUN as a plain timm checkpoint with the adapter folded in, or says why it cannot be."""
    if out.suffix != ".safetensors":
        raise InputError(f"--out {out}: give a file that ends in .safetensors")
    here = Store().run(run)
    if here.result() is None:
        raise InputError(f"run {here.id} is {here.status()}, not done: there is nothing to fold")
    from ict.running.fold_run import fold_run

    make_folder(out.absolute().parent)
    emit(fold_run(here, out, weights=weights), as_json=as_json)


@command("import")
@click.argument("file", type=click.Path(path_type=Path))
def import_results(file: Path, *, as_json: bool) -> None:
    """Puts the results of a CSV (method, task, test_accuracy, …) beside this store's, marked imported."""
    from ict.store.imported_results import import_results as read

    emit(read(Store(), file), as_json=as_json)


COMMANDS = {"fold": fold, "import": import_results}
