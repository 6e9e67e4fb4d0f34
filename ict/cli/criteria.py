"""`ict causal`, `ict inspect`: what replacing channels does, and a page for every channel."""

from typing import Any

import click

from ict.catalogue import BUNDLED, SITE, check_site, get_backbone
from ict.cli import field_options
from ict.cli import options as shared
from ict.cli.common import BATCH, NUMBER, SEED, Progress, Whole, command, emit, table
from ict.criteria import CRITERION, check_criterion
from ict.documents.number_words import number_words
from ict.files import read_json
from ict.machine import calm_threads, choose_device, choose_threads
from ict.store.names import meta_file
from ict.store.store import Store
from ict.tasks import SPLITS, get_task

_COMMON = (
    shared.WEIGHTS,
    click.option("--limit", type=Whole(1), help="Only so many images, of all classes."),
    field_options.of_field("shots"),
    field_options.of_field("shot_seed"),
    field_options.IMAGE_SIZE,
    click.option("--batch-size", default=50, show_default=True, type=BATCH),
    shared.DEVICE,
    shared.THREADS,
)


def _common(function: Any) -> Any:
    for option in reversed(_COMMON):
        function = option(function)
    return function


@command("causal", changes=True)
@click.argument("task")
@field_options.BACKBONE
@click.option(
    "--criterion", "criteria", multiple=True, default=(CRITERION,), help="Several to compare them."
)
@click.option("--site", default=SITE, show_default=True)
@click.option(
    "--replacement",
    default="mean",
    show_default=True,
    type=click.Choice(["mean", "zero"]),
    help="mean: the training mean at each token; zero breaks a network whatever the task.",
)
@click.option(
    "--fraction", "fractions", type=NUMBER, multiple=True, help="Share of channels, several."
)
@click.option(
    "--block", "blocks", type=Whole(0), multiple=True, help="Replace in these alone, several."
)
@click.option("--random-draws", default=5, show_default=True, type=Whole(0, 1000))
@click.option(
    "--scatter",
    "scatter_channels",
    default=8,
    show_default=True,
    type=Whole(0),
    help="Channels a block that are replaced one at a time.",
)
@click.option("--seed", type=SEED, default=0, show_default=True)
@field_options.PIXELS
@_common
def causal(
    task: str,
    *,
    backbone: str,
    criteria: tuple[str, ...],
    weights: str | None,
    limit: int | None,
    image_size: int | None,
    shots: int | None,
    shot_seed: int | None,
    pixel_normalisation: str,
    batch_size: int,
    device: str | None,
    threads: int | None,
    as_json: bool,
    **planned: Any,
) -> None:
    """Deletion and insertion curves: accuracy on val200 while channels are replaced, by criterion."""
    for criterion in criteria:
        check_criterion(criterion)
    known_backbone = get_backbone(backbone)
    check_site(known_backbone.at(image_size), planned["site"])
    known_task = get_task(task)
    where = choose_device(device)
    calm_threads(choose_threads(threads).count)
    from ict.scoring.causal import FRACTIONS, Plan  # torch, only now that the words are right
    from ict.scoring.causal_task import check, request_check

    planned["blocks"] = planned["blocks"] or None
    planned["fractions"] = planned["fractions"] or FRACTIONS
    request, weights_file = request_check(
        task=known_task,
        backbone=known_backbone,
        criteria=criteria,
        plan=Plan(**planned),
        weights=weights,
        limit=limit,
        image_size=image_size,
        shots=shots,
        shot_seed=shot_seed,
        pixel_normalisation=pixel_normalisation,
    )
    path = check(
        Store(),
        request,
        task=known_task,
        backbone=known_backbone,
        weights_file=weights_file,
        device=where,
        batch_size=batch_size,
        progress=Progress(f"causal check of {task}"),
    )
    document = read_json(path)
    shown = ("series", "seed", "mode", "fraction", "accuracy", "log_probability")
    text = f"accuracy with nothing replaced: {number_words(document['accuracy'], '.4g')}\n" + table(
        document["curves"], shown
    )
    emit({"path": str(path), **document}, as_json=as_json, text=text)


@command("inspect", changes=True)
@click.argument("task")
@click.option("--backbone", help="The run's, or ict_tiny.")
@click.option("--site", help="The run's tuned site, or attn.")
@click.option("--run", help="A finished run: its adapter's weights stand beside the channels.")
@click.option(
    "--split",
    type=click.Choice(SPLITS[:3]),
    help="train800val200 by default, with --shots train800.",
)
@field_options.PIXELS_OF_RUN
@_common
def inspect(
    task: str,
    *,
    backbone: str | None,
    site: str | None,
    batch_size: int,
    device: str | None,
    threads: int | None,
    as_json: bool,
    **asked: Any,
) -> None:
    """A page for every channel: the images that drive it most, its classes, its activations."""
    store = Store()
    shown = get_backbone(backbone or _of_run(store, asked["run"]))
    if backbone is not None and site is not None:
        check_site(shown, site)
    known_task = get_task(task)
    where = choose_device(device)
    calm_threads(choose_threads(threads).count)
    from ict.scoring.inspect_task import inspect_task, request_inspection  # torch

    request, weights_file = request_inspection(
        store, task=known_task, backbone=shown, site=site, **asked
    )
    folder = inspect_task(
        store,
        request,
        task=known_task,
        backbone=shown,
        weights_file=weights_file,
        device=where,
        batch_size=batch_size,
        progress=Progress(f"inspecting {task}"),
    )
    emit({"path": str(folder), **read_json(meta_file(folder), {})}, as_json=as_json)


def _of_run(store: Store, run: str | None) -> str:
    """The backbone that a run tunes; without a run the bundled one."""
    return BUNDLED if run is None else str(store.run(run).config.get("backbone") or BUNDLED)


COMMANDS = {"causal": causal, "inspect": inspect}
