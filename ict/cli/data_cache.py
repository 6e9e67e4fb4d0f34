"""`ict data cache`: the decoded images that are kept, filled ahead or removed."""

from datetime import UTC, datetime
from typing import Any

import click

from ict.cli.common import Progress, Whole, command, emit, table
from ict.errors import InputError
from ict.files import refuse_published
from ict.tasks import SPLITS, Task, bundled, find_place, get_task, load_split
from ict.tasks.decoded import cache as decoded
from ict.tasks.decoded.tally import Tally

SIDE = Whole(1, 4096)


@command("cache")
@click.argument("task", required=False)
@click.option("--size", type=SIDE, help="With TASK: pixels a side, as the backbone takes them.")
@click.option("--clear", is_flag=True, help="Remove all that no process uses.")
@click.pass_context
def cache(
    context: click.Context, task: str | None, *, size: int | None, clear: bool, as_json: bool
) -> None:
    """Decoded images that are kept in the user's cache; with TASK, decode all of its images into it.

    Runs, scores and checks find them there, by the digests of the images, and decode none of them again.
    What was used longest ago goes first when $ICT_DECODED_CACHE_BYTES (a tenth of the disk's room, at most
    20 GB) are full; 0 is for no cache.
    """
    if task is None and size is not None:
        raise InputError("--size: name the task whose images to decode")
    if task is None:
        said, text = _cleared() if clear else _listed()
        emit(said, as_json=as_json, text=text)
        return
    if clear or size is None:
        raise InputError(
            f"{task}: give the pixels a side, such as --size 224, and --clear on its own"
        )
    if decoded.is_off():
        raise InputError(f"{decoded.BOUND}=0 asks for no cache; unset it to fill one")
    refuse_published()
    tally = Tally()
    rows = _filled(get_task(task), size, tally)
    emit(rows, as_json=as_json, text=_filled_text(rows, tally))
    if not all(row["kept"] for row in rows):
        context.exit(1)


def _listed() -> tuple[dict[str, Any], str]:
    """What `--json` prints of the cache, and the text."""
    rows = [
        {
            "task": one.about.task,
            "split": one.about.split,
            "size": one.about.size,
            "images": one.about.images,
            "bytes": one.bytes,
            "key": one.about.key,
            "last_used": datetime.fromtimestamp(one.used, UTC).isoformat(timespec="seconds"),
        }
        for one in decoded.kept()
    ]
    taken, most = decoded.bytes_of_files(), decoded.bound_bytes()
    said = {"folder": str(decoded.folder()), "bytes": taken, "bound_bytes": most, "sets": rows}
    may = f"of at most {_size(most)} in {decoded.folder()} ({decoded.BOUND} sets it)"
    text = f"{len(rows)} sets of decoded images, {_size(taken)} {may}"
    columns = ("task", "split", "size", "images", "bytes", "last_used")
    return said, f"{table(rows, columns)}\n\n{text}" if rows else text


def _cleared() -> tuple[dict[str, Any], str]:
    gone, left = decoded.clear()
    at = decoded.folder()
    stays = f"; {_size(left)} are in use, or not this user's, and stay" if left else ""
    said = {"folder": str(at), "removed_bytes": gone, "bytes": left}
    return said, f"removed {_size(gone)} of decoded images from {at}{stays}"


def _filled(task: Task, size: int, tally: Tally) -> list[dict[str, Any]]:
    """A row a split that the task has: whether its images are kept, and how many were decoded for that."""
    from ict.tasks.decoded.sets import fill

    drawn = task.name in bundled.DRAWN
    place = None if drawn else find_place(task)
    rows, held = [], []  # in use, so that no split takes another's room
    for name in SPLITS:
        if place is not None and not place.list_of(name).is_file():
            continue
        split, before = load_split(task, name), tally.decoded
        kept = fill(split, size, progress=Progress(f"decoding {name}"), tally=tally)
        held.append(kept)
        rows.append(
            {
                "split": name,
                "images": len(split),
                "decoded": tally.decoded - before,
                "kept": kept is not None,
                "bytes": kept.about.bytes if kept else 0,
            }
        )
    return rows


def _filled_text(rows: list[dict[str, Any]], tally: Tally) -> str:
    lines = [
        f"{row['split']}: {row['images']:,} images, {row['decoded']:,} decoded, "
        + (_size(row["bytes"]) if row["kept"] else "not kept")
        for row in rows
    ]
    return "\n".join(lines + tally.notes + tally.left_out)


def _size(size: int) -> str:
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
