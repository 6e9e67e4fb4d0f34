"""Forms of a job each: score channels, replace them, find the images that drive them, a report card.

Each is a fragment: a field that changes draws only the form and its command anew. No field of them is in
the address, as what is typed for one click of a button is no state of the page.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from ict.catalogue import BUNDLED, get_backbone, known
from ict.config import ABOUT
from ict.criteria import CRITERION, TOKENS, criteria, is_ranking, named
from ict_app.common import readers
from ict_app.jobs import lines, view
from ict_app.jobs.view import Offer

_WIDTH = 205  # pixels of a field that stands in a row of others
_OWN = "as the criterion"
LIMIT_HELP = "For trials: only so many images, shared out over the classes. Empty: all."


@dataclass(frozen=True, kw_only=True)
class Begin:
    """What the fields of a form begin with."""

    task: str | None = None
    backbone: str = BUNDLED
    criteria: Sequence[str] = (CRITERION,)
    site: str | None = None
    sums: bool = True


def score(key: str, begin: Begin = Begin()) -> None:
    """Scores of channels: with which criterion, on how many images, with which tokens, with sums or not."""
    st.fragment(_score)(key, begin)


def causal(key: str, begin: Begin = Begin()) -> None:
    """The causal check: channels are replaced in the order of criteria."""
    st.fragment(_causal)(key, begin)


def inspection(key: str, begin: Begin = Begin()) -> None:
    """A page for every channel: the images that drive it."""
    st.fragment(_inspection)(key, begin)


def report_card(key: str, begin: Begin = Begin()) -> None:
    """`ict criteria report`: regret, fidelity, stability and cost of criteria."""
    st.fragment(_report_card)(key, begin)


def _score(key: str, begin: Begin) -> None:
    with st.container(horizontal=True, gap="small"):
        task, backbone = _task(key, begin), _backbone(key, begin)
        criterion = _select(
            key, "Criterion", {name: named(name) for name in criteria()}, begin.criteria[0],
            "How the importance of a channel is measured.",
        )  # fmt: skip
        site = _site(key, backbone, begin)
        tokens = _select(key, "Tokens", [_OWN, *TOKENS], _OWN, ABOUT["tokens"].help)
        limit = _number(key, "Images", None, 1, LIMIT_HELP)
        sums = st.toggle(
            "With sums by image", value=begin.sums, key=f"job_{key}_sums",
            help="Keeps what every image adds, so that halves, resamples, energy and stability need no second pass.",
        )  # fmt: skip
        weights = _weights(key, backbone)
    words = lines.line(
        "score", task, backbone=backbone, criterion=criterion, site=[site],
        tokens=None if tokens == _OWN else tokens, limit=limit, keep_images=sums, weights=weights,
    )  # fmt: skip
    view.draw(Offer(label="Score the channels", words=words, key=f"{key}_go"))


def _causal(key: str, begin: Begin) -> None:
    with st.container(horizontal=True, gap="small"):
        task, backbone = _task(key, begin), _backbone(key, begin)
        rankings = [name for name in criteria() if is_ranking(name)]
        chosen = st.multiselect(
            "Criteria", rankings, [one for one in begin.criteria if one in rankings], width=300,
            key=f"job_{key}_criteria",
            help="Channels are replaced in the order of each, and in random orders beside them.",
        )  # fmt: skip
        site = _site(key, backbone, begin)
        replacement = _select(
            key, "Replaced by", {"mean": "their training mean", "zero": "zero"}, "mean",
            "Zero breaks a network whatever the task; the mean takes only what differs between images.",
        )  # fmt: skip
        limit = _number(key, "Images", None, 1, LIMIT_HELP)
        draws = _number(
            key, "Random orders", 5, 0, "Each is a pass over the images; what chance does."
        )
        scatter = _number(
            key, "Single channels", 8, 0, "Channels a block that are replaced one at a time; 0: none.",
        )  # fmt: skip
        weights = _weights(key, backbone)
    words = lines.line(
        "causal", task, backbone=backbone, criterion=chosen, site=site, replacement=replacement,
        limit=limit, weights=weights, random_draws=draws, scatter=scatter,
    )  # fmt: skip
    hindrance = None if chosen else "Choose a criterion."
    view.draw(Offer(label="Check by replacing", words=words, key=f"{key}_go", hindrance=hindrance))


def _inspection(key: str, begin: Begin) -> None:
    with st.container(horizontal=True, gap="small"):
        task, backbone = _task(key, begin), _backbone(key, begin)
        site = _site(key, backbone, begin)
        limit = _number(key, "Images", None, 1, LIMIT_HELP)
        weights = _weights(key, backbone)
    words = lines.line("inspect", task, backbone=backbone, site=site, limit=limit, weights=weights)
    view.draw(Offer(label="Find the images", words=words, key=f"{key}_go"))


def _report_card(key: str, begin: Begin) -> None:
    with st.container(horizontal=True, gap="small"):
        task, backbone = _task(key, begin), _backbone(key, begin)
        site = _site(key, backbone, begin)
        limit = _number(key, "Images", None, 1, "Of train800, of all classes. Empty: the default.")
        weights = _weights(key, backbone)
    words = lines.line(
        "criteria", "report", task, backbone=backbone, site=site, limit=limit, weights=weights
    )
    view.draw(Offer(label="Report on the criteria", words=words, key=f"{key}_go"))


def _task(key: str, begin: Begin) -> str:
    names = [row.name for row in readers.tasks() if row.available]
    return _select(key, "Task", names, begin.task or "digits", "Whose images are read.")


def _backbone(key: str, begin: Begin) -> str:
    names = [backbone.name for backbone in known()]
    return _select(
        key, "Backbone", names, begin.backbone, "ict_tiny comes with this repository.", width=250
    )


def _site(key: str, backbone: str, begin: Begin) -> str:
    sites = get_backbone(backbone).sites
    return _select(key, "Site", sites, begin.site or sites[0], ABOUT["tune_site"].help)


def _weights(key: str, backbone: str) -> str | None:
    """`none` where random weights are asked for; offered where the backbone's own are not here."""
    if readers.weights_here(backbone):
        return None
    asked = st.toggle(
        "Random weights", key=f"job_{key}_random",
        help="Its weights are not on this machine, and are downloaded unless this is on; for trials only.",
    )  # fmt: skip
    return "none" if asked else None


def _select(
    key: str, label: str, options: Any, default: str, help: str, *, width: int = _WIDTH
) -> str:
    labels = options if isinstance(options, dict) else {one: one for one in options}
    names = list(labels)
    chosen: str = st.selectbox(
        label, names, names.index(default) if default in labels else 0, format_func=labels.__getitem__,
        key=f"job_{key}_{label}", help=help, width=width,
    )  # fmt: skip
    return chosen


def _number(key: str, label: str, default: int | None, low: int, help: str) -> int | None:
    value = st.number_input(
        label, low, 1_000_000, default, key=f"job_{key}_{label}", help=help, width=140, step=1
    )
    return None if value is None else int(value)


Form = Callable[[str, Begin], None]
SCORE, CAUSAL = "Score channels", "Check by replacing channels"


def folded(label: str, form: Form, key: str, begin: Begin = Begin()) -> None:
    """A form behind its title, on a page that has something to show."""
    view.folded(label, lambda: form(key, begin), key=key)


def missing(sentence: str, form: Form, key: str, begin: Begin = Begin()) -> None:
    """What a page lacks, and the form that makes it."""
    with st.container(border=True):
        st.markdown(sentence)
        form(key, begin)
