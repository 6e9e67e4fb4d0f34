"""What a job made, on the page that started it: one line, and the link to where it is shown."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from ict.documents.bounded import read_text
from ict.errors import InputError
from ict.store.job_folder import Job
from ict_app.common import address, words

Result = Mapping[str, Any]
_MOST_BYTES = 64 << 20  # of a report that the browser is handed


def draw(job: Job, *, key: str) -> None:
    """Says that it is done, with what it printed where this page does not show that itself."""
    result = job.result()
    with st.container(horizontal=True, vertical_alignment="center"):
        if job.status == "done":
            when = str(job.ended_at)[:16].replace("T", " ")
            st.caption(f":material/check: Done, {when} UTC.")
        if link := _LINKS.get(job.words[0]):
            link(job, result)
    beginning = " ".join(job.words[:2])
    if show := _SHOWN.get(beginning) or _SHOWN.get(job.words[0]):
        show(result, key)


def _scores(_job: Job, result: Result) -> None:
    if score_id := result.get("score_id"):
        address.link("channels", "Its channels", icon="grid_on", of=score_id)


def _check(_job: Job, result: Result) -> None:
    if path := result.get("path"):
        address.link("criteria", "Its curves", icon="compare_arrows", check=Path(path).parent.name)


def _study(_job: Job, result: Result) -> None:
    if name := result.get("name"):
        address.link("ablation", "The study", icon="stacked_line_chart", study=name)
        address.link("compare", "Its primary contrast", icon="balance", study=name)


def _task(_job: Job, result: Result) -> None:
    if name := result.get("task"):
        address.link("train", "Train on it", icon="play_arrow", tasks=name)


def _data(job: Job, result: Result) -> None:
    if job.words[1] in ("download", "link"):
        _task(job, result)


def _checked(result: Result, _key: str) -> None:
    from ict.tasks.check_words import readable

    reports = result.get("rows") or [result]
    st.code("\n\n".join(readable(one) for one in reports if "ok" in one), language=None)


def _linked(result: Result, _key: str) -> None:
    counts = ", ".join(f"{split} {count}" for split, count in (result.get("counts") or {}).items())
    st.caption(words.plain(f"{result.get('task')} is {result.get('path')}: {counts}."))


def _imported(result: Result, _key: str) -> None:
    told = {name: value for name, value in result.items() if isinstance(value, (str, int, float))}
    st.caption(words.plain(", ".join(f"{name} {value}" for name, value in told.items())))
    address.link("benchmark", "Beside this store's runs", icon="leaderboard")


def _report(result: Result, key: str) -> None:
    path = Path(str(result.get("path")))
    try:
        page = read_text(path, _MOST_BYTES)
    except (OSError, InputError) as error:
        st.caption(words.plain(f"{path}: {error}"))
        return
    st.download_button(
        f"Download {path.name}", page, path.name, "text/html", on_click="ignore",
        icon=":material/download:", key=f"job_page_{key}",
    )  # fmt: skip


_LINKS: dict[str, Callable[[Job, Result], None]] = {
    "score": _scores, "causal": _check, "study": _study, "data": _data,
}  # fmt: skip
_SHOWN: dict[str, Callable[[Result, str], None]] = {
    "data check": _checked, "data link": _linked, "data download": _linked, "import": _imported,
    "report": _report,
}  # fmt: skip
