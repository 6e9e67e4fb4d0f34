"""Scores of channels: `ict score`, `ict scores`."""

from pathlib import Path
from typing import Any

import click

from ict.adapter_gradients import bytes_of
from ict.catalogue import check_site, get_backbone
from ict.cli import field_options
from ict.cli import options as shared
from ict.cli.common import BATCH, SEED, Progress, Whole, command, emit, say_unreadable
from ict.config import DEFAULTS, check_size
from ict.criteria import ADAPTER_GRADIENT, TOKENS, check_scored, criteria
from ict.documents.bounded import json_value
from ict.errors import InputError, quoted
from ict.machine import calm_threads, choose_device, choose_threads
from ict.store.names import gradient_file
from ict.store.store import Store
from ict.tasks import SPLITS, get_task


@command("score", changes=True)
@click.argument("task")
@field_options.BACKBONE
@shared.WEIGHTS
@click.option(
    "--criterion", default=DEFAULTS["criterion"], show_default=True, help=", ".join(criteria())
)
@click.option("--site", "sites", multiple=True, help="May be given several times; all in one pass.")
@click.option("--tokens", type=click.Choice(TOKENS))
@click.option(
    "--split",
    type=click.Choice(SPLITS[:3]),
    help="train800val200 by default, with --shots train800.",
)
@field_options.of_field("shots")
@field_options.of_field("shot_seed")
@field_options.IMAGE_SIZE
@field_options.PIXELS
@click.option("--limit", type=Whole(1), help="Only so many images, of all classes.")
@click.option(
    "--keep-images", is_flag=True, help="Keep per-image sums, for resamples without torch."
)
@click.option(
    "--batch-size",
    type=BATCH,
    help="16 images of 224 pixels, up to 64 smaller ones, by default.",
)
@click.option("--seed", type=SEED, default=0, show_default=True, help="For criterion random.")
@click.option(
    "--option", "options", multiple=True, metavar="NAME=VALUE", help="Option of the criterion."
)
@shared.DEVICE
@shared.THREADS
def score(
    task: str,
    *,
    backbone: str,
    sites: tuple[str, ...],
    criterion: str,
    options: tuple[str, ...],
    device: str | None,
    threads: int | None,
    keep_images: bool,
    batch_size: int | None,
    as_json: bool,
    **request_fields: Any,
) -> None:
    """Scores every channel of every block on the task's images; gives the score file."""
    check_scored(criterion)
    known_backbone = get_backbone(backbone)
    sized = known_backbone.at(request_fields["image_size"])
    chosen_sites = tuple(dict.fromkeys(sites or (DEFAULTS["tune_site"],)))
    for site in chosen_sites:
        check_site(sized, site)
    known_task = get_task(task)
    where = choose_device(device)
    calm_threads(choose_threads(threads).count)
    from ict.scoring.score_request import request_for
    from ict.scoring.task_scores import score_task  # torch, only now that the words are right

    request, weights_file = request_for(
        task=known_task,
        backbone=known_backbone,
        criterion=criterion,
        sites=chosen_sites,
        options=dict(_option(text) for text in options),
        **request_fields,
    )
    store = Store()
    gradients = gradient_file(store.score_file(request.score_id).parent)
    if criterion == ADAPTER_GRADIENT and not gradients.exists():
        size = bytes_of(sized.stages, len(chosen_sites)) / 1e6
        click.echo(f"gradients take {size:.0f} MB in memory and on disk: {gradients}", err=True)
    path = score_task(
        store,
        request,
        task=known_task,
        backbone=known_backbone,
        weights_file=weights_file,
        device=where,
        batch_size=batch_size,
        keep_images=keep_images,
        progress=Progress(f"scoring {task}"),
    )
    from ict.scores import load_scores

    meta = dict(load_scores(path, kinds=()).meta)
    said = {"score_id": request.score_id, "path": str(path), **meta}
    if criterion == ADAPTER_GRADIENT:
        said |= {"gradients_path": str(gradients), "gradient_bytes": gradients.stat().st_size}
    emit(said, as_json=as_json)


def _option(text: str) -> tuple[str, Any]:
    name, separator, value = text.partition("=")
    if not separator:
        raise InputError(f"--option {quoted(text)}: write NAME=VALUE")
    read = json_value(value, f"--option {name}")
    check_size(name, read)
    return name, read


@command("scores")
def scores(*, as_json: bool) -> None:
    """The score files of the store: ids, what was scored, and whether per-image sums are kept."""
    store = Store()
    rows = [
        {
            "score_id": meta["score_id"],
            "task": meta.get("task"),
            "criterion": meta.get("criterion"),
            "sites": meta.get("sites") or [meta.get("site")],
            "split": meta.get("split"),
            "images": meta.get("images"),
            "keeps_images": bool(meta.get("keep_images")),
            "bytes": Path(meta["path"]).stat().st_size,
        }
        for meta in store.scores()
    ]
    emit(rows, as_json=as_json)
    say_unreadable(store)


COMMANDS = {"score": score, "scores": scores}
