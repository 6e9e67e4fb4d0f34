"""*Overlap*, below: one pair of tasks, block by block, at every K, with more images."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import streamlit as st

from ict.analysis.growth import growth_rows, kept_growth_rows
from ict.analysis.overlap import at_every_k
from ict.analysis.overlap_row import CeilingRow, OverlapRow
from ict.analysis.pair_ratios import pair_ratios
from ict.analysis.ranks import shared_channels
from ict.analysis.sources import lacking_sums
from ict.analysis.sources import open_source as open_sums
from ict.catalogue import SITE
from ict.documents.score_record import ScoreRecord
from ict.figures import findings, overlap_against_n, overlap_at_k, overlap_lines
from ict.figures.asked import Choice, Request
from ict.store import Store
from ict_app.common import address, plot, readers, shell, sources, words
from ict_app.common.controls import block_input
from ict_app.common.terms import help_of

LOOKS = {"blocks": "By block", "ks": "At every K", "images": "More images"}
Rows = Sequence[OverlapRow]


def has_ceiling(rows: Rows) -> bool:
    return any(isinstance(row, CeilingRow) for row in rows)


def ids_of(files: Sequence[ScoreRecord]) -> list[str]:
    return [one.score_id for one in files]


def draw(
    shown: Store, rows: Rows, files: Sequence[ScoreRecord], *, site: str, ratio: float
) -> None:
    """One pair: block by block, at every K, with more images; the channels shared in one block."""
    tasks = [str(one.task) for one in files]
    first, second, third = st.columns([2, 2, 1])
    a = address.select("Task", tasks, key="task_a", place=first)
    others = [task for task in tasks if task != a]
    b = address.select("and task", others, key="task_b", noun="other task", place=second)
    own = [row for row in rows if set(row.pair) == {a, b}]
    block = block_input(len(own) - 1, third)
    two = [next(one for one in files if one.task == task) for task in (a, b)]
    told = findings.of_pair(pair_ratios(own)[0])
    st.markdown(f"{words.plain(_both(two))}: {words.plain(told)}.")
    tabs = address.tabs(LOOKS, key="pair_as")
    k = own[block].k
    if tabs["blocks"].open:
        with tabs["blocks"]:
            shown_as = Choice(site=site, ratio=ratio, ceiling=has_ceiling(rows), pair=(a, b))
            _by_block(own, Request("overlap-lines", ids_of(files), shown_as), _both(two))
    if tabs["ks"].open:
        with tabs["ks"]:
            _at_every_k(shown, two, site, block, k)
    if tabs["images"].open:
        with tabs["images"]:
            _with_more_images(shown, two, Choice(site=site, ratio=ratio), told)
    st.markdown(f"**Block {block}: {own[block].overlap} of {k} channels are shared**")
    ids = ids_of(two)
    st.dataframe(
        shared(shown, ids[0], ids[1], block, k), hide_index=True, placeholder="", height=240,
        column_config={
            name: st.column_config.Column(f"rank in {task}", help=help_of("rank"))
            for name, task in (("a", a), ("b", b))
        },
    )  # fmt: skip
    both = {"of": ids[0], "with": ids[1], "block": block}
    address.link("channels", "Both maps in Channels", icon="grid_on", **both)


def _by_block(own: Rows, request: Request, both: str) -> None:
    plot.draw(
        plot.once(overlap_lines, own, seen=tuple(own), theme=shell.theme()), "overlap-by-block",
        f"Channels that {both} share, by block", request=request,
    )  # fmt: skip


def _at_every_k(shown: Store, two: Sequence[ScoreRecord], site: str, block: int, k: int) -> None:
    one, other = (sources.open_source(shown, record.score_id, site) for record in two)
    curve = at_every_k(one.row(block), other.row(block))
    plot.draw(
        overlap_at_k({_both(two): curve}, k=k, theme=shell.theme()), "overlap-at-k",
        f"Channels of block {block} that {_both(two)} share, for every K",
        request=Request("overlap-at-k", ids_of(two), Choice(site=site, block=block, k=(k,))),
    )  # fmt: skip
    st.caption(
        f"It shows block {block}: an overlap that stands above chance at every K does not hang on where "
        "the cut is made. It cannot show noise; *By block* holds it against halves of the images."
    )


def _with_more_images(
    shown: Store, two: Sequence[ScoreRecord], how: Choice, against_noise: str
) -> None:
    """On request, and kept: it scores 20 draws of each number of images.

    `against_noise` says what the noise ceiling tells of the pair: of noise nothing else is said.
    """
    site, ratio = how.site or SITE, how.ratio
    rows = kept_growth_rows(in_files(shown, two), site=site, ratio=ratio, store=shown)
    if rows is None and (lacking := without_sums(two, site)):
        st.caption(f"Not known: {lacking}.")
        return
    if rows is None:
        if not st.button("Draw fewer images 80 times", icon=":material/casino:"):
            st.caption("A sixteenth to a half of the images, 20 draws each; kept in the store.")
            return
        with st.spinner("Drawing …"):
            rows = growth_rows(
                *(open_sums(Path(one.path), site=site) for one in two), ratio=ratio,
                store=None if readers.is_example(shown) else shown,
            )  # fmt: skip
    plot.draw(
        overlap_against_n({_both(two): rows}, theme=shell.theme()), "overlap-against-n",
        f"Overlap of {_both(two)} against the number of images",
        request=Request("overlap-against-n", ids_of(two), how),
    )  # fmt: skip
    st.caption(
        "It shows how the overlap depends on the images that are scored: where it rises to the right, noise "
        "of the scores hides part of it. Whether more than noise keeps the choices apart is what the noise "
        f"ceiling of *By block* tells: {words.plain(against_noise)}. It cannot show more images than there are."
    )


def _both(two: Sequence[ScoreRecord]) -> str:
    return " and ".join(str(one.task) for one in two)


def shared(shown: Store, a: str, b: str, block: int, k: int) -> pd.DataFrame:
    """Channels among the top K of both, with their ranks."""
    one, other = sources.open_source(shown, a), sources.open_source(shown, b)
    both = shared_channels(one.row(block), other.row(block), k)
    return pd.DataFrame(both, columns=["channel", "a", "b"])


def in_files(shown: Store, files: Sequence[ScoreRecord]) -> list[ScoreRecord]:
    """What the score files themselves say: what was made of their sums is kept under that."""
    return [readers.channel_scores(shown, one.score_id).record for one in files]


def without_sums(files: Sequence[ScoreRecord], site: str) -> str | None:
    """Why no ceiling can be computed; None if it can."""
    by_path = {Path(one.path): one.task for one in files}
    path = lacking_sums(by_path, site)
    if path is None:
        return None
    task = by_path[path]
    return f"the scores of {task} keep no sums by image; `ict score {task} --keep-images` does"
