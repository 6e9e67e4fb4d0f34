"""The form of *Train*: every field in the URL, what it would start said live."""

import re
from dataclasses import replace

import streamlit as st

from ict.catalogue import BUNDLED, get_backbone, known
from ict.config import DEFAULTS, RunConfig
from ict.criteria import named, of_runs
from ict.documents.bounded import whole_number
from ict.errors import IctError, InputError, quoted
from ict.methods.registry import chooses_channels, find_method, methods
from ict.recipes import RECIPES
from ict.store import Store
from ict_app.common import address, readers, words
from ict_app.tune import calibration_view, plan
from ict_app.tune.more_fields import more_fields
from ict_app.tune.plan import Field


def form() -> tuple[plan.Plan, plan.Wishes]:
    """Draws the form; gives the plan for its values, and the wishes that make it real."""
    with st.container(horizontal=True, gap="small"):
        tasks = _tasks()
        backbone = _backbone()
        recipe = address.segmented(
            "Recipe", list(RECIPES), default="quick", key="recipe",
            help="quick: 20 epochs on 800 images; less, and smaller images, for bundled tasks with ict_tiny. "
            "paper: the authors' settings for each VTAB task.",
        )  # fmt: skip
    random = _weights_hint(backbone)
    with st.container(horizontal=True, gap="small"):
        chosen = address.pills(
            "Methods", {name: _method_words(name) for name in methods()}, noun="method",
            default=[DEFAULTS["method"]], key="methods", help="Each method is a run of its own.",
        )  # fmt: skip
        seeds = _seeds()
    fields = [Field("task", tasks), Field("method", chosen), Field("backbone", [backbone])]
    trouble = None
    try:
        if any(map(chooses_channels, chosen)):
            fields += _channels(backbone)
        fields.append(Field("seed", [_whole(text, "seed") for text in seeds]))
    except InputError as error:
        trouble = str(error)
    fields += more_fields(get_backbone(backbone), fields)
    weights = "none" if random else None
    wishes = plan.Wishes((), recipe, weights)
    if trouble:
        return plan.Plan((), trouble), wishes
    try:
        read_wishes = tuple(map(_read, plan.grid(fields)))
    except InputError as error:
        return plan.Plan((), str(error)), wishes
    wishes = replace(wishes, asked=read_wishes)
    return _preview(wishes), wishes


def _method_words(name: str) -> str:
    method = find_method(name)
    return method.words if method else name


def _read(wish: plan.Wish) -> plan.Wish:
    """Leaves out what a method does not read."""
    fields = wish.fields  # the seed of shots is read where there are shots
    named_ones = {n: fields.get(n) for n in ("task", "method", "shots", "criterion")}
    config = RunConfig(**{n: v for n, v in named_ones.items() if v is not None})
    read = {n: v for n, v in fields.items() if v is not None and config.reads(n)}
    return plan.Wish(read)


@st.cache_data(max_entries=200, ttl=60, show_spinner=False)
def _preview(wishes: plan.Wishes) -> plan.Plan:
    return plan.plan(wishes, fetch=False)


def _tasks() -> list[str]:
    rows = readers.tasks()
    available = [row.name for row in rows if row.available]
    return address.multiselect(
        "Tasks", available, width=270, default=["digits"], key="tasks", noun="task",
        placeholder="Choose one or more",
        help=f"{len(available)} of {len(rows)} tasks are on this machine; *Data* says how to get more.",
    )  # fmt: skip


def _backbone() -> str:
    names = [backbone.name for backbone in known()]
    return address.select(
        "Backbone",
        names,
        width=250,
        default=BUNDLED,
        key="backbone",
        help="Any supported timm model; ict_tiny comes with this repository.",
    )


def _weights_hint(name: str) -> bool:
    """What to do about weights that would have to be fetched: say how, or train on random ones."""
    if readers.weights_here(name):
        return False
    st.caption(f":material/cloud_off: Weights not on this machine: {_fetch_hint(name)}")
    return address.toggle("Random weights instead", key="random_weights", help="For trials only.")


def _fetch_hint(name: str) -> str:
    safe = name if re.fullmatch(r"[\w.-]+", name) else "NAME"
    return f"run `ict train digits --backbone {safe}` once with a network."


def _channels(backbone: str) -> list[Field]:
    """Criterion, site, and K as shares or numbers."""
    chosen = get_backbone(backbone)
    bar = st.container(horizontal=True, gap="small")
    criterion = address.select(
        "Criterion", {name: named(name) for name in of_runs()}, width=200, key="criterion", place=bar,
        help="How the importance of a channel is measured on the training images.",
    )  # fmt: skip
    site = address.select(
        "Site", chosen.sites, width=160, key="site", place=bar,
        help="attn: the stream after attention was added (the paper's). Scored and tuned there.",
    )  # fmt: skip
    unit = address.segmented("K as", ["share", "number"], key="k_as", place=bar)
    chosen_by = [Field("criterion", [criterion]), Field("tune_site", [site])]
    if unit == "share":
        shares = address.multiselect(
            "Share of channels, K/D", plan.SHARES, width=260, default=["1/8"], key="shares", place=bar,
            accept_new_options=True, help="One run for each.",
        )  # fmt: skip
        return [*chosen_by, Field("ratio", [plan.share_of(text) for text in shares])]
    width = min(chosen.widths)
    options = [str(max(1, width // 2**power)) for power in range(6, -1, -1)]
    numbers = address.multiselect(
        f"Channels a block, K (of {width})", options, width=260, default=[str(width // 8)], key="ks",
        place=bar, accept_new_options=True, help="One run for each.",
    )  # fmt: skip
    return [*chosen_by, Field("k", [_whole(text, "K") for text in numbers])]


def _seeds() -> list[str]:
    return address.multiselect(
        "Seeds", width=260, options=[str(seed) for seed in plan.SEEDS], default=["42"], key="seeds",
        accept_new_options=True,
        help="Three for a quick look; with fewer than two there is no interval.",
    )  # fmt: skip


def _whole(text: str, what: str) -> int:
    value = whole_number(text)
    if value is None:
        raise InputError(f"{what} {quoted(text)} is not a whole number")
    return value


def summary(found: plan.Plan, shown: Store) -> None:
    """Runs, trained parameters and their share, expected time."""
    runs = found.runs
    # the example's runs are another machine's: they tell nothing of this one
    rows = [] if readers.is_example(shown) else readers.run_rows(shown)
    time = plan.expected_time(runs, rows)
    counts = [plan.trainable_parameters(run) for run in runs]
    wholes = [get_backbone(run.config.backbone).parameters for run in runs]
    cells = st.container(horizontal=True, gap="medium")
    cells.metric("Runs", len(runs), width="content")
    cells.metric(
        "Trained parameters", _span(counts), help="Adapter and head, of one run.", width="content"
    )
    cells.metric("Share of the backbone", _share_span(counts, wholes), width="content")
    cells.metric(
        "Expected time", words.duration(time.seconds), width="content",
        help="One run after the other: from finished runs like it, or a calibration of this machine.",
    )  # fmt: skip
    calibration_view.draw(time, len(runs))
    if runs and runs[0].recipe_fields:
        st.caption(f"Recipe *{runs[0].recipe}* sets {words.plain(plan.recipe_words(*runs))}.")


def _span(counts: list[int]) -> str:
    if not counts:
        return words.NOTHING
    low, high = min(counts), max(counts)
    return words.count(low) if low == high else f"{words.count(low)} – {words.count(high)}"


def _share_span(counts: list[int], wholes: list[int]) -> str:
    if not counts or not wholes:
        return words.NOTHING
    low, high = words.share(min(counts), max(wholes)), words.share(max(counts), max(wholes))
    return low if low == high else f"{low} – {high}"


def start(wishes: plan.Wishes) -> list[str]:
    """Writes the runs into the user's store and hands them to the workers; gives their ids.

    Raises IctError with a sentence. Imports no torch: the workers are processes of their own.
    """
    from ict.running import local
    from ict.store.same_images import ask

    made = plan.plan(wishes, fetch=True)
    if made.trouble:
        raise InputError(made.trouble)
    if not made.runs:
        raise InputError("nothing to start; choose a task, a method and a seed")
    store = readers.own_store()
    ids = [run.id for run in ask(store, made.runs, command="app")]
    local.submit(store, ids)
    readers.forget_rows()
    return ids


def hindrance(found: plan.Plan) -> str | None:
    """Why the plan cannot be started as it is, or None."""
    if found.trouble:
        return found.trouble
    if not found.runs:
        return "Nothing to start: choose a task, a method and a seed."
    names = {run.config.backbone for run in found.runs}
    if address.said("random_weights") == "true" or all(map(readers.weights_here, names)):
        return None
    return "The weights of the backbone are not on this machine: fetch them, or choose random ones."


__all__ = ["IctError", "form", "hindrance", "start", "summary"]
