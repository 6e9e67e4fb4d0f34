"""What a job made, on the page that started it: one line, and the link to where it is shown."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import streamlit as st

from ict.documents.bounded import read_text
from ict.errors import InputError
from ict.store.job_folder import Job
from ict.tasks.check_words import readable
from ict_app.common import address, words

_MOST_BYTES = 64 << 20  # of a report that the browser is handed


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a command printed, as far as a page says it; None where it did not."""

    command: str
    """Its first two words."""
    path: Path | None
    score_id: str | None
    name: str | None
    task: str | None
    rows: int | None
    counts: str
    report: str
    """Of a data check."""

    @classmethod
    def of(cls, job: Job) -> Self:
        said = job.result()
        listed = said.get("rows")
        reports = listed if isinstance(listed, list) else [said]
        named = {name: said.get(name) for name in ("score_id", "name", "task")}
        counts = said.get("counts") or {}
        return cls(
            command=" ".join(job.words[:2]),
            path=Path(str(said["path"])) if said.get("path") else None,
            rows=listed if isinstance(listed, int) else None,
            counts=", ".join(f"{split} {count}" for split, count in counts.items()),
            report="\n\n".join(readable(one) for one in reports if "ok" in one),
            **named,
        )


def draw(job: Job, *, key: str) -> None:
    """Says that it is done, with what it printed where this page does not show that itself."""
    made = Outcome.of(job)
    with st.container(horizontal=True, vertical_alignment="center"):
        if job.status == "done":
            when = str(job.ended_at)[:16].replace("T", " ")
            st.caption(f":material/check: Done, {when} UTC.")
            if link := _LINKS.get(job.words[0]):
                link(made)
    if show := _SHOWN.get(made.command) or _SHOWN.get(job.words[0]):
        show(made, key)


def _scores(made: Outcome) -> None:
    if made.score_id:
        address.link("channels", "Its channels", icon="grid_on", of=made.score_id)


def _check(made: Outcome) -> None:
    if made.path:
        address.link("criteria", "Its curves", icon="compare_arrows", check=made.path.parent.name)


def _study(made: Outcome) -> None:
    if made.name:
        address.link("ablation", "The study", icon="stacked_line_chart", study=made.name)
        address.link("compare", "Its primary contrast", icon="balance", study=made.name)


def _data(made: Outcome) -> None:
    if made.command in ("data download", "data link") and made.task:
        address.link("train", "Train on it", icon="play_arrow", tasks=made.task)


def _import(_made: Outcome) -> None:
    address.link("benchmark", "Beside this store's runs", icon="leaderboard")


def _checked(made: Outcome, _key: str) -> None:
    st.code(made.report, language=None)


def _placed(made: Outcome, _key: str) -> None:
    st.caption(words.plain(f"{made.task} is {made.path}: {made.counts}."))


def _imported(made: Outcome, _key: str) -> None:
    if made.rows is not None:
        st.caption(words.plain(f"{made.rows} rows, called {made.name}."))


def _report(made: Outcome, key: str) -> None:
    if made.path is None:
        return
    try:
        page = read_text(made.path, _MOST_BYTES)
    except (OSError, InputError) as error:
        st.caption(words.plain(f"{made.path}: {error}"))
        return
    st.download_button(
        f"Download {made.path.name}", page, made.path.name, "text/html", on_click="ignore",
        icon=":material/download:", key=f"job_page_{key}",
    )  # fmt: skip


_LINKS: dict[str, Callable[[Outcome], None]] = {
    "score": _scores, "causal": _check, "study": _study, "data": _data, "import": _import,
}  # fmt: skip
_SHOWN: dict[str, Callable[[Outcome, str], None]] = {
    "data check": _checked, "data link": _placed, "data download": _placed, "import": _imported,
    "report": _report,
}  # fmt: skip
