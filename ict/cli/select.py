"""The channels that follow from scores, or from gradients of adapters: `ict select`."""

from pathlib import Path
from typing import Any

import click

from ict.adapter_gradients import AdapterGradients
from ict.catalogue import RATIO
from ict.cli.common import NUMBER, SEED, Whole, command, emit
from ict.criteria.words import ADAPTER_GRADIENT, BUDGETS, NORMS, SELECTORS, UNIFORM, Choice
from ict.documents.names import score_file
from ict.errors import InputError
from ict.scores import load_scores
from ict.selection import select as choose
from ict.selection.by_gradient import select_by_gradient, share_of_bound
from ict.selection.record import BlockSelection, Selection
from ict.selection.sizes import check_budget
from ict.store.names import gradient_file
from ict.store.store import Store

_WORTH = {"unit": "squared length", "sign": "sum of sizes"}


@command("select")
@click.argument("score")
@click.option("--k", type=Whole(1), multiple=True, help="One K, or one for each stage.")
@click.option("--ratio", type=NUMBER)
@click.option("--site")
@click.option(
    "--selector", "--order", default="top", show_default=True, type=click.Choice(SELECTORS)
)
@click.option(
    "--norm",
    default="unit",
    show_default=True,
    type=click.Choice(NORMS),
    help="Of the first step that a gradient selector makes largest.",
)
@click.option(
    "--budget",
    default=UNIFORM,
    show_default=True,
    type=click.Choice(BUDGETS),
    help="K of each block: the same, or for the largest first step in this norm at no more parameters.",
)
@click.option(
    "--energy",
    metavar="SCORE",
    help="For energy_read_gradient_write: whose highest scores are read; SCORE has the gradients.",
)
@click.option("--seed", type=SEED, default=0, show_default=True, help="For selector random.")
def select(
    score: str,
    *,
    k: tuple[int, ...],
    ratio: float | None,
    site: str | None,
    selector: str,
    norm: str,
    budget: str,
    energy: str | None,
    seed: int,
    as_json: bool,
) -> None:
    """Indices of the chosen channels of each block of SCORE (a score id or file)."""
    how = Choice(selector, None)
    size: dict[str, Any] = {"site": site, "k": list(k) or None}
    size["ratio"] = RATIO if ratio is None and not k else ratio
    path, strongest = score_path(score), _energy(energy, how)
    if how.reads_gradient:
        asked = {"selector": selector, "norm": norm, "budget": budget, **size}
        document, text = _by_gradient(path, strongest, **asked)
    else:
        check_budget(budget, selector)
        selection = choose(load_scores(path, kinds=("",)), order=selector, seed=seed, **size)
        document, text = _document(selection), _text(selection)
    emit(document, as_json=as_json, text=text)


def _by_gradient(
    path: Path, energy: Path | None, *, norm: str, budget: str, **asked: Any
) -> tuple[dict[str, Any], str]:
    """What is chosen by the gradients of `path`, and how near it is to an upper bound."""
    gradients = _gradients(path)
    scores = None if energy is None else load_scores(energy, kinds=("",))
    how: dict[str, Any] = {"norm": norm, "budget": budget}
    selection = select_by_gradient(gradients, energy=scores, **how, **asked)
    share = share_of_bound(gradients, selection, norm)
    bound = f"{share:.1%} of an upper bound of the {_WORTH[norm]} of the first step"
    return _document(selection) | how | {"share_of_bound": share}, f"{_text(selection)}\n{bound}"


def _document(selection: Selection) -> dict[str, Any]:
    return {**selection.to_dict(), "adapter_parameters": selection.parameters()}


def _text(selection: Selection) -> str:
    lines = [line for block in selection.blocks for line in _lines(block)]
    if selection.stage_ks() is None:
        ks = " ".join(str(len(block.indices)) for block in selection.blocks)
        lines.append(f"K by block: {ks}; {selection.parameters():,} parameters")
    return "\n".join(lines)


def score_path(score: str) -> Path:
    """The score file or folder that is named by its path, its id, or the beginning of that."""
    path = Path(score)
    return path if path.exists() else Store().find_score(score)


def _energy(energy: str | None, how: Choice) -> Path | None:
    """Whose highest scores are read, where the selector reads both."""
    both = how.reads_gradient and not how.by_gradient_alone
    if both and energy is None:
        raise InputError(
            f"selector {how.selector} needs --energy SCORE: its highest scores are read, and SCORE has the "
            "gradients that say what is written"
        )
    if energy is not None and not both:
        raise InputError(
            f"--energy is for selector energy_read_gradient_write, not {how.selector}; leave it out"
        )
    return None if energy is None else score_path(energy)


def _gradients(path: Path) -> AdapterGradients:
    """The gradients that stand beside a score by criterion adapter_gradient, or in the file itself."""
    folder = path if path.is_dir() else path.parent
    beside = gradient_file(folder)
    if path.is_dir() or path == score_file(folder):
        if not beside.exists():
            raise InputError(
                f"{path} has no gradients of adapters: score the task with --criterion {ADAPTER_GRADIENT}"
            )
        return AdapterGradients.load(beside)
    return AdapterGradients.load(path)


def _lines(block: BlockSelection) -> list[str]:
    """The channels of a block for people: one line, or two where others are written than read."""
    read = " ".join(map(str, block.indices))
    if block.writes is None:
        return [f"block {block.block:2d}: {read}"]
    written = " ".join(map(str, block.writes))
    return [f"block {block.block:2d} reads:  {read}", f"         writes: {written}"]


COMMANDS = {"select": select}
