"""*Train*, below its form: the fields that a recipe sets, and those of how channels are chosen."""

from collections.abc import Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ict.catalogue import Backbone
from ict.config import ABOUT
from ict.criteria import choice
from ict_app.common import readers
from ict_app.tune.plan import Field

_MORE = (
    "epochs", "lr", "batch", "limit", "shots", "shot_seed", "image_size", "init", "select_by", "trained_on",
    "augment", "score_on", "tokens", "budget", "whiten",
)  # fmt: skip
WIDTH = 205  # pixels of a field that stands in a row of others
AS_RECIPE = "as the recipe"


def more_fields(backbone: Backbone, asked: Sequence[Field]) -> list[Field]:
    """Fields that a recipe sets; empty ones stay with the recipe. `asked` are the fields above them."""
    opened = any(name in st.query_params for name in _MORE)
    with st.expander("More fields (empty: as the recipe says)", expanded=opened):
        bar = st.container(horizontal=True, gap="small")
        fields: dict[str, Any] = {
            "epochs": bar.number_input("Epochs", 1, 100_000, None, key="epochs", width=WIDTH, bind="query-params"),
            "lr": bar.number_input(
                "Learning rate", 0.0, 1e3, None, format="%g", key="lr", width=WIDTH, bind="query-params"
            ),
            "batch_size": bar.number_input(
                "Batch size", 1, 65_536, None, key="batch", width=WIDTH, bind="query-params"
            ),
            "limit": bar.number_input(
                "So many images only", 1, None, None, key="limit", width=WIDTH, bind="query-params",
                help="For trials: of each split, shared out over the classes.",
            ),
            "shots": bar.number_input(
                "Shots", 1, int(ABOUT["shots"].limits[1]), None, key="shots", width=WIDTH,
                bind="query-params", help=ABOUT["shots"].help,
            ),
            "shot_seed": bar.number_input(
                "Seed of the shots", 0, int(ABOUT["shot_seed"].limits[1]), None, key="shot_seed",
                width=WIDTH, bind="query-params", help=ABOUT["shot_seed"].help,
            ),
            "image_size": bar.number_input(
                "Image size", 0, int(ABOUT["image_size"].limits[1]), None, step=backbone.size_step,
                key="image_size", width=WIDTH, bind="query-params",
                help=f"Side in pixels, a multiple of {backbone.size_step}; tables of positions are "
                f"resized. Empty: the recipe's, else the backbone's own {backbone.image_size}.",
            ),
            "init": bar.selectbox(
                "Start of the adapter", ["trunc_normal", "zero"], key="init", width=WIDTH, bind="query-params"
            ),
            "select_by": bar.selectbox(
                "Epoch reported", ["last", "val"], key="select_by", width=WIDTH, bind="query-params",
                help="val: the best on the 200 validation images. Never chosen on the test set.",
            ),
            "train_split": bar.selectbox(
                "Trained on", [AS_RECIPE, "train800", "train800val200"], key="trained_on",
                width=WIDTH, bind="query-params",
            ),
            "augment": bar.selectbox(
                "Augmentation", [AS_RECIPE, "none", "randaugment"], key="augment",
                width=WIDTH, bind="query-params",
            ),
        }  # fmt: skip
        of_channels = _of_channels(bar, asked)
    of_recipe = [Field(name, [None if v == AS_RECIPE else v]) for name, v in fields.items()]
    return of_recipe + of_channels


def _of_channels(bar: DeltaGenerator, asked: Sequence[Field]) -> list[Field]:
    """What is scored and how it chooses; nothing where no method that is asked for chooses channels."""
    criteria = [value for one in asked if one.name == "criterion" for value in one.values]
    if not criteria:
        return []
    own = "the run's own task"
    others = [row.name for row in readers.tasks() if row.available]
    score_task = bar.selectbox(
        "Scored on", [own, "others", "noise", *others], key="score_on", width=WIDTH, bind="query-params",
        help=ABOUT["score_task"].help,
    )  # fmt: skip
    tokens = bar.selectbox(
        "Tokens", ["as the criterion", *ABOUT["tokens"].choices], key="tokens", width=WIDTH,
        bind="query-params", help=ABOUT["tokens"].help,
    )  # fmt: skip
    whiten = bar.selectbox(
        "Divided by its size", ["no", "yes"], key="whiten", width=WIDTH, bind="query-params",
        help=ABOUT["whiten"].help,
    )  # fmt: skip
    fields = [
        Field("score_task", [None if score_task == own else score_task]),
        Field("tokens", [None if tokens == "as the criterion" else tokens]),
        Field("whiten", [True if whiten == "yes" else None]),
    ]
    if any(choice(criterion).reads_gradient for criterion in criteria):
        budget = bar.selectbox(
            "Budget over blocks", ABOUT["budget"].choices, key="budget", width=WIDTH, bind="query-params",
            help=ABOUT["budget"].help,
        )  # fmt: skip
        fields.append(Field("budget", [budget]))
    return fields
