"""*Inspect*: images of high, middle and low energy of a channel, each beside where it is active in it."""

import io
from collections.abc import Sequence

import numpy as np
import streamlit as st
from PIL import Image

from ict.figures import histogram
from ict.figures.asked import Choice, Request
from ict.figures.draw_inspections import inspection_of
from ict.figures.heat import coloured
from ict.store import Store
from ict.store.inspect_files import ChannelPage, DrivingImage, Inspection, channel_page
from ict.tasks import limits
from ict_app.common import plot, shell, words
from ict_app.common.sources import Source
from ict_app.jobs import lines, view

SIDE = 96  # pixels: what is kept of an image


def draw(shown: Store, source: Source, block: int, channel: int) -> None:
    """The images with their maps, and the channel's activations over all tokens."""
    st.subheader("Images by how much they drive it", anchor=False)
    inspection = inspection_of(shown, source)
    if inspection is None:
        task = words.plain(source.task)
        st.caption(f"No images of {task} yet. This finds them, for all channels, in one pass:")
        words_ = lines.inspected(source.record, source.site)
        view.offer("Find the images", words_, key="inspect", icon="image_search")
        return
    page = channel_page(inspection, block, channel)
    _levels(page, inspection)
    if not page.middle:
        st.caption(
            "This inspection was made before images of middle and low energy were kept. This adds them:"
        )
        view.offer("Find them", _again(source, inspection), key="inspect", icon="image_search")
    plot.draw(
        histogram(page.histogram, edges=page.edges, unit="activation", what="tokens", theme=shell.theme()),
        "activation-histogram", "Activations of the channel over all tokens",
        request=Request("activation-histogram", [inspection.path.name], Choice(block=block, channel=channel)),
    )  # fmt: skip


def _again(source: Source, like: Inspection) -> lines.Words:
    """`ict inspect` of the same images as another inspection."""
    kept = ("run", "limit", "shots", "image_size")
    options = {name: like.meta.get(name) for name in kept}
    begun = ("inspect", str(source.task), "--backbone", str(source.record.backbone))
    return lines.line(*begun, site=source.site, **options)


def _levels(page: ChannelPage, inspection: Inspection) -> None:
    task = words.plain(inspection.record.task)
    left = limits.words(
        inspection.meta.get("limit"),
        inspection.meta.get("limit_rule") or limits.FIRST,
        inspection.meta.get("shots"),
    )
    levels = {"Highest energy": page.images, "Middle": page.middle, "Lowest": page.lowest}
    strongest = max((float(np.abs(one.map).max()) for one in page.images), default=0.0)
    for label, images in levels.items():
        if images:
            _row(label, images, strongest, f"{task}{left}")
    middle = (
        " Middle: of a random sample of 32 images, the same for all channels."
        if page.middle
        else ""
    )
    st.caption(
        f"Images of {task}{left}, by the channel's energy over all tokens, each beside its map: bright is where "
        f"the channel is far from 0, on one scale for all images.{middle} "
        "They show what the channel responds to on this task, not what it causes."
    )


def _row(label: str, images: Sequence[DrivingImage], strongest: float, of: str) -> None:
    """Pairs of an image and its map, of one size, which stay together where the line ends."""
    st.markdown(f"**{label}**")
    with st.container(horizontal=True, gap="small"):
        for image in images:
            picture = Image.open(io.BytesIO(image.webp), formats=("WEBP",)).convert("RGB")
            picture = picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
            named = f"Image {image.index} of {of}, class {image.label}"
            pair = {
                f"class {image.label}": (picture, named),
                "map": (_heat(image.map, strongest), f"{named}: where the channel is active"),
            }
            with st.container(horizontal=True, gap="xxsmall", width="content"):
                for caption, (shown, alt) in pair.items():
                    st.image(shown, caption=caption, width=SIDE, alt=alt)


def _heat(values: np.ndarray, strongest: float) -> Image.Image:
    """The map in colours: how far the channel is from 0, as energy does not tell signs apart."""
    shares = Image.fromarray(np.abs(values).astype(np.float32) / (strongest or 1.0))
    smooth = shares.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return Image.fromarray(coloured(np.clip(np.asarray(smooth), 0, 1)))
