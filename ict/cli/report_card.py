"""`ict criteria report`: what is known of criteria, and of one's own, without training."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from ict.catalogue import RATIO, SITE, check_site, get_backbone
from ict.cli import field_options
from ict.cli import options as shared
from ict.cli.common import NUMBER, Progress, Whole, command, emit
from ict.cli.report_card_words import FORMATS, content, text
from ict.criteria.from_file import criterion_of
from ict.errors import InputError
from ict.files import absolute, write_new
from ict.machine import calm_threads, choose_device, choose_threads
from ict.running.report_asked import DEFAULT, EACH, LEAST, SCATTER, Asked, check_criteria
from ict.store.store import Store
from ict.tasks import get_task
from ict.tasks.task import refuse_noise


@click.group("criteria")
def criteria() -> None:
    """Criteria of importance held against each other, and against one's own."""


@command("report", changes=True)
@click.argument("task")
@field_options.BACKBONE
@shared.WEIGHTS
@click.option("--site", default=SITE, show_default=True)
@click.option("--k", type=Whole(1), multiple=True, help="K, or one for each stage.")
@click.option("--ratio", type=NUMBER, help=f"K as a share of the width; {RATIO} by default.")
@click.option(
    "--limit",
    type=Whole(1),
    help=f"Images of train800, of all classes; {LEAST} by default, or {EACH} a class where that is more.",
)
@field_options.IMAGE_SIZE
@field_options.PIXELS
@click.option(
    "--criterion",
    "names",
    multiple=True,
    help=f"Several, beside class_l2 and l2; by default {', '.join(DEFAULT[2:])}.",
)
@click.option(
    "--file",
    "files",
    multiple=True,
    metavar="MY.py",
    help="A file of one's own that defines compute(name, model, batches, request), or a Criterion.",
)
@click.option(
    "--scatter",
    default=SCATTER,
    show_default=True,
    type=Whole(0),
    help="Channels a block that are replaced one at a time, for fidelity; 0: none.",
)
@shared.DEVICE
@shared.THREADS
@click.option(
    "--out", type=click.Path(path_type=Path), help="FILE.csv (all columns) or FILE.md (the table)."
)
@click.option("--force", is_flag=True, help="Overwrite the file if it is there.")
def report(
    task: str,
    *,
    backbone: str,
    names: tuple[str, ...],
    files: tuple[str, ...],
    k: tuple[int, ...],
    ratio: float | None,
    device: str | None,
    threads: int | None,
    out: Path | None,
    force: bool,
    as_json: bool,
    **more: Any,
) -> None:
    """A report card of criteria and selectors on TASK: one row each, in minutes, nothing is trained.

    \b
    regret    1 − held-out gain of a first step of the adapter ÷ that of the best
              sets of channels to read and to write that were found: 0 is as good.
              In %, for a step of length 1 and of one size in every weight.
    fidelity  Spearman's correlation of a channel's score with the size of what
              replacing it by its mean does to the log-probability of the true class
              on images that gave no score. None for selectors: they score no channel.
    stable    share of K that both halves of the images choose, scored apart, in %.
    as l2     share of K that plain l2 chooses too, in %.
    seconds   scoring both halves and choosing, in this process; and over class_l2.

    What each column can and cannot show, and how to run a file of one's own: docs/criteria-report.md.
    """
    check_criteria(names)
    known_backbone = get_backbone(backbone)
    check_site(known_backbone.at(more["image_size"]), more["site"])
    share = RATIO if ratio is None and not k else ratio
    asked: dict[str, Any] = {"k": k or None, "ratio": share, "criteria": names or None, **more}
    refuse_noise(task, "no accuracy can be measured on it")
    plain = Asked(task=get_task(task), backbone=known_backbone, **asked)
    plain.ks()
    kind = _kind(out, force=force)
    where = choose_device(device)
    calm_threads(choose_threads(threads).count)
    own = tuple(
        criterion_of(file) for file in files
    )  # may import torch, only now that the words are right
    from ict.running.report_card import report_card

    whole = Asked(task=plain.task, backbone=known_backbone, files=own, **asked)
    card = report_card(
        Store(), whole, device=where, bar=lambda said: Progress(f"report card of {task}: {said}")
    )
    if out is not None:
        write_new(out, content(card, kind), overwrite=force)
    written = {} if out is None else {"path": str(out)}
    emit({**written, **asdict(card)}, as_json=as_json, text=text(card))


def _kind(out: Path | None, *, force: bool) -> str:
    """The format that the ending of `out` says. Raises InputError for a file that could not be written."""
    if out is None:
        return ""
    kind = out.suffix.removeprefix(".")
    if kind not in FORMATS or out.is_dir():
        raise InputError(f"--out {out}: give the name of a file that ends in .csv or .md")
    if not absolute(out).parent.is_dir():
        raise InputError(f"--out {out}: there is no such folder; make it first")
    if out.exists() and not force:
        raise InputError(f"{out} is there already; overwrite it with --force")
    return kind


criteria.add_command(report)
COMMANDS = {"criteria": criteria}
