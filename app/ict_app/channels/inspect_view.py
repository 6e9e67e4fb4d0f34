"""*Inspect*: one channel of one block, over tasks, over classes, in a run's adapter."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from PIL import Image

from ict.figures import class_profile, histogram
from ict.figures.asked import Choice, Request
from ict.figures.draw_inspections import inspection_of
from ict.figures.draw_weights import adapter_weights, weight_bars
from ict.store import Run, Store
from ict.store.inspect_files import DrivingImage, channel_page
from ict.store.run_rows import RunRow
from ict.tasks import limits
from ict_app.common import plot, readers, shell, words
from ict_app.common.controls import linked_select
from ict_app.common.sources import Source


def over_tasks(shown: Store, source: Source, block: int, channel: int) -> list[dict[str, Any]]:
    """Score and rank of the channel in every score file of the same backbone and site."""
    stage, row = source.place(block)
    rows = []
    for meta in readers.scores_of(shown):
        if meta.get("backbone") != source.meta.get("backbone"):
            continue
        scores = readers.channel_scores(shown, meta["score_id"])
        if source.site not in scores.sites:
            continue
        values = scores.site(source.site)[stage][row]
        rank = int((values > values[channel]).sum()) + 1
        rows.append(
            {"task": meta.get("task"), "criterion": meta.get("criterion"), "rank": rank,
             "score": float(values[channel]), "images": meta.get("images"),
             "top share": rank / len(values)}
        )  # fmt: skip
    return sorted(rows, key=lambda found: found["rank"])


def runs_with(shown: Store, source: Source, block: int, channel: int) -> list[RunRow]:
    """Runs whose selection holds the channel."""
    rows = []
    for row in readers.run_rows(shown)[:200]:
        if row.backbone != source.meta.get("backbone") or not row.score_id:
            continue
        picked = readers.selection(Run(shown.runs_dir / row.run_id))
        if picked and any(one.block == block and channel in one.indices for one in picked.blocks):
            rows.append(row)
    return rows


def weights(run: Run, block: int, channel: int) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """What the run's adapter does to the channel: indices (K,), weights into it and out of it (K,)."""
    return _weights(readers.stamp(run.adapter_path), block, channel)


@st.cache_resource(max_entries=200, show_spinner=False)
def _weights(
    of: readers.Stamp, block: int, channel: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    return adapter_weights(Path(of[0]), block, channel)


def draw(shown: Store, source: Source, block: int, channel: int) -> None:
    """All that the store knows of one channel."""
    stage, row = source.place(block)
    scores = source.stages[stage][row]
    rank = int((scores > scores[channel]).sum()) + 1
    users = runs_with(shown, source, block, channel)
    with st.container(horizontal=True, gap="large"):
        st.metric("Score", f"{scores[channel]:.4g}", width="content")
        st.metric("Rank in its block", f"{rank} of {len(scores)}", width="content")
        st.metric("Tuned by", words.runs(len(users)), width="content")
    st.page_link(
        shell.path("inspect"), label="Link to this channel", icon=":material/link:",
        query_params={"of": source.key, "block": str(block), "channel": str(channel)},
    )  # fmt: skip
    left, right = st.columns(2)
    theme, here = shell.theme(), Choice(site=source.site, block=block, channel=channel)
    with left:
        if (values := source.by_class(block)) is not None:
            plot.draw(
                class_profile(values[:, channel], source.meta.get("class_names"),
                              unit=source.class_unit, theme=theme),
                "class-profile", f"Score of channel {channel} for each class",
                request=Request("class-profile", [source.key], here),
            )  # fmt: skip
    with right:
        figure = histogram(
            scores, unit="score", what="channels", mark=float(scores[channel]), theme=theme
        )
        plot.draw(figure, "score-histogram", f"Scores of block {block}, this channel marked",
                  request=Request("score-histogram", [source.key], here))  # fmt: skip
    driving(shown, source, block, channel)
    st.subheader("Over tasks and criteria", anchor=False)
    st.dataframe(
        over_tasks(shown, source, block, channel), hide_index=True, placeholder="", height="content",
        column_config={
            "score": st.column_config.NumberColumn(format="%.4g"),
            "top share": st.column_config.ProgressColumn("in the top", format="percent"),
        },
    )  # fmt: skip
    _adapter(shown, users, block, channel)


def driving(shown: Store, source: Source, block: int, channel: int) -> None:
    """The images that drive the channel most, with where in the image; its activations."""
    st.subheader("Images that drive it most", anchor=False)
    found = inspection_of(shown, source)
    if found is None:
        st.caption("Not computed yet. This finds them, for all channels, in one pass:")
        command = f"ict inspect {source.task} --backbone {source.meta.get('backbone')}"
        st.code(command, language="bash")
        return
    page = channel_page(found, block, channel)
    task = words.plain(found.meta.get("task"))
    left = limits.words(found.meta.get("limit"), found.meta.get("limit_rule") or limits.FIRST)
    with st.container(horizontal=True, gap="small"):
        for image in page.images:
            st.image(_overlaid(image), width=100, caption=f"class {image.label}",
                     alt=f"Image {image.index} of {task}{left}, class {image.label}, with the channel's map")  # fmt: skip
    st.caption(
        f"Images of {task}{left}, by the channel's energy over all tokens; bright is where it is strong. "
        "They show what the channel responds to on this task, not what it causes."
    )
    plot.draw(
        histogram(page.histogram, edges=page.edges, unit="activation", what="tokens", theme=shell.theme()),
        "activation-histogram", "Activations of the channel over all tokens",
        request=Request("activation-histogram", [found.path.name], Choice(block=block, channel=channel)),
    )  # fmt: skip


def _overlaid(image: DrivingImage) -> Image.Image:
    """The picture, dark where the channel is weak."""
    picture = (
        Image.open(io.BytesIO(image.webp), formats=("WEBP",)).convert("RGB").resize((224, 224))
    )
    low, high = float(image.map.min()), float(image.map.max())
    light = (image.map - low) / (high - low or 1.0)
    mask = Image.fromarray((255 * light).astype(np.uint8)).resize(
        picture.size, Image.Resampling.BILINEAR
    )
    dark = Image.eval(picture, lambda value: value // 4)
    return Image.composite(picture, dark, mask)


def _adapter(shown: Store, users: list[RunRow], block: int, channel: int) -> None:
    """The weights that a run learned around the channel."""
    st.subheader("In an adapter", anchor=False)
    labels = {row.run_id: words.run_label(row) for row in users}
    if not labels:
        st.caption("No finished run tunes this channel.")
        return
    run_id = linked_select("Run", labels, "tuned_by")
    found = weights(shown.run(run_id), block, channel)
    if found is None:
        st.caption("Its adapter file is not in the store, or does not name this block.")
        return
    indices, into, out = found
    columns = st.columns(2)
    for column, values, way in ((columns[0], into, "into"), (columns[1], out, "out")):
        with column:
            plot.draw(
                weight_bars(indices, values, way, theme=shell.theme()), f"weights-{way}",
                f"Weights {way} of this channel, by other channel",
                request=Request(f"weights-{way}", [run_id], Choice(block=block, channel=channel)),
            )  # fmt: skip
