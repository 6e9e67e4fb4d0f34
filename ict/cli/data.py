"""`ict tasks` and `ict data`: what can be trained on here; verify, link, download or decode VTAB-1K."""

from pathlib import Path
from typing import Any

import click

from ict.cli.common import SEED, Progress, command, emit, say_unreadable, table
from ict.cli.data_cache import cache
from ict.errors import IctError, InputError, quoted
from ict.files import absolute
from ict.store.store import Store
from ict.tasks import bundled, find_place, list_tasks, vtab, vtab_folders, where_looked
from ict.tasks.hub import DEFAULT_REPO
from ict.tasks.places import Place


@command("tasks")
def tasks(*, as_json: bool) -> None:
    """What can be trained on here, what is missing and how to get it."""
    store = Store()
    rows = list_tasks()
    emit(rows, as_json=as_json, text=_tasks_text(rows))
    say_unreadable(store)


def _tasks_text(rows: list[dict[str, Any]]) -> str:
    columns = ("name", "group", "classes", "train", "val", "test", "here")
    words = {True: "complete", False: "yes, see below"}
    shown = [row | {"here": words[row["complete"]] if row["available"] else "no"} for row in rows]
    notes = [
        f"{row['name']}: {'; '.join(row['missing'])}"
        for row in rows
        if row["missing"] and (row["available"] or not row["how_to_get"])
    ]
    text = table(shown, columns)
    if notes:
        text += "\n\n" + "\n".join(notes)
    if any(row["how_to_get"] for row in rows):
        text += (
            f"\n\nTasks that are not here ({where_looked()}): set ICT_VTAB_ROOT to the folder that "
            "holds them, or `ict data link TASK DIR`, or `ict data download TASK`."
        )
    return text


@click.group("data")
def data() -> None:
    """Verify, link, download or decode the folders of VTAB-1K."""


@command("check")
@click.argument("task")
@click.pass_context
def check(context: click.Context, task: str, *, as_json: bool) -> None:
    """Verify TASK (a name, a folder, or `all` that are on this machine): lists, labels, images.

    Exits 1 when something is wrong; what a reader of results must know is a warning.
    """
    from ict.tasks.check import check_folder, readable

    reports = [
        check_folder(name, folder, progress=Progress(f"checking {name}"))
        for name, folder in _folders_to_check(task)
    ]
    text = "\n\n".join(readable(report) for report in reports)
    emit(reports if task == "all" else reports[0], as_json=as_json, text=text)
    if not all(report["ok"] for report in reports):
        context.exit(1)


def _folders_to_check(task: str) -> list[tuple[str, Path | Place]]:
    if task == "all":
        rows = list_tasks()
        places: list[tuple[str, Path | Place]] = [
            (row["name"], find_place(row["name"])) for row in rows if row["path"]
        ]
        if not places:
            raise InputError(f"no task's folder to check: {where_looked()}")
        return places
    if task in bundled.DRAWN:
        raise InputError(f"{quoted(task)} comes with ict: there is no folder to check")
    folder = absolute(task)
    if "/" in task and vtab_folders.is_layout(folder):
        return [(folder.name, folder)]
    if "/" in task:
        raise InputError(f"{folder} has none of the lists train800.txt, val200.txt, test.txt")
    return [(vtab.canonical(task), find_place(task))]


@command("link", changes=True)
@click.argument("task")
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--seed", type=SEED, default=0, show_default=True, help="Of the parts that are drawn."
)
@click.option(
    "--follow-links",
    is_flag=True,
    help="Links of images may lead to the one folder, recorded now, that holds their files.",
)
@click.option(
    "--images",
    type=click.Path(path_type=Path),
    help="Folder that a table's file names count from; the table's own by default.",
)
@click.option("--image-column", help="Of a table or of parquet files.")
@click.option("--label-column", help="Of a table or of parquet files.")
def link(
    task: str,
    directory: Path,
    *,
    seed: int,
    follow_links: bool,
    images: Path | None,
    image_column: str | None,
    label_column: str | None,
    as_json: bool,
) -> None:
    """Use DIR as TASK: a folder of the VTAB-1K layout, or images of your own under a new name.

    DIR may also be a folder of class folders (with or without train, val and test above them), a CSV or
    TSV with a header, or a Hugging Face folder of parquet files. Lists (800, 200 and the rest, by class,
    unless parts are given) and class names are written into the store; DIR is only read.
    """
    from ict.tasks.own.link import Wish
    from ict.tasks.own.link import link as make

    wish = Wish(
        seed=seed,
        follow=follow_links,
        images=None if images is None else absolute(images),
        image_column=image_column,
        label_column=label_column,
    )
    made = make(task, absolute(directory), wish)
    emit(made, as_json=as_json, text=_linked_text(made))


def _linked_text(made: dict[str, Any]) -> str:
    name = made["task"]
    counts = ", ".join(f"{split} {count}" for split, count in made["counts"].items())
    parts = f" ({made['parts']})" if "parts" in made else ""
    return (
        f"{name} is {made['path']}: {made['kind']}, {made['classes']} classes, {counts}{parts}; "
        f"`ict data check {name}` verifies its images"
    )


@command("download", changes=True)
@click.argument("task")
@click.option("--repo", default=DEFAULT_REPO, show_default=True, help="Data set OWNER/NAME.")
@click.option("--revision", help="Branch, tag or commit of the data set; its main branch if none.")
@click.option(
    "--to",
    type=click.Path(path_type=Path),
    help="Folder that receives the task's folder; $ICT_VTAB_ROOT, else the store's vtab-1k.",
)
@click.pass_context
def download(
    context: click.Context,
    task: str,
    repo: str,
    revision: str | None,
    to: Path | None,
    *,
    as_json: bool,
) -> None:
    """Download TASK (one of the 19, or `all`) from the Hugging Face hub ($HF_ENDPOINT).

    Goes on where an interrupted download ended. What arrives is checked before it is put in place;
    a folder that exists is never overwritten.
    """
    from ict.tasks.download import Download, present, target_root, tasks_to_download

    names, root = tasks_to_download(task), target_root(to)
    rows = [_present_row(name, at) for name in names if (at := present(name, to))]
    unnamed = [name for name in names if name not in {row["task"] for row in rows}]
    if unnamed:
        source = Download(root, repo=repo, revision=revision)
        for name in unnamed:
            try:
                report = source.install(name, progress=Progress(f"{name}"))
                rows.append({"task": name, "status": "downloaded"} | report)
            except IctError as error:
                if task != "all":
                    raise
                rows.append({"task": name, "status": "failed", "error": str(error)})
        if task == "all" and all(row["status"] != "failed" for row in rows):
            source.forget()
        for path in source.kept():
            size = f"{path.stat().st_size / 2**30:.1f} GiB"
            click.echo(f"{path} ({size}) stays for other tasks; delete it when done", err=True)
    emit(rows if task == "all" else rows[0], as_json=as_json, text=_download_text(rows))
    if any(row["status"] == "failed" for row in rows):
        context.exit(1)


def _present_row(name: str, folder: Path) -> dict[str, Any]:
    return {"task": name, "status": "present", "path": str(folder)}


def _download_text(rows: list[dict[str, Any]]) -> str:
    lines = []
    for row in rows:
        if row["status"] == "failed":
            lines.append(f"{row['task']}: not downloaded: {row['error']}")
        elif row["status"] == "present":
            lines.append(f"{row['task']}: is already at {row['path']}; nothing was downloaded")
        else:
            tests = "official counts" if row["official"] else "not the official test set"
            counts = ", ".join(f"{split} {count}" for split, count in row["counts"].items())
            lines.append(f"{row['task']}: now at {row['path']}: {counts}; {tests}")
    return "\n".join(lines)


for _command in (check, link, download, cache):
    data.add_command(_command)

COMMANDS = {"tasks": tasks, "data": data}
