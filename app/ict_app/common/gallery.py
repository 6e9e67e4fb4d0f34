"""Test images of a run with what was answered: pictures where the data are here, else their names."""

import io
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import streamlit as st
from PIL import Image

from ict.analysis.answered_images import AnsweredImages, SeenImages, images_of
from ict.analysis.answers import Answered, answered, class_words
from ict.errors import InputError
from ict.store import Run
from ict_app.common import address, readers, words

PER_SHEET = 24
SIDE = 144  # pixels of a picture's longer side
Row = Mapping[str, str]


@st.cache_resource(max_entries=400, show_spinner=False)
def _answered(of: readers.Stamp, _run: Run) -> Answered:
    return answered(_run)


def answers_of(run: Run) -> Answered:
    """What a run answered; InputError where it kept nothing that can be read."""
    return _answered(readers.stamp(run.predictions_path), run)


@st.cache_resource(max_entries=100, ttl=300, show_spinner=False)
def _images(of: readers.Stamp, _run: Run, _answers: Answered) -> AnsweredImages:
    return images_of(SeenImages.by(_run), _answers.answers)


def images(run: Run, own: Answered) -> AnsweredImages:
    """The images that a run answered, as far as this machine has them."""
    return _images(readers.stamp(run.predictions_path), run, own)


def draw(of: AnsweredImages, places: np.ndarray, row: Callable[[int], Row]) -> None:
    """One sheet of the images at `places` of the test list; `row` says what is told of each."""
    if not len(places):
        st.caption("No such image.")
        return
    sheets = -(-len(places) // PER_SHEET)
    number = 1
    if sheets > 1:
        number = int(
            address.number(
                f"Sheet (of {sheets})", 1, sheets, key="sheet", default=1, noun="sheet", width=160
            )
            or 1
        )
    on_sheet = [int(place) for place in places[(number - 1) * PER_SHEET : number * PER_SHEET]]
    if of.split is None:
        st.dataframe(
            pd.DataFrame([{"image": of.name(place), **row(place)} for place in on_sheet]),
            hide_index=True, height="content",
        )  # fmt: skip
    else:
        _pictures(of, on_sheet, row)
    if of.note:
        st.caption(words.plain(of.note))


def _pictures(of: AnsweredImages, places: list[int], row: Callable[[int], Row]) -> None:
    with st.container(horizontal=True, gap="small"):
        for place in places:
            told = row(place)
            lines = [f"{words.plain(name)} {words.plain(text)}" for name, text in told.items()]
            picture = _picture(of, place)
            with st.container(width=SIDE, gap="xxsmall"):
                if picture is None:
                    st.caption("This file cannot be decoded.")
                else:
                    said = ", ".join(f"{name} {text}" for name, text in told.items())
                    st.image(picture, width=SIDE, alt=f"{of.name(place)}: {said}")
                st.caption("  \n".join(lines), help=words.plain(of.name(place)))


def _picture(of: AnsweredImages, place: int) -> bytes | None:
    assert of.split is not None
    paths = of.split.paths
    stamp = readers.stamp(paths[place]) if paths else (of.name(place), 0, 0)
    return _decoded(stamp, of, place)


@st.cache_data(max_entries=3000, show_spinner=False)
def _decoded(of: readers.Stamp, _images: AnsweredImages, _place: int) -> bytes | None:
    """The picture as WebP, at most SIDE pixels wide and high; small ones enlarged, their pixels kept."""
    assert _images.split is not None
    try:
        picture = _images.split.image(_place)
    except InputError:
        return None
    scale = SIDE / max(picture.size)
    how = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    buffer = io.BytesIO()
    picture.resize(size, how).save(buffer, "WEBP", quality=85, lossless=scale > 1)
    return buffer.getvalue()


def answer_words(own: Answered, place: int, names: tuple[str, ...] | None) -> str:
    """`cat (91 %)`: the answer and how certain the model says it is."""
    said = own.answers
    name = class_words(int(said.predictions[place]), names)
    return f"{name} ({words.percent(float(said.probabilities[place]), 0)})"
