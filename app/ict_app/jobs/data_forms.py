"""*Data*: check, download or link a task, import other people's numbers, the report of a study."""

import streamlit as st

from ict.errors import InputError
from ict.files import absolute
from ict.store.studies import list_studies
from ict_app.common import readers, words
from ict_app.common.readers import TaskRow
from ict_app.jobs import lines, view
from ict_app.jobs.view import Offer

_PATH = "On this machine: from the root, or beginning with ~."
_WIDTH = 480
VTAB = ("natural", "specialized", "structured")


def of_task(row: TaskRow) -> None:
    """What can be done about one task: verify what is here, fetch what is not."""
    if row.path:
        _draw(Offer(label="Check", words=("data", "check", row.name), key="check", icon="fact_check", here=False))  # fmt: skip
    if not row.available and row.group in VTAB:
        words_ = ("data", "download", row.name)
        _draw(Offer(label="Download", words=words_, key="download", icon="download", here=False))


def _draw(one: Offer) -> None:
    view.draw(one)


def more() -> None:
    """The forms that are of no single task."""
    view.folded("Use a folder of your own", _link, key="link", icon="create_new_folder")
    view.folded("Import other people's numbers", _import, key="import", icon="upload_file")
    view.folded("Report of a study", _report, key="report", icon="description")


def _link() -> None:
    with st.container(horizontal=True, gap="small"):
        name = st.text_input("Name of the task", key="job_link_name", width=205, max_chars=80,
                             help="One of the 19 of VTAB-1K, or a new one.").strip()  # fmt: skip
        folder = st.text_input("Folder or table", key="job_link_dir", width=_WIDTH, max_chars=1000,
                               help=f"{_PATH} The layout of VTAB-1K, class folders, a CSV, or parquet files; it is only read.")  # fmt: skip
        follow = st.toggle("Follow links", key="job_link_follow",
                           help="Links of images may lead to the one folder that holds their files.")  # fmt: skip
    path, trouble = _full(folder, "Write the folder or table.")
    line = lines.line("data", "link", name or "NAME", path, follow_links=follow)
    trouble = trouble or (None if name else "Write the name of the task.")
    _draw(Offer(label="Link it", words=line, key="link", icon="link", hindrance=trouble, here=False))  # fmt: skip


def _import() -> None:
    path, trouble = _full(
        st.text_input("Table", key="job_import_file", width=_WIDTH, max_chars=1000,
                      help=f"{_PATH} A CSV with the columns method, task, test_accuracy; backbone, seed, k, "
                      "adapter_parameters and note where there are."),
        "Write the path of the table.",
    )  # fmt: skip
    line = ("import", path)
    _draw(Offer(label="Import it", words=line, key="import", icon="upload_file", hindrance=trouble))


def _report() -> None:
    store = readers.own_store()
    names = [study.name for study in list_studies(store)]
    if not names:
        st.caption("No study in your store yet: *Ablation* has the form that plans one.")
        return
    with st.container(horizontal=True, gap="small"):
        study = st.selectbox("Study", names, key="job_report_study", width=250,
                             help="Its runs, figures, tables, differences and provenance on one page.")  # fmt: skip
        typed = st.text_input("File", str(store.root / "reports" / f"{study}.html"), key=f"job_report_{study}",
                              width=_WIDTH, max_chars=1000, help=f"{_PATH} One that is there is written anew.")  # fmt: skip
    path, trouble = _full(typed, "Write the name of the file.")
    line = ("report", study, "--out", path, "--force")
    _draw(Offer(label="Write the report", words=line, key="report", icon="description", hindrance=trouble))  # fmt: skip


def _full(text: str, lacking: str) -> tuple[str, str | None]:
    """A path from the root, so that the command means the same in any folder; and what is wrong with it."""
    if not text.strip():
        return "PATH", lacking
    try:
        return str(absolute(text.strip())), None
    except InputError as error:
        return "PATH", words.sentence(error)
