"""All channels of a score file, sorted and searched: `ict channels`."""

from typing import Any

import click

from ict.analysis.channel_search import Search, matches
from ict.analysis.channel_table import SORTS, ChannelTable
from ict.analysis.channel_table_files import table_of_file
from ict.catalogue import RATIO
from ict.cli.common import NUMBER, Whole, command, emit, table
from ict.cli.select import score_path
from ict.store.store import Store

_COLUMNS = ("selectivity", "class_share", "tasks", "difference")


@command("channels")
@click.argument("score")
@click.option(
    "--sort",
    default="z",
    show_default=True,
    type=click.Choice(tuple(SORTS)),
    help="; ".join(f"{name}: {words.lower()}" for name, words in SORTS.items()),
)
@click.option("--reverse", is_flag=True, help="The last first.")
@click.option("--top", default=20, show_default=True, type=Whole(1), help="So many rows.")
@click.option("--k", type=Whole(1), multiple=True, help="K of the choice, or one for each stage.")
@click.option("--ratio", type=NUMBER, help=f"K as a share of the width; {RATIO} by default.")
@click.option("--site")
@click.option("--against", metavar="SCORE", help="B: another score, whose z is taken off.")
@click.option("--block", "blocks", type=Whole(0), multiple=True, help="These blocks alone.")
@click.option("--find", default="", metavar="TEXT", help="Such as `b3 c17`, `block 3`, `c 4-9`.")
@click.option("--chosen", "chosen_only", is_flag=True, help="Channels of the choice alone.")
def channels(
    score: str,
    *,
    sort: str,
    reverse: bool,
    top: int,
    k: tuple[int, ...],
    ratio: float | None,
    site: str | None,
    against: str | None,
    blocks: tuple[int, ...],
    find: str,
    chosen_only: bool,
    as_json: bool,
) -> None:
    """Every channel of every block of SCORE (a score id or file): sorted, searched, against another score.

    selectivity: (highest class − mean of the others) / their sum, of root mean square activations (Morcos et
    al. 2018); class_share: what of the variance between images the classes explain; tasks: in how many tasks'
    K highest it is; difference: z in its block, here − in --against.
    """
    search = Search.of(find, within=blocks, chosen_only=chosen_only)
    found = table_of_file(
        score_path(score),
        Store(),
        site=site,
        k=list(k) or None,
        ratio=RATIO if ratio is None and not k else ratio,
        against=None if against is None else score_path(against),
    )
    places = matches(found, search, found.order(sort, reverse=reverse))
    rows = [found.row(place).to_dict() for place in places[:top]]
    document = {"sort": sort, "channels": len(places), "of_tasks": found.of_tasks,
                "lacking": dict(found.lacking), "rows": rows}  # fmt: skip
    emit(document, as_json=as_json, text=_text(found, rows, len(places)))


def _text(found: ChannelTable, rows: list[dict[str, Any]], many: int) -> str:
    told = [name for name in _COLUMNS if name not in found.lacking]
    shown = ["block", "channel", "score", "z", "rank", "chosen", *told]
    lines = [table(rows, shown), "", f"{len(rows)} of {many:,} channels"]
    lines += [f"no {name}: {found.lacking[name]}" for name in _COLUMNS if name not in told]
    return "\n".join(lines)


COMMANDS = {"channels": channels}
