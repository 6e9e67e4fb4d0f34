"""`ict runs label`, `ict runs delete`, `ict runs trash`, `ict runs restore`: runs as people manage them."""

from typing import Any

import click

from ict.cli.asking import confirm
from ict.cli.common import command, emit, table
from ict.errors import InputError
from ict.store.store import Store


@command("label", changes=True)
@click.argument("runs", nargs=-1, required=True)
@click.option("--name", help='What to call it; "" takes the name away.')
@click.option("--note", help='What is to be said of it; "" takes the note away.')
@click.option("--tag", multiple=True, help="Adds a tag; may be repeated.")
@click.option("--untag", multiple=True, help="Takes a tag away; may be repeated.")
@click.option("--archive/--unarchive", "archived", default=None, help="Out of the lists, or back.")
def label(
    runs: tuple[str, ...],
    *,
    name: str | None,
    note: str | None,
    tag: tuple[str, ...],
    untag: tuple[str, ...],
    archived: bool | None,
    as_json: bool,
) -> None:
    """Names, notes and tags of RUNS, and whether they are archived; without an option they are shown.

    Nothing of it is part of a run's id or result. Fields that are not named stay as they are.
    """
    from ict.documents.labels import Change
    from ict.store.run_labels import change_label, read_label

    store = Store()
    change = Change(name=name, note=note, tag=tag, untag=untag, archived=archived)
    chosen = [store.run(run) for run in dict.fromkeys(runs)]
    if change == Change():
        labels = {run.id: read_label(run) for run in chosen}
    else:
        labels = {run.id: change_label(run, change) for run in chosen}
    rows = [{"run_id": run_id, **one.to_dict()} for run_id, one in labels.items()]
    emit(rows, as_json=as_json)


@command("delete", changes=True)
@click.argument("runs", nargs=-1, required=True)
def delete(runs: tuple[str, ...], *, as_json: bool) -> None:
    """Moves RUNS to the trash, where they are kept for 30 days; `ict runs restore` brings them back."""
    from ict.store.trash import to_trash

    store = Store()
    moved = to_trash(store, [store.run(run).id for run in runs])
    ids = [one.run_id for one in moved]
    lines = [f"moved {run} to the trash; ict runs restore {run} brings it back" for run in ids]
    emit({"deleted": ids}, as_json=as_json, text="\n".join(lines))


@command("restore", changes=True)
@click.argument("runs", nargs=-1, required=True)
def restore(runs: tuple[str, ...], *, as_json: bool) -> None:
    """Brings deleted RUNS back from the trash, each as it was when it was last deleted."""
    from ict.store import trash

    store = Store()
    ids = [trash.restore(store, run).id for run in dict.fromkeys(runs)]
    text = "\n".join(f"{run} is back" for run in ids)
    emit({"restored": ids}, as_json=as_json, text=text)


@command("trash")
@click.option("--empty", is_flag=True, help="Delete for good all that lies in it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def trash(*, empty: bool, yes: bool, as_json: bool) -> None:
    """Deleted runs, last deleted first, and until when they are kept."""
    from ict.store import trash as bin_of

    store = Store()
    there = bin_of.trashed(store)
    if yes and not empty:
        raise InputError("--yes answers for --empty; give both")
    if not empty:
        rows: list[dict[str, Any]] = [
            {
                "run_id": one.run_id,
                "name": one.name or None,
                "deleted_at": one.deleted_at.isoformat(timespec="seconds"),
                "kept_until": one.kept_until.isoformat(timespec="seconds"),
            }
            for one in there
        ]
        emit(rows, as_json=as_json, text=table(rows) if rows else "the trash is empty")
        return
    question = f"Delete the {len(there)} run(s) in {store.trash_dir} for good?"
    if there:
        confirm(question, yes=yes, as_json=as_json)
    gone = bin_of.empty(store)
    emit(
        {"removed": gone},
        as_json=as_json,
        text="\n".join(f"removed {run}" for run in gone) or "the trash is empty",
    )


COMMANDS = (label, delete, restore, trash)
