"""*Train*: what the expected time is from, and a calibration of this machine where nothing tells it."""

import streamlit as st

from ict.errors import IctError
from ict.resolve import Resolved
from ict.running import calibration
from ict.store.paces import Where, known_pace
from ict_app.common import published, words
from ict_app.tune.plan import Time


def draw(time: Time, runs: int) -> None:
    """Where the expected time is from; a button that measures, or that it measures now."""
    said = [time.source] if time.source else []
    if time.known < runs:
        said.append(f"the time of {runs - time.known} of {runs} runs is not known" if time.known
                    else "no finished run of this machine tells the time yet")  # fmt: skip
    if said:
        text = "; ".join(said)
        st.caption(f"Expected time: {text}.")
    if time.unmeasured is not None:
        _measure(time.unmeasured)


def _measure(run: Resolved) -> None:
    """In a process of its own: the page goes on, and looks each second whether it is done."""
    config, where = run.config.to_dict(), Where.here()
    if calibration.is_measuring(config, where):
        _wait(run)
        return
    if trouble := calibration.trouble(config, where):
        st.caption(words.plain(trouble))
    if published.button(
        "Measure this machine (2 s)", icon=":material/timer:", type="tertiary", key="calibrate"
    ):
        try:
            calibration.start(config, where)
        except (IctError, OSError) as error:
            st.error(words.plain(error), icon=":material/error:")
        else:
            st.rerun()


@st.fragment(run_every=1.0)
def _wait(run: Resolved) -> None:
    config, where = run.config.to_dict(), Where.here()
    if known_pace(config, where) is not None or not calibration.is_measuring(config, where):
        st.rerun()
    st.caption("Measuring this machine: two seconds, and some to start …")
