"""*Train*, below its form: the fields that a recipe sets, and those of how channels are chosen."""

from collections.abc import Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ict.catalogue import Backbone
from ict.config import ABOUT
from ict.criteria import choice
from ict_app.common import address, readers
from ict_app.tune.plan import Field

_MORE = (
    "epochs", "lr", "batch", "limit", "shots", "shot_seed", "image_size", "init", "select_by", "trained_on",
    "augment", "score_on", "tokens", "budget", "whiten",
)  # fmt: skip
WIDTH = 205  # pixels of a field that stands in a row of others
AS_RECIPE = ("recipe", "as the recipe")
OWN_TASK = ("own", "the run's own task")
AS_CRITERION = ("criterion", "as the criterion")


def more_fields(backbone: Backbone, asked: Sequence[Field]) -> list[Field]:
    """Fields that a recipe sets; empty ones stay with the recipe. `asked` are the fields above them."""
    opened = any(address.said(name) is not None for name in _MORE)
    with st.expander("More fields (empty: as the recipe says)", expanded=opened):
        bar = st.container(horizontal=True, gap="small")
        fields: dict[str, Any] = {
            "epochs": address.number("Epochs", 1, 100_000, default=None, place=bar, key="epochs", width=WIDTH),
            "lr": address.number("Learning rate", 0.0, 1e3, default=None, place=bar, format="%g", key="lr", width=WIDTH
            ),
            "batch_size": address.number("Batch size", 1, 65_536, default=None, place=bar, key="batch", width=WIDTH
            ),
            "limit": address.number("So many images only", 1, None, default=None, place=bar, key="limit", width=WIDTH,
                help="For trials: of each split, shared out over the classes.",
            ),
            "shots": address.number("Shots", 1, int(ABOUT["shots"].limits[1]), default=None, place=bar, key="shots", width=WIDTH,
                help=ABOUT["shots"].help,
            ),
            "shot_seed": address.number("Seed of the shots", 0, int(ABOUT["shot_seed"].limits[1]), default=None, place=bar, key="shot_seed",
                width=WIDTH, help=ABOUT["shot_seed"].help,
            ),
            "image_size": address.number("Image size", 0, int(ABOUT["image_size"].limits[1]), default=None, place=bar, step=backbone.size_step,
                key="image_size", width=WIDTH,
                help=f"Side in pixels, a multiple of {backbone.size_step}; tables of positions are "
                f"resized. Empty: the recipe's, else the backbone's own {backbone.image_size}.",
            ),
            "init": address.select(
                "Start of the adapter", ["trunc_normal", "zero"], key="init", width=WIDTH, place=bar
            ),
            "select_by": address.select(
                "Epoch reported", ["last", "val"], key="select_by", width=WIDTH, place=bar,
                help="val: the best on the 200 validation images. Never chosen on the test set.",
            ),
            "train_split": address.select(
                "Trained on", _or(AS_RECIPE, "train800", "train800val200"), key="trained_on",
                width=WIDTH, place=bar,
            ),
            "augment": address.select(
                "Augmentation", _or(AS_RECIPE, "none", "randaugment"), key="augment",
                width=WIDTH, place=bar,
            ),
        }  # fmt: skip
        of_channels = _of_channels(bar, asked)
    of_recipe = [Field(name, [_unless(AS_RECIPE, v)]) for name, v in fields.items()]
    return of_recipe + of_channels


def _of_channels(bar: DeltaGenerator, asked: Sequence[Field]) -> list[Field]:
    """What is scored and how it chooses; nothing where no method that is asked for chooses channels."""
    criteria = [value for one in asked if one.name == "criterion" for value in one.values]
    if not criteria:
        return []
    others = [row.name for row in readers.tasks() if row.available]
    score_task = address.select(
        "Scored on", _or(OWN_TASK, "others", "noise", *others), key="score_on", width=WIDTH, place=bar,
        help=ABOUT["score_task"].help,
    )  # fmt: skip
    tokens = address.select(
        "Tokens", _or(AS_CRITERION, *ABOUT["tokens"].choices), key="tokens", width=WIDTH, place=bar,
        help=ABOUT["tokens"].help,
    )  # fmt: skip
    whiten = address.select(
        "Divided by its size", ["no", "yes"], key="whiten", width=WIDTH, place=bar,
        help=ABOUT["whiten"].help,
    )  # fmt: skip
    fields = [
        Field("score_task", [_unless(OWN_TASK, score_task)]),
        Field("tokens", [_unless(AS_CRITERION, tokens)]),
        Field("whiten", [True if whiten == "yes" else None]),
    ]
    if any(choice(criterion).reads_gradient for criterion in criteria):
        budget = address.select(
            "Budget over blocks", ABOUT["budget"].choices, key="budget", width=WIDTH, place=bar,
            help=ABOUT["budget"].help,
        )  # fmt: skip
        fields.append(Field("budget", [budget]))
    return fields


def _or(unset: tuple[str, str], *values: str) -> dict[str, str]:
    """Options of which the first leaves the field to what it names."""
    return dict([unset]) | {value: value for value in values}


def _unless(unset: tuple[str, str], value: Any) -> Any:
    return None if value == unset[0] else value
