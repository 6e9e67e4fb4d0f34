"""The map of scores, the what-if slider, one block and one channel, and two sources compared."""

import json
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import cast

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from ict.analysis.overlap_row import OverlapRow, mean_index, of_selections
from ict.analysis.ranks import rank_of
from ict.documents.number_words import number_words
from ict.figures import Theme, block_profile, caption_of, class_profile, overlap_lines
from ict.figures.asked import Choice, Order, Request
from ict.figures.maps import View, plain_map, with_marks
from ict.figures.sources import chosen_in_block
from ict.selection import Selection, resolve_k
from ict.store import Store
from ict_app.channels import all_channels_view, marking, sets_view, sums_view
from ict_app.channels.marking import Marking
from ict_app.common import address, plot, readers, shell, words
from ict_app.common.controls import place
from ict_app.common.sources import (
    Box,
    Boxed,
    Source,
    boxed,
    chosen,
    comparable,
    default_ks,
    marks,
    open_source,
)
from ict_app.common.terms import help_of
from ict_app.jobs import forms
from ict_app.jobs.forms import Begin

VIEWS: dict[View, str] = {"raw": "raw", "z": "z in block", "rank": "rank", "log": "log"}
DRAGS = {"zoom": "zooms in", "select": "draws a box"}
CLICKS = {"open": "opens its page", "stay": "shows it below"}


@st.cache_resource(max_entries=200, show_spinner=False)
def _map(
    _source: Source,
    _picked: Selection,
    _beside: Source | None,
    of: tuple[readers.Stamp, readers.Stamp | None],
    picked: str,
    look: tuple[str, View, str, Theme],
) -> go.Figure:
    """The map; cached by the score file and the one beside it, the chosen channels as text, and (site, view, drag, theme)."""
    site, view, drag, theme = look
    plain = plot.once(_plain_map, _source, _beside, seen=(of, site), view=view, theme=theme)
    figure = with_marks(
        plain, _source.stages, marks(_source, _picked), marks(_source, _picked, written=True)
    )
    # with dragmode select a click selects nothing, so boxes are drawn only when asked for
    return plot.kept(figure.update_layout(uirevision=f"{of[0][0]}{site}", dragmode=drag))


def _plain_map(source: Source, beside: Source | None, *, view: View, theme: Theme) -> go.Figure:
    """What every K has in common."""
    return plain_map(
        source.stages, view=view, theme=theme, criterion=source.criterion,
        beside=beside.stages if beside else (),
    )  # fmt: skip


def draw(source: Source, other_key: str | None, root: str) -> None:
    """Everything below the choice of the source; a fragment, so that a slider moves only this."""
    _open_clicked(source)
    sets = sets_view.fitting(source)
    view, ks, order = _controls(source, with_sets=bool(sets))
    how = Choice(site=source.site, k=ks, order="own" if order == "set" else order)
    if order == "set":
        picked, name = sets_view.choose(sets)
        how = replace(how, set=name)
    else:
        picked = chosen(source, ks, order)
    other = _open_other(other_key, source, root)
    theirs_order: Order = "top" if order == "set" else order
    theirs = chosen(other, ks, theirs_order) if other and other.widths == source.widths else None
    rows = of_selections((source.task, other.task), picked, theirs) if other and theirs else []
    _numbers(source, picked, rows)
    _draw_map("map", source, picked, replace(how, view=view), other if theirs else None)
    st.caption(f"Scores: {words.plain(source.origin())}.")
    if other and theirs:
        st.caption(f"Against **{words.plain(other.label)}**")
        images = {one.label: one.record.images for one in (source, other)}
        if sentence := words.unlike_images(images):
            st.caption(sentence)
        theirs_how = replace(how, view=view, order=theirs_order, set=None)
        _draw_map("map_other", other, theirs, theirs_how, source)
        plot.draw(
            plot.once(overlap_lines, rows, seen=tuple(rows), theme=shell.theme()), "shared-channels",
            "Shared channels by block, with the chance band",
            request=Request("shared-channels", [source.key, other.key], how),
        )  # fmt: skip
    sets_view.draw(source, picked, _box(source, picked), how.set)
    all_channels_view.draw(Store(root), source, picked, ks, other if theirs else None)
    _one_channel(source, picked, other if theirs else None, how)
    sums_view.draw(Store(root), source, picked, how)


def start_more(source: Source) -> None:
    """Below the page: other scores of this task, and the check of these."""
    record = source.record
    begin = Begin(
        task=record.task,
        backbone=str(record.backbone),
        criteria=[source.criterion],
        site=source.site,
    )
    forms.folded(forms.SCORE, forms.score, "score", begin)
    forms.folded(forms.CAUSAL, forms.causal, "causal", begin)


def _open_clicked(source: Source) -> None:
    """Goes to the page of the channel whose mark, or row of the table, was clicked."""
    if clicked := st.session_state.pop("clicked", None):
        address.go("inspect", of=source.key, at=address.said("at"), **clicked)


def _open_other(key: str | None, source: Source, root: str) -> Source | None:
    if not key or key == "nothing":
        return None
    other = open_source(Store(root), key, source.site)
    if trouble := comparable(source, other):
        st.warning(trouble, icon=":material/compare_arrows:")
        return None
    return other


def _controls(source: Source, *, with_sets: bool) -> tuple[View, tuple[int, ...], Marking]:
    bar = st.container(horizontal=True, gap="small")
    view = cast(View, address.segmented(
        "Colour", VIEWS, key="view", default="z", place=bar,
        help="z and rank are within each block: norms grow with depth.",
    ))  # fmt: skip
    orders = marking.orders(source, with_sets=with_sets)
    order = cast(Marking, address.segmented(
        "Marked", orders, key="order", place=bar, noun="marking",
        help="What is marked on the map at this K. Nothing is trained again.",
    ))  # fmt: skip
    address.segmented("Dragging", DRAGS, key="drag", place=bar)
    address.segmented("A click on a mark", CLICKS, key="click", place=bar)
    default = default_ks(source)
    if len(source.widths) == 1:
        width = source.widths[0]
        label = f"K, channels of {width} in each block"
        return (
            view,
            (address.slider(label, 1, width, key="k", default=default[0], noun="K"),),
            order,
        )
    ratios, own = marking.ratios(source)
    ratio = address.select_slider(
        "K/D, share of the channels in each block", ratios, key="kd", default=own, noun="K/D"
    )
    return view, resolve_k(source.widths, k=None, ratio=float(Fraction(ratio))), order


def _numbers(source: Source, picked: Selection, rows: Sequence[OverlapRow]) -> None:
    channels = sum(len(block.indices) for block in picked.blocks)
    total = sum(block.width for block in picked.blocks)
    cells: list[tuple[str, str, str | None]] = [
        ("Chosen channels", f"{channels:,} of {total:,}", help_of("score")),
        (
            "Adapter parameters",
            words.count(picked.parameters()),
            "|R|·|S| + |S| in each block, of R that it reads and S that it writes: K² + K of one set.",
        ),
    ]
    if rows:
        shared = sum(row.overlap for row in rows)
        floor = sum(row.floor for row in rows)
        cells += [
            ("Shared by the two", f"{shared:,} of {channels:,}", None),
            ("By chance", f"{floor:,.0f}", help_of("chance")),
            ("Kuncheva's index", number_words(mean_index(rows), ".2f"), help_of("kuncheva")),
        ]  # fmt: skip
    with st.container(horizontal=True, gap="large"):
        for label, value, note in cells:
            st.metric(label, value, help=note, width="content")


def _draw_map(
    key: str, source: Source, picked: Selection, how: Choice, beside: Source | None
) -> None:
    """One map, with the colours of the other one where two are compared."""
    how = replace(how, beside=beside.key if beside else None)
    names = json.dumps([[block.indices, block.writes] for block in picked.blocks])
    drag = st.session_state.get("drag", "zoom")
    figure = _map(
        source, picked, beside, (source.stamp, beside.stamp if beside else None), names,
        (source.site, how.view, drag, shell.theme()),
    )  # fmt: skip
    plot.draw(
        figure, "score-map", f"Scores of {source.blocks} blocks by channel of {source.label}, chosen "
        "ones marked", key=key, request=Request("score-map", [source.key], how),
        on_select=_followed, selection_mode=("points", "box"),
    )  # fmt: skip
    st.caption(words.plain(caption_of(figure)))
    if not any(trace.type == "scatter" for trace in figure.data):
        st.caption("So many are chosen that single marks are left out; the numbers above hold.")


def _followed() -> None:
    """A click on a mark selects that block and channel everywhere, and opens its page if so wished."""
    for key in ("map", "map_other"):
        if values := plot.clicked(key):
            place = {"block": int(values[3]), "channel": int(values[2])}
            if st.session_state.get("click", "open") == "open":
                st.session_state["clicked"] = place
            else:
                address.put(**place)
            return


def _box(source: Source, picked: Selection) -> list[Boxed]:
    """The channels inside the boxes that were drawn on the map, which are shown to be kept."""
    boxes = st.session_state.get("map", {}).get("selection", {}).get("box", [])
    if not boxes:
        st.caption(
            "A click on a mark follows that channel; drawn boxes list what lies in them. "
            "High scores say that a channel is strong on these images, not that tuning it helps."
        )
        return []
    marked = {(block.block, channel) for block in picked.blocks for channel in block.indices}
    inside = [one for box in boxes for one in boxed(source, Box.drawn(box), marked)]
    with st.container(border=True):
        st.markdown(f"**{len(inside):,} channels in the box**")
        st.dataframe(pd.DataFrame(inside), hide_index=True, height=240, key="boxed", placeholder="",
                     column_config={"score": st.column_config.NumberColumn(format="%.4g", help=help_of("score"))})  # fmt: skip
    return inside


def _chosen_words(picked: Selection, block: int, channel: int) -> str:
    """Whether the choice holds a channel, or reads or writes it where these are two sets."""
    one = next((b for b in picked.blocks if b.block == block), None)
    if one is None or channel not in {*one.indices, *one.written}:
        return "not chosen"
    if one.writes is None:
        return "**chosen**"
    read, written = channel in one.indices, channel in one.written
    return "**read and written**" if read and written else "**read**" if read else "**written**"


def _one_channel(source: Source, picked: Selection, other: Source | None, how: Choice) -> None:
    """The selected block sorted, and the selected channel over the classes."""
    st.subheader("Block and channel", anchor=False)
    block, channel = place(source)
    scores = source.row(block)
    rank = rank_of(scores, channel)
    st.markdown(
        f"score **{number_words(scores[channel], '.4g')}**, rank **{rank}** of {len(scores)}, "
        + _chosen_words(picked, block, channel)
    )
    address.link("inspect", "Inspect this channel", icon="frame_inspect", of=source.key,
                 at=address.said("at"), block=block, channel=channel)  # fmt: skip
    left, right = st.columns(2)
    theme, seen = shell.theme(), (source.stamp, source.site, block)
    k = len(chosen_in_block(picked, block))
    with left:
        plot.draw(
            plot.once(block_profile, scores, k, seen=(seen, k), theme=theme, criterion=source.criterion),
            "block-profile", f"Scores of block {block}, sorted, with the cut at K",
            request=Request("block-profile", [source.key], replace(how, block=block)),
        )  # fmt: skip
    if (values := source.by_class(block)) is not None:
        with right:
            plot.draw(
                plot.once(class_profile, values[:, channel], source.record.class_names or None,
                          seen=(seen, channel), unit=source.class_unit, theme=theme),
                "class-profile", f"Score of channel {channel} of block {block} for each class",
                request=Request("class-profile", [source.key],
                                Choice(site=source.site, block=block, channel=channel)),
            )  # fmt: skip
    else:
        right.caption(f"{source.criterion} has no score for single classes.")
    if other is not None:
        theirs = other.row(block)
        standing = rank_of(theirs, channel)
        st.caption(
            f"In {words.plain(other.label)}: score {number_words(theirs[channel], '.4g')}, rank {standing}."
        )
