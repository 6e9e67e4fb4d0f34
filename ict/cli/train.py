"""`ict backbones`, `ict score`, `ict select`, `ict train`."""

from pathlib import Path
from typing import Any

import click

from ict.catalogue import check_site, get_backbone, known, parameter_counts
from ict.cli.common import (
    BATCH,
    NUMBER,
    SEED,
    SLOTS,
    Progress,
    Whole,
    command,
    emit,
    say_unreadable,
    typed_command,
)
from ict.config import (
    CRITERIA,
    NEUTRAL,
    RunConfig,
    check_criterion,
    check_size,
    parse_setting,
)
from ict.documents.bounded import json_value
from ict.errors import InputError, quoted
from ict.machine import calm_threads, choose_device, cores
from ict.recipes import RECIPES
from ict.resolve import Resolved, resolve
from ict.store.store import Store
from ict.tasks import SPLITS, get_task, is_here

weights_option = click.option(
    "--weights", metavar="FILE|none", help="A weights file, or none for random weights."
)


@command("backbones")
@click.argument("name", required=False)
@click.option("--family", help="Only this family.")
@click.option(
    "--all", "everything", is_flag=True, help="All of timm's, not only those on this machine."
)
def backbones(name: str | None, *, family: str | None, everything: bool, as_json: bool) -> None:
    """Backbones: family, stages, sites, and whether their weights are on this machine."""
    from ict.weights import on_this_machine

    chosen = [get_backbone(name)] if name else [b for b in known() if family in (None, b.family)]
    if family and not chosen:
        families = sorted({b.family for b in known()})
        raise InputError(f"no family {quoted(family)}; there are {', '.join(families)}")
    rows: list[dict[str, Any]] = [
        {
            "name": b.name,
            "family": b.family,
            "blocks": b.blocks,
            "widths": list(b.widths),
            "image_size": b.image_size,
            "parameters": b.parameters,
            "sites": list(b.sites),
            "weights_here": on_this_machine(b),
        }
        for b in chosen
    ]
    if as_json:
        emit(rows, as_json=True)
        return
    here = [row for row in rows if row["weights_here"]]
    shown = rows if everything or name or family else here
    emit(shown, as_json=False)
    if shown is here:
        counts: dict[str, int] = {}
        for row in rows:
            counts[row["family"]] = counts.get(row["family"], 0) + 1
        families_text = ", ".join(f"{family} ({count})" for family, count in counts.items())
        click.echo(
            f"\nWith weights on this machine. Known in all: {families_text}; see --all or --family."
        )


@command("score")
@click.argument("task")
@click.option("--backbone", default="ict_tiny", show_default=True)
@weights_option
@click.option("--criterion", default="class_l2", show_default=True, help=", ".join(CRITERIA))
@click.option("--site", "sites", multiple=True, help="May be given several times; all in one pass.")
@click.option("--tokens", type=click.Choice(["patch", "cls", "all"]))
@click.option("--split", default="train800val200", show_default=True, type=click.Choice(SPLITS[:3]))
@click.option("--pixel-normalisation", default="native", type=click.Choice(["native", "imagenet"]))
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
@click.option("--device", help="cpu, cuda:0, …; the first GPU by default.")
def score(
    task: str,
    *,
    backbone: str,
    sites: tuple[str, ...],
    criterion: str,
    options: tuple[str, ...],
    device: str | None,
    keep_images: bool,
    batch_size: int | None,
    as_json: bool,
    **request_fields: Any,
) -> None:
    """Scores every channel of every block on the task's images; gives the score file."""
    check_criterion(criterion)
    known_backbone = get_backbone(backbone)
    wanted = tuple(dict.fromkeys(sites or ("attn",)))
    for site in wanted:
        check_site(known_backbone, site)
    get_task(task)
    where = choose_device(device)
    calm_threads(cores())
    from ict.scoring.task_scores import (  # torch, only now that the words are right
        request_for,
        score_task,
    )

    request, weights_file = request_for(
        task=task,
        backbone=backbone,
        criterion=criterion,
        sites=wanted,
        options=dict(_option(text) for text in options),
        **request_fields,
    )
    store = Store()
    path = score_task(
        store,
        request,
        weights_file=weights_file,
        device=where,
        batch_size=batch_size,
        keep_images=keep_images,
        progress=Progress(f"scoring {task}"),
    )
    from ict.scores import load_scores

    meta = dict(load_scores(path, kinds=()).meta)
    emit({"score_id": request.score_id, "path": str(path), **meta}, as_json=as_json)


@command("select")
@click.argument("score")
@click.option("--k", type=Whole(1), multiple=True, help="One K, or one for each stage.")
@click.option("--ratio", type=NUMBER)
@click.option("--site")
@click.option("--order", default="top", type=click.Choice(["top", "lowest", "random"]))
@click.option("--seed", type=SEED, default=0, show_default=True, help="For order random.")
def select(
    score: str,
    *,
    k: tuple[int, ...],
    ratio: float | None,
    site: str | None,
    order: str,
    seed: int,
    as_json: bool,
) -> None:
    """Indices of the chosen channels of each block of SCORE (a score id or file)."""
    from ict.scores import load_scores
    from ict.selection import select as choose

    path = Path(score)
    if not path.exists():
        path = Store().find_score(score)
    scores = load_scores(path, kinds=("",))
    selection = choose(
        scores,
        site=site,
        k=list(k) or None,
        ratio=0.125 if ratio is None and not k else ratio,
        order=order,
        seed=seed,
    )
    lines = [f"block {b.block:2d}: {' '.join(map(str, b.indices))}" for b in selection.blocks]
    document = {**selection.to_dict(), "adapter_parameters": selection.parameters()}
    emit(document, as_json=as_json, text="\n".join(lines))


@command("train")
@click.argument("task")
@click.option("--backbone", default="ict_tiny", show_default=True)
@weights_option
@click.option("--method", help="ict (default), linear, full, bitfit, lora.")
@click.option("--criterion", help="How channels are scored; class_l2 by default.")
@click.option("--site", help="Where channels are scored and tuned; attn by default.")
@click.option(
    "--k", type=Whole(1), multiple=True, help="Channels a block; several for several stages."
)
@click.option("--ratio", type=NUMBER, help="K as a share of the width; 0.125 by default.")
@click.option("--recipe", default="quick", show_default=True, help=", ".join(RECIPES))
@click.option("--seed", type=SEED, help="42 by default.")
@click.option(
    "--limit", type=Whole(1, 10**9), help="Use only so many images of each split, of all classes."
)
@click.option("--set", "settings", multiple=True, metavar="FIELD=VALUE", help="Any field of a run.")
@click.option("--device", help="cpu, cuda:0, …; the first GPU by default.")
@click.option("--slots", type=SLOTS, help="Runs that share the device.")
@click.option("--wait", is_flag=True, help="Follow the run to its end.")
@click.option("--dry-run", is_flag=True, help="Check, count parameters, start nothing.")
def train(
    task: str,
    *,
    weights: str | None,
    settings: tuple[str, ...],
    site: str | None,
    k: tuple[int, ...],
    recipe: str,
    device: str | None,
    slots: int | None,
    wait: bool,
    dry_run: bool,
    as_json: bool,
    **fields: Any,
) -> None:
    """Starts a run (or finds it, if it was asked for before) and gives its id."""
    asked = {"task": task, **{name: value for name, value in fields.items() if value is not None}}
    if k:
        asked["k"] = k[0] if len(k) == 1 else k
    if site is not None:
        asked["tune_site"] = site
    asked |= dict(parse_setting(text) for text in settings)
    if asked["task"] != task:
        raise InputError(
            f"the task is {quoted(task)}, and --set task={quoted(asked['task'])} says another"
        )
    resolved = resolve(asked, recipe=recipe, weights=weights, device=device, fetch=not dry_run)
    _say_unread(asked, resolved.config)
    if dry_run:
        emit(_plan(resolved), as_json=as_json)
        return
    from ict.running import follow, local
    from ict.store.same_images import ask, unrecorded
    from ict.tasks.decodable import check_decodable
    from ict.tasks.digests import ImageDigests

    digests = ImageDigests()
    for split in _trained_on(resolved.config):
        check_decodable(
            resolved.config.task,
            split,
            digests=digests,
            limit=resolved.config.limit,
            rule=resolved.config.limit_rule,
            progress=Progress(f"checking {split}"),
        )
    store = Store()
    (run,) = ask(store, [resolved], command=typed_command(), digests=digests)
    if said := unrecorded([run]):
        click.echo(f"ict: {said}", err=True)
    if run.status() != "done":
        local.submit(store, [run.id], slots=slots, device=device)
    if wait:
        follow.wait(store, run.id, quiet=as_json)
        emit(follow.result_document(run), as_json=as_json)
        return
    emit(
        {"run_id": run.id, "path": str(run.path), "status": run.status(), "config": run.config},
        as_json=as_json,
        text=f"{run.id}\n{run.status()}; follow it with `ict resume {run.id} --wait` or in `ict app`",
    )


def _say_unread(asked: dict[str, Any], config: RunConfig) -> None:
    """Names on stderr what was asked for and changes nothing, so that nobody believes it did."""
    unread = [name for name in asked if name != "ratio" and not _is_read(name, asked[name], config)]
    if "ratio" in asked and config.k is None:
        unread.append("ratio")
    if unread:
        click.echo(f"ict: {config.method} does not read {', '.join(unread)}: left out", err=True)


def _is_read(name: str, value: Any, config: RunConfig) -> bool:
    """Whether what was asked for stands in the configuration; a later field may be put back."""
    found = getattr(config, name)
    return found is not None and (name not in NEUTRAL or found == value)


def _trained_on(config: RunConfig) -> tuple[str, ...]:
    return ("train800", "val200") if config.train_split == "train800" else (config.train_split,)


def _plan(resolved: Resolved) -> dict[str, Any]:
    """What a dry run says: the configuration and the parameter counts, from the architecture alone."""
    config = resolved.config
    backbone = get_backbone(config.backbone)
    counts = parameter_counts(
        backbone,
        method=config.method,
        classes=get_task(config.task).classes,
        ks=config.k if isinstance(config.k, tuple) else None,
        blocks=config.blocks,
        lora_rank=config.lora_rank,
    )
    here = is_here(config.task)
    if not here:
        click.echo(
            f"ict: task {quoted(config.task)} is not on this machine: see `ict tasks`", err=True
        )
    return {
        "run_id": None,
        "task_here": here,
        "recipe": resolved.recipe,
        "recipe_fields": list(resolved.recipe_fields),
        "config": config.to_dict(),
        **counts,
    }


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


COMMANDS = {
    "backbones": backbones,
    "score": score,
    "scores": scores,
    "select": select,
    "train": train,
}
