"""The form that plans a study: its TOML file is shown as it is written, and run as a job."""

import streamlit as st

from ict.catalogue import BUNDLED, known
from ict.criteria import CRITERION, criteria, is_ranking
from ict.documents.bounded import whole_number
from ict.errors import InputError, quoted
from ict.machine import MOST_SLOTS
from ict.recipes import RECIPES
from ict.store.study_asked import StudyAsk
from ict_app.common import readers, words
from ict_app.jobs import view
from ict_app.jobs.forms import LIMIT_HELP
from ict_app.jobs.view import Offer
from ict_app.studies import study_plan
from ict_app.studies.study_plan import Look
from ict_app.tune import plan

_WIDTH = 205


def folded(label: str = "Plan a study") -> None:
    """The form behind its title."""
    view.folded(label, _form, key="study")


def _form() -> None:
    """Fields, the file, how many runs it asks for, and the button that starts them."""
    try:
        asked = _asked()
    except InputError as error:
        st.warning(words.plain(error), icon=":material/edit:")
        return
    found = _look(asked)
    st.code(study_plan.toml(asked), language="toml")
    _say(found)
    store = readers.own_store()
    path = study_plan.file_of(store, asked.name)
    trouble = found.trouble or study_plan.name_taken(store, asked)
    view.draw(
        Offer(
            label=f"Start {words.runs(found.at_most)}" if found.at_most else "Start",
            words=("study", "run", str(path)), key="study_go", hindrance=trouble,
            before=lambda: _write(asked),
        )
    )  # fmt: skip
    st.caption("The button writes the file above there, unless it is there already.")


def _write(asked: StudyAsk) -> None:
    study_plan.write(readers.own_store(), asked)


@st.cache_data(max_entries=100, ttl=60, show_spinner=False)
def _look(asked: StudyAsk) -> Look:
    return study_plan.look(asked)


def _say(found: Look) -> None:
    """How many runs, how long, and what it declares to compare."""
    if found.trouble:
        return
    shown = readers.store()
    rows = [] if readers.is_example(shown) else readers.run_rows(shown)
    time = plan.expected_time(found.runs, rows)
    parts = [words.runs(found.at_most) if found.runs else f"at most {words.runs(found.at_most)}"]
    if time.seconds is not None:
        parts.append(f"about {words.duration(time.seconds)} one after the other, {time.source}")
    st.caption(words.plain("; ".join(parts)) + ". What is done already is not repeated.")
    if found.primary:
        st.caption(f"It declares one difference, tested alone: {words.plain(found.primary)}.")


def _asked() -> StudyAsk:
    """The fields; raises InputError for a share or seed that is none."""
    here = [row.name for row in readers.tasks() if row.available]
    with st.container(horizontal=True, gap="small"):
        name = _first_name()
        tasks = st.multiselect("Tasks", here, ["digits"], key="job_study_tasks", width=270,
                               help="Each task has every row of the study.")  # fmt: skip
        backbone = _select(
            "Backbone", [one.name for one in known()], BUNDLED, "Frozen in every run."
        )
        recipe = _select("Recipe", list(RECIPES), "quick", "quick: 20 epochs on 800 images, less for bundled tasks; "
                         "paper: the authors' settings for each VTAB task.")  # fmt: skip
    with st.container(horizontal=True, gap="small"):
        rankings = [one for one in criteria() if is_ranking(one)]
        criterion = _select("Criterion", rankings, CRITERION, "By whose top K the grid is tuned.")
        shares = st.multiselect("Share of channels, K/D", plan.SHARES, ["1/8"], key="job_study_shares", width=260,
                                accept_new_options=True, help="Each share with each seed is a run.")  # fmt: skip
        seeds = st.multiselect("Seeds", [str(one) for one in plan.SEEDS], ["42", "44", "82"], key="job_study_seeds",
                               width=260, accept_new_options=True,
                               help="The unit of replication: with fewer than two there is no interval, five tell most.")  # fmt: skip
    offered = study_plan.rows_offered()
    rows = st.pills("Rows beside it", list(offered), default=["selector:random", "method:linear"], selection_mode="multi",
                    format_func=offered.__getitem__, key="job_study_rows",
                    help="Each is run on the same tasks and seeds: other choices of channels, other methods.")  # fmt: skip
    with st.container(horizontal=True, gap="small"):
        draws = _number("Random draws", 5, 1, 1000, "Random choices of K channels in every seed.")
        epochs = _number("Epochs", None, 1, 100_000, "Empty: as the recipe says.")
        limit = _number("Images", None, 1, 1_000_000, LIMIT_HELP)
        slots = _number(
            "Runs at once", 1, 1, MOST_SLOTS, "Runs that share the device and its cores."
        )
        weights = _weights(backbone)
    return StudyAsk(
        name=name, tasks=tuple(tasks), backbone=backbone, criterion=criterion,
        ratios=tuple(map(plan.share_of, shares)), seeds=tuple(map(_seed, seeds)), rows=tuple(rows),
        draws=draws or 1, recipe=recipe, epochs=epochs, limit=limit, slots=slots or 1, weights=weights,
    )  # fmt: skip


def _first_name() -> str:
    """What the visitor typed; a free name at first, which stays once the study of it is there."""
    key = "job_study_name"
    if key not in st.session_state:
        st.session_state[key] = study_plan.free_name(readers.own_store())
    return st.text_input("Name", key=key, width=_WIDTH, max_chars=80,
                         help="Of the study's folder in the store: letters, digits and ._+=@- only.").strip()  # fmt: skip


def _seed(text: str) -> int:
    value = whole_number(text)
    if value is None:
        raise InputError(f"seed {quoted(text)} is not a whole number")
    return value


def _select(label: str, options: list[str], default: str, help: str) -> str:
    chosen: str = st.selectbox(
        label, options, options.index(default), key=f"job_study_{label}", help=help, width=_WIDTH
    )
    return chosen


def _number(label: str, default: int | None, low: int, high: int, help: str) -> int | None:
    value = st.number_input(
        label, low, high, default, key=f"job_study_{label}", help=help, width=150, step=1
    )
    return None if value is None else int(value)


def _weights(backbone: str) -> str | None:
    if readers.weights_here(backbone):
        return None
    asked = st.toggle("Random weights", key="job_study_random",
                      help="Its weights are not on this machine, and are downloaded unless this is on; for trials only.")  # fmt: skip
    return "none" if asked else None
