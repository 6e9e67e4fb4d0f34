"""Buttons that start jobs: the command beside them is what runs, only a click starts it, errors are sentences."""

import shlex
from pathlib import Path
from typing import Any

import pytest
from ict_app.jobs.lines import line
from ict_app.studies import study_plan
from streamlit.testing.v1 import AppTest

from ict.cli.jobs import check_line
from ict.running import jobs
from ict.store import Store
from ict.store.job_folder import find_job, read_jobs
from ict.store.studies import read_toml
from ict.store.study_asked import StudyAsk, document
from tests.app.conftest import ROOT, Open
from tests.app.test_links import texts
from tests.toys import kill, processes, until

PAGES = ("channels", "criteria", "overlap", "ablation", "run", "data")


@pytest.fixture
def own(stores: dict[str, Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A store of the test's own, as state `own`; its jobs count (`tests.toy_job`)."""
    monkeypatch.setattr(jobs, "PROCESS", "tests.toy_job")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    store = stores["own"] = Store(tmp_path / "own")
    yield store
    del stores["own"]
    for pid in processes(store):
        kill(pid)


def commands(app: AppTest) -> list[list[str]]:
    """The words behind `ict` of each command that is shown in a block of its own."""
    said = [one for code in app.code for one in str(code.value).splitlines()]
    return [shlex.split(one)[1:] for one in said if one.startswith("ict ")]


def unfolded(app: AppTest) -> AppTest:
    """The page with every form of a job open."""
    ids = [one.proto.id for one in app.get("expander")]
    folded = [one.rpartition("-")[2] for one in ids if "job_open_" in one]
    for key in folded:
        app.session_state[key] = True
    return app.run() if folded else app


@pytest.mark.parametrize("page", PAGES)
def test_each_command_is_one_that_the_command_line_takes(open_page: Open, page: str):
    found = commands(unfolded(open_page(page, "study")))
    assert found
    for words in found:
        check_line(words)


def test_the_command_is_of_the_fields_and_a_click_starts_it(open_page: Open, own: Store):
    app = open_page("channels", "own")
    app.number_input(key="job_score_Images").set_value(20).run()
    app.selectbox(key="job_score_Tokens").set_value("all").run()
    words = ("score", "digits", "--tokens", "all", "--limit", "20", "--keep-images")
    assert [list(words)] == commands(app)
    assert not own.jobs_dir.exists()
    app.button(key="job_score_go").click().run()
    assert not app.exception
    assert app.button(key="job_score_go").disabled
    until(lambda: (job := find_job(own, words)) is not None and job.progress is not None)
    app.run()
    assert app.button(key="job_cancel_score_go")
    until(lambda: not read_jobs(own)[0][0].alive)
    app.run()
    assert "Done, " in texts(app)
    assert not app.button(key="job_score_go").disabled


def test_cancel_and_a_failure_are_said_in_a_sentence(open_page: Open, own: Store):
    running = jobs.start(own, ("data", "check", "600"))
    failing = jobs.start(own, ("data", "check", "0", "fail"))
    until(lambda: not find_job(own, failing.words).alive)
    app = open_page("data", "own")
    assert "counted in vain" in texts(app)  # behind the sidebar's line
    app.button(key=f"job_cancel_side_{running.id}").click().run()
    assert find_job(own, running.words).status == "cancelled"
    assert "cancelled, " in texts(app)


def test_a_line_names_what_is_not_at_the_default_and_zero_is_a_value():
    fields = {"backbone": "ict_tiny", "criterion": ["class_l2"], "site": "q", "limit": None}
    zeros = {"scatter": 0, "random_draws": 5, "keep_images": False}
    assert line("causal", "digits", **fields, **zeros) == (
        "causal", "digits", "--site", "q", "--scatter", "0",
    )  # fmt: skip
    assert line("score", keep_images=True, criterion=["l2", "class_l2"]) == (
        "score", "--keep-images", "--criterion", "l2", "--criterion", "class_l2",
    )  # fmt: skip


@pytest.mark.parametrize("page", ["channels", "ablation", "data"])
def test_a_page_that_ends_early_has_its_sidebar(open_page: Open, page: str):
    """After `st.stop` streamlit draws nothing more, and keeps fragments that then draw over other things."""
    app = open_page(page, "empty")
    assert "0 runs, 0 running" in [one.value for one in app.sidebar.caption]


def test_a_link_starts_nothing(open_page: Open, own: Store):
    for page in ("criteria", "ablation"):
        names = ("job_score_go", "job_causal_go", "job_study_go", "score", "start", "words")
        assert not open_page(page, "own", **dict.fromkeys(names, "true")).exception
    assert not own.jobs_dir.exists()


def test_in_the_example_the_command_can_be_copied_and_nothing_started(
    open_page: Open, stores: dict[str, Store], monkeypatch: pytest.MonkeyPatch
):
    from ict_app.common import readers

    monkeypatch.setattr(readers, "EXAMPLE", stores["study"].root)
    app = unfolded(open_page("channels", "one", store="example"))
    starts = [one for one in app.button if str(one.key).startswith("job_")]
    assert len(starts) >= 2
    assert all(one.disabled for one in starts)
    assert "switch to *My store*" in texts(app)
    assert commands(app)


def test_a_study_file_is_what_the_loader_reads_back(open_page: Open, own: Store):
    app = unfolded(open_page("ablation", "own"))
    app.text_input(key="job_study_name").set_value("mine").run()
    app.button_group(key="job_study_rows").set_value(["selector:random", "selector:gradient", "method:lora"]).run()  # fmt: skip
    shown = next(code.value for code in app.code if code.value.startswith("name ="))
    ask = StudyAsk(
        name="mine", tasks=("digits",), backbone="ict_tiny", criterion="class_l2", ratios=(0.125,),
        seeds=(42, 44, 82), rows=("selector:random", "selector:gradient", "method:lora"),
    )  # fmt: skip
    app.button(key="job_study_go").click().run()
    assert not app.exception
    path = study_plan.file_of(own, "mine")
    assert path.read_text() == f"{shown}\n"
    assert read_toml(path) == document(ask)
    job = read_jobs(own)[0][0]
    assert job.words == ("study", "run", str(path))
    assert list(job.words) in commands(app)
    # 3 seeds of ICT, 15 random choices, 3 by gradient, 3 of LoRA
    assert "24 runs" in texts(app)


def test_what_cannot_be_a_study_is_one_sentence(open_page: Open, own: Store):
    app = unfolded(open_page("ablation", "own"))
    app.text_input(key="job_study_name").set_value("no/name").run()
    assert app.button(key="job_study_go").disabled
    assert "not a study id" in texts(app)
    app.multiselect(key="job_study_shares").set_value(["7/3"]).run()
    assert "choose a share above 0" in texts(app)
    assert not app.exception


def test_paths_are_made_whole_and_what_is_none_is_said(open_page: Open, own: Store):
    app = unfolded(open_page("data", "own"))
    field = app.text_input(key="job_import_file")
    assert app.button(key="job_import").disabled
    field.set_value("~/numbers of others.csv").run()
    assert ["import", str(Path.home() / "numbers of others.csv")] in commands(app)
    assert not app.button(key="job_import").disabled
    app.text_input(key="job_import_file").set_value("x" * 300).run()
    assert "a name of 300 bytes" in texts(app)
    assert app.button(key="job_import").disabled


def test_controls_of_a_run_are_queued_with_one_button(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
):
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(
        "ict.running.controls.add_controls",
        lambda _store, run, **how: asked.append({"run": run.id, **how}) or [run.id],
    )
    app = unfolded(open_page("run", "one"))
    app.number_input(key="job_controls_draws").set_value(3).run()
    run_id = app.selectbox(key="run").value
    assert ["runs", "controls", run_id, "--draws", "3"] in commands(app)
    app.button(key="job_controls_go").click().run()
    assert asked == [{"run": run_id, "draws": 3, "linear": True, "command": "app"}]
