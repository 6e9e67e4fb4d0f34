"""`ict figure` and `ict report`: what a store holds, as files for a paper or one page to read."""

from pathlib import Path
from typing import Any

import click

from ict.catalogue import RATIO
from ict.cli.common import NUMBER, Whole, command, emit
from ict.criteria import NORMS, SELECTORS
from ict.errors import InputError, quoted
from ict.figures.by_name import FIGURES, Choice
from ict.figures.curve_view import ALONG
from ict.figures.export import FORMATS, MISSING, export, export_all, provenance
from ict.figures.from_store import bundle, look_up
from ict.figures.styles import STYLES, get_style
from ict.files import write_output
from ict.store.store import Store
from ict.store.study_contrast import OUTCOMES

_NAMES = "\n".join(f"  {name:14} {words}" for name, (_, words) in FIGURES.items())


@command(
    "figure",
    epilog="\b\nFigures:\n" + _NAMES,
)
@click.argument("name")
@click.argument("more", nargs=-1, metavar="[SOURCE]...")
@click.option(
    "--from",
    "sources",
    multiple=True,
    metavar="SOURCE",
    help="A run id, study:NAME, a score id or file, an id of ict inspect or ict causal; more may "
    "follow. Default: all runs.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help=f"FILE.{{{','.join(FORMATS)}}}, FILE.zip for all of them, or a folder for all of them.",
)
@click.option("--style", default="iclr", show_default=True, help=", ".join(STYLES))
@click.option("--span", type=click.Choice(["column", "text"]), help="Of which the width is taken.")
@click.option("--store", "root", metavar="DIR", help="The store; default: $ICT_STORE.")
@click.option("--task", help="Only runs and scores of this task.")
@click.option(
    "--metric",
    help="curves: train_accuracy, val_accuracy, train_loss, lr, …; parallel: test_accuracy, train_seconds, …",
)
@click.option(
    "--smooth",
    default=1,
    type=NUMBER,
    help="curves: weight of what was before, below 1, in a moving average; from 1 on, the mean of so many "
    "last epochs.",
)
@click.option("--x", default="epoch", type=click.Choice(ALONG), help="curves: along what.")
@click.option("--log/--no-log", default=False, help="curves: y on a logarithmic axis.")
@click.option("--xlim", metavar="LOW:HIGH", help="curves: ends of the x axis, in its unit.")
@click.option("--ylim", metavar="LOW:HIGH", help="curves: ends of the y axis, in its unit.")
@click.option("--colour", metavar="FIELD", help="curves: colours by this field of the runs.")
@click.option("--fields", metavar="FIELD[,FIELD…]", help="parallel: which axes, in their order.")
@click.option(
    "--view",
    default="z",
    show_default=True,
    type=click.Choice(["raw", "z", "rank", "log"]),
    help="score-map: scores as they are, z or rank in their block, log10.",
)
@click.option(
    "--beside", metavar="SOURCE", help="score-map: a run or scores whose map has the same colours."
)
@click.option("--site", help="Where channels are read; default: where a run's were.")
@click.option("--block", type=Whole(0), help="Counted over all stages, from 0.")
@click.option("--channel", type=Whole(0))
@click.option("--k", metavar="K[,K…]", help="Marked channels of a block, of each stage.")
@click.option(
    "--ratio", type=NUMBER, default=RATIO, show_default=True, help="K/D where no run says it."
)
@click.option(
    "--selector",
    "--order",
    "order",
    default="own",
    show_default=True,
    type=click.Choice(["own", *SELECTORS]),
    help="What is marked: a run's own choice, else the top K; or another selector.",
)
@click.option("--set", metavar="NAME", help="Mark a saved set of channels.")
@click.option(
    "--value",
    default="kuncheva",
    show_default=True,
    type=click.Choice(["kuncheva", "overlap", "jaccard", "ratio_to_ceiling"]),
    help="overlap: what the cells show.",
)
@click.option("--pair", nargs=2, metavar="TASK TASK", help="Figures of a pair: which tasks.")
@click.option(
    "--ceiling/--no-ceiling", default=True, help="overlap: the noise ceiling, if it can be."
)
@click.option(
    "--measure",
    default="spearman",
    show_default=True,
    type=click.Choice(["spearman", "top-k"]),
    help="agreement.",
)
@click.option("--criterion", help="score-effect: by which criterion; default: the first.")
@click.option("--against", help="agreement-lines: with which criterion; default: the first.")
@click.option(
    "--norm",
    type=click.Choice(NORMS),
    help="first-step: of which step; default: both side by side.",
)
@click.option(
    "--average",
    default="mean_of_tasks",
    show_default=True,
    type=click.Choice(["mean_of_tasks", "mean_of_groups"]),
    help="benchmark, parameters.",
)
@click.option(
    "--outcome",
    type=click.Choice(OUTCOMES),
    help="compare: of what the differences are; default: what a study declares, else accuracy.",
)
@click.option("--published/--no-published", default=True, help="benchmark, parameters.")
@click.option("--force", is_flag=True, help="Overwrite files that are there.")
def figure(
    name: str,
    *,
    more: tuple[str, ...],
    sources: tuple[str, ...],
    out: Path,
    style: str,
    span: Any,
    root: str | None,
    force: bool,
    as_json: bool,
    **choice: Any,
) -> None:
    """Draws the figure NAME from runs, studies or scores, at its true size for a venue.

    Without Chrome there is no PDF, SVG or PNG; --out fig.html, .csv and .tex need none.
    """
    get_style(style)
    kind = _kind(out)
    found = look_up([*sources, *more], _existing(root))
    drawn = bundle(name, found, Choice(**{**choice, "k": _ks(choice["k"])}))
    if kind == "zip":
        files = {out: export_all([drawn], style)}
    elif kind is not None:
        files = {out: _one(export(drawn, style, (kind,), span=span))}
    else:
        files = {out / each: content for each, content in export(drawn, style, span=span).items()}
    _write(files, force=force)
    if drawn.left_out:
        click.echo(f"ict: {drawn.left_out}", err=True)
    document = {
        **provenance(drawn, style, span, kind or "zip"),
        "path": str(out),
        "paths": [str(path) for path in files],
    }
    emit(document, as_json=as_json, text="\n".join(map(str, files)) + f"\n{drawn.caption_text}")


@command("report")
@click.argument("study")
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--force", is_flag=True, help="Overwrite the file if it is there.")
def report(study: str, *, out: Path, force: bool, as_json: bool) -> None:
    """One self-contained page of STUDY: what was run, figures, tables, differences, provenance."""
    from ict.figures.report import study_report

    page = study_report(study.removeprefix("study:"), Store())
    _write({out: page.encode()}, force=force)
    emit({"study": study, "path": str(out), "bytes": len(page)}, as_json=as_json, text=str(out))


def _existing(root: str | None) -> Store:
    store = Store(root)
    if root is not None and not store.root.is_dir():
        raise InputError(f"--store {root}: no such folder")
    return store


def _ks(text: str | None) -> tuple[int, ...] | None:
    """`24` or, one a stage, `12,24,48,96`."""
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and len(part) <= 9 for part in parts):
        raise InputError(f"--k {quoted(text)}: give a whole number, or one a stage with commas")
    return tuple(int(part) for part in parts)


def _kind(out: Path) -> str | None:
    """The format that the ending of `out` says; None for a folder. Raises InputError for others."""
    ending = out.suffix.lstrip(".")
    if out.is_dir() or not ending:
        return None
    if ending not in (*FORMATS, "zip"):
        allowed = ", ".join(f".{kind}" for kind in (*FORMATS, "zip"))
        raise InputError(f"{out}: the ending says the format; choose {allowed}, or name a folder")
    return ending


def _one(files: dict[str, bytes]) -> bytes:
    """The only file of an export; the sentence on a missing Chrome is an error here."""
    if MISSING in files:
        raise InputError(files[MISSING].decode().strip())
    return next(iter(files.values()))


def _write(files: dict[Path, bytes], *, force: bool) -> None:
    """Writes all or nothing where a file is in the way; each file whole."""
    there = [path for path in files if path.exists()]
    if there and not force:
        raise InputError(f"{there[0]} is there already; overwrite it with --force")
    for path, content in files.items():
        write_output(path, content)


COMMANDS = {"figure": figure, "report": report}
