"""*Run*: the controls of a run, added to the queue with one button; the command beside it."""

import shlex

import streamlit as st

from ict.errors import IctError
from ict.methods.registry import chooses_channels
from ict.running.controls import DRAWS
from ict.store import Run, Store
from ict_app.common import address, published, readers, words
from ict_app.jobs import view
from ict_app.jobs.view import IN_EXAMPLE


def draw(run: Run, shown: Store) -> None:
    """For a run that chooses channels: random-K at its seed, and a linear probe."""
    if not chooses_channels(run.config.get("method")):
        return
    view.folded("Add controls to this run", lambda: form(shown, run.id), key="controls")


def form(shown: Store, run_id: str) -> None:
    """How many draws, the button and the command."""
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        draws = st.number_input(
            "Random draws", 0, 100, DRAWS, key="job_controls_draws", width=150,
            help="So many random choices of as many channels, at the run's seed and settings.",
        )  # fmt: skip
        linear = st.toggle(
            "Linear probe", value=True, key="job_controls_linear",
            help="Only the head is trained: what the frozen features give alone.",
        )  # fmt: skip
    example, count = readers.is_example(shown), int(draws) + linear
    with st.container(horizontal=True, vertical_alignment="center"):
        asked = published.button(
            f"Start {words.runs(count)}", icon=":material/play_arrow:", type="primary", key="job_controls_go",
            disabled=example or not count, help=IN_EXAMPLE if example else None,
        )  # fmt: skip
        st.code(_command(run_id, int(draws), linear), language="bash", wrap_lines=True)
    if example:
        st.caption(IN_EXAMPLE)
    if asked:
        _start(shown, run_id, int(draws), linear)
    st.caption("What is done already is not repeated; the sidebar counts what is on its way.")
    address.link("compare", "Compare this run", icon="balance", a=run_id)


def _command(run_id: str, draws: int, linear: bool) -> str:
    line = ["ict", "runs", "controls", run_id]
    line += [] if draws == DRAWS else ["--draws", str(draws)]
    return shlex.join(line + ([] if linear else ["--no-linear"]))


def _start(shown: Store, run_id: str, draws: int, linear: bool) -> None:
    from ict.running.controls import add_controls

    try:
        ids = add_controls(shown, shown.run(run_id), draws=draws, linear=linear, command="app")
    except IctError as error:
        st.error(words.plain(error), icon=":material/error:")
    else:
        readers.forget_rows()
        st.toast(f"{words.runs(len(ids))} handed to the workers", icon=":material/check:")
