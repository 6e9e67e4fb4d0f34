"""`ict fold`, `ict import`."""

from pathlib import Path

import click

from ict.cli.common import command, emit, say_unreadable
from ict.errors import InputError
from ict.files import make_output_folder
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
    folder = Store().run(run)
    if folder.result() is None:
        raise InputError(
            f"run {folder.id} is {folder.status()}, not done: there is nothing to fold"
        )
    from ict.running.fold_run import fold_run

    make_output_folder(out)
    emit(fold_run(folder, out, weights=weights), as_json=as_json)


class _FileOrWord(click.Group):
    """A group whose first word is a file unless it is one of its commands."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        words = {*self.commands, *context.help_option_names}
        return super().parse_args(context, args if args and args[0] in words else ["file", *args])


@click.group("import", cls=_FileOrWord, subcommand_metavar="FILE | list | remove NAME")
def import_results() -> None:
    """Other people's numbers beside this store's, marked imported.

    FILE is a CSV with the columns method, task, test_accuracy (0.736 or 73.6 %), and if there backbone,
    seed, k, adapter_parameters (205000, 205,000, 0.2M), note; parted by commas, semicolons or tabs.
    """


@command("file", changes=True, hidden=True)
@click.argument("file", type=click.Path(path_type=Path))
def import_file(file: Path, *, as_json: bool) -> None:
    """Puts the results of FILE in the store; a file called list or remove is ./list, ./remove."""
    from ict.store.imported_results import import_results as read

    emit(read(Store(), file), as_json=as_json)


@command("list")
def list_imported(*, as_json: bool) -> None:
    """What was imported: name, file, rows, methods, tasks."""
    from ict.store.imported_results import list_imports

    store = Store()
    emit(list_imports(store), as_json=as_json)
    say_unreadable(store)


@command("remove", changes=True)
@click.argument("name")
def remove_imported(name: str, *, as_json: bool) -> None:
    """Takes an import out of the store: its name as `ict import list` has it, or its file's."""
    from ict.store.imported_results import remove_import

    path = remove_import(Store(), name)
    emit({"removed": str(path)}, as_json=as_json, text=f"removed {path}")


for _command in (import_file, list_imported, remove_imported):
    import_results.add_command(_command)

COMMANDS = {"fold": fold, "import": import_results}
