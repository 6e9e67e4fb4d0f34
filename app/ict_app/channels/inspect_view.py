"""*Inspect*: one channel of one block, over tasks, over classes, in a run's adapter."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import streamlit as st

from ict.analysis.ranks import Standing, rank_of, standing
from ict.documents.number_words import number_words
from ict.figures import class_profile, histogram
from ict.figures.asked import Choice, Request
from ict.figures.draw_weights import weight_bars
from ict.figures.sources import chosen_in_block
from ict.store import Run, Store
from ict.store.adapter_files import ChannelWeights, channel_weights
from ict_app.channels import images_view, walk_view
from ict_app.common import address, plot, readers, shell, words
from ict_app.common.controls import place
from ict_app.common.sources import Source
from ict_app.common.terms import help_of


def over_tasks(shown: Store, source: Source, block: int, channel: int) -> list[Standing]:
    """Score and rank of the channel in every score file of the same backbone and site, best first."""
    stage, row = source.place(block)
    standings = []
    for record in readers.scores_of(shown):
        if record.backbone != source.record.backbone:
            continue
        scores = readers.channel_scores(shown, record.score_id)
        if source.site in scores.sites:
            standings.append(standing(scores.site(source.site)[stage][row], channel, record))
    return sorted(standings, key=lambda one: one.rank)


def runs_with(shown: Store, source: Source, block: int, channel: int) -> dict[str, str]:
    """Labels of the runs whose selection holds the channel, by id."""
    rows = readers.run_rows(shown)
    labels, names = {}, readers.run_names(rows)
    for row in rows[:200]:
        if row.backbone == source.record.backbone and row.score_id:
            chosen = readers.selection(Run(shown.runs_dir / row.run_id))
            if chosen is not None and channel in chosen_in_block(chosen, block):
                labels[row.run_id] = names[row.run_id]
    return labels


@st.cache_resource(max_entries=200, show_spinner=False)
def _weights(of: readers.Stamp, block: int, channel: int) -> ChannelWeights | None:
    return channel_weights(Path(of[0]), block, channel)


def draw(shown: Store, source: Source) -> None:
    """All that the store knows of the channel that was chosen."""
    bar = st.container(horizontal=True, vertical_alignment="bottom")
    block, channel = place(source, bar)
    scores = source.row(block)
    rank = rank_of(scores, channel)
    walk_view.draw(shown, source, (block, channel), bar)
    users = runs_with(shown, source, block, channel)
    with st.container(horizontal=True, gap="large"):
        st.metric(
            "Score",
            number_words(scores[channel], ".4g"),
            width="content",
            help=help_of("score"),
        )
        st.metric(
            "Rank in its block", f"{rank} of {len(scores)}", width="content", help=help_of("rank")
        )
        st.metric("Tuned by", words.runs(len(users)), width="content")
    address.link("inspect", "Link to this channel", icon="link", of=source.key, block=block,
                 channel=channel)  # fmt: skip
    left, right = st.columns(2)
    theme, looked_at = shell.theme(), Choice(site=source.site, block=block, channel=channel)
    with left:
        if (values := source.by_class(block)) is not None:
            plot.draw(
                class_profile(values[:, channel], source.record.class_names or None,
                              unit=source.class_unit, theme=theme),
                "class-profile", f"Score of channel {channel} for each class",
                request=Request("class-profile", [source.key], looked_at),
            )  # fmt: skip
    with right:
        figure = histogram(
            scores, unit="score", what="channels", mark=float(scores[channel]), theme=theme
        )
        plot.draw(figure, "score-histogram", f"Scores of block {block}, this channel marked",
                  request=Request("score-histogram", [source.key], looked_at))  # fmt: skip
    images_view.draw(shown, source, block, channel)
    st.subheader("Over tasks and criteria", anchor=False)
    standings = over_tasks(shown, source, block, channel)
    if sentence := words.unlike_images({str(one.task): one.images for one in standings}):
        st.caption(sentence)
    names = readers.score_names(readers.scores_of(shown))
    table = pd.DataFrame(standings).drop(columns=["task", "criterion"])
    st.dataframe(
        table.assign(score_id=table["score_id"].map(names)), hide_index=True, placeholder="",
        height="content",
        column_config={
            "score_id": "scores",
            "score": st.column_config.NumberColumn(format="%.4g", help=help_of("score")),
            "rank": st.column_config.NumberColumn(help=help_of("rank")),
            "stronger_than": st.column_config.ProgressColumn(
                "stronger than", format="percent", min_value=0, max_value=1,
                help=help_of("stronger than"),
            ),
        },
    )  # fmt: skip
    _adapter(shown, users, block, channel)


def _no_weights(run: Run) -> str:
    """Why nothing is drawn of a run's adapter, and what to do."""
    if run.adapter_path.is_file():
        return "The adapter file of this run says nothing of this channel: choose another run."
    return (
        f"{words.plain(run.adapter_path.name)} of this run was left behind: choose another run, copy the file "
        f"from the store that the run is from, or `ict remove {run.id}` and ask for the run again."
    )


def _adapter(shown: Store, users: Mapping[str, str], block: int, channel: int) -> None:
    """The weights that a run learned around the channel."""
    st.subheader("In an adapter", anchor=False)
    if not users:
        st.caption("No finished run tunes this channel.")
        return

    def weights_of(run_id: str) -> ChannelWeights | None:
        return _weights(readers.stamp(shown.run(run_id).adapter_path), block, channel)

    having = next((run_id for run_id in users if weights_of(run_id) is not None), None)
    run_id = address.select("Run", users, key="tuned_by", default=having, moving=True)
    weights = weights_of(run_id)
    if weights is None:
        st.info(_no_weights(shown.run(run_id)), icon=":material/folder_off:")
        return
    for column, way in zip(st.columns(2), ("into", "out"), strict=True):
        with column:
            if (around := weights.of(way)) is None:
                st.caption(
                    f"The adapter does not {'write' if way == 'into' else 'read'} this channel."
                )
                continue
            plot.draw(
                weight_bars(*around, way, theme=shell.theme()), f"weights-{way}",
                f"Weights {way} of this channel, by other channel",
                request=Request(f"weights-{way}", [run_id], Choice(block=block, channel=channel)),
            )  # fmt: skip
