"""One bad file never hides another: it is named once, with what to do, and the rest goes on."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ict import cli
from ict.store import Run, Store
from tests.odd_files import CORRUPTIONS, KINDS, NESTED, whole_store

ROOT = Path(__file__).resolve().parents[2]
WHAT_TO_DO = re.compile(r"; .*(delete|`ict|ask|mend|take|rename|update|run|write|put|name)\b")
PAGES = (
    "train", "run", "curves", "channels", "overlap", "inspect", "ablation", "benchmark", "export",
    "data", "criteria", "transfer",
)  # fmt: skip


class Blocked(BaseException):
    """A reader waits where it should not; no `except` of the program catches it."""


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """Raises Blocked in this thread after `seconds`."""

    def stop(*_: object) -> None:
        raise Blocked

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def ict(*words: str, code: int = 0) -> Result:
    """`ict WORDS` in this process. An exception that is no exit fails the test as itself."""
    with at_most(60):
        done = CliRunner().invoke(cli.main, list(words), catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done


def left_out(done: Result, name: str) -> str:
    """The one line on stderr that names `name`, which says what to do."""
    lines = [line for line in done.stderr.splitlines() if name in line]
    assert len(lines) == 1, (name, done.stderr)
    assert WHAT_TO_DO.search(lines[0]), lines[0]
    return lines[0]


@pytest.fixture
def whole(
    template, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Store, dict[str, Path]]:
    """A store with every kind of file, as `$ICT_STORE` names it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    base, paths = template
    shutil.copytree(base, tmp_path, dirs_exist_ok=True)
    store = Store(tmp_path / "store")
    birds = tmp_path / "birds"
    (store.root / "links.json").write_text(json.dumps({"birds": str(birds)}))
    return store, {kind: tmp_path / path.relative_to(base) for kind, path in paths.items()}


@pytest.fixture(scope="module", autouse=True)
def no_jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A Slurm without jobs: one that is installed and stopped lets every question wait for 9 s."""
    folder = tmp_path_factory.mktemp("no_jobs")
    (folder / "squeue").write_text("#!/bin/sh\n")
    (folder / "squeue").chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        yield


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Path]]:
    base = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ICT_STORE", str(base / "store"))
        return base, whole_store(base / "store")[1]


def ids(*words: str) -> list[str]:
    return [row["run_id"] for row in json.loads(ict("runs", "--json", *words).stdout)]


def rewrite(path: Path, **fields: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


@pytest.mark.promise("A store in which nothing is wrong names nothing")
def test_a_whole_store_has_nothing_to_say(whole):
    store, _ = whole
    assert store.unreadable() == []
    for words in (["runs"], ["runs", "--group"], ["tasks"], ["study", "show", "k_ratio"]):
        assert ict(*words).stderr == ""


@pytest.mark.promise(
    "A run folder of another user is named and left out; all other runs are listed"
)
@pytest.mark.parametrize("words", [(), ("--group",)])
def test_a_run_folder_of_another_user(whole, monkeypatch, words):
    _, paths = whole
    folder = paths["result"].parent
    before = ids()
    real = {name: getattr(os, name) for name in ("stat", "open", "listdir", "scandir", "lstat")}

    def refusing(name: str) -> Any:
        def call(path: Any = ".", *more: Any, **options: Any) -> Any:
            if (
                isinstance(path, (str, Path))
                and f"{folder}/" in f"{path}/"
                and str(path) != str(folder)
            ):
                raise PermissionError(13, "Permission denied", str(path))
            return real[name](path, *more, **options)

        return call

    for name in real:
        monkeypatch.setattr(os, name, refusing(name))
    done = ict("runs", *words)
    assert "ask its owner" in left_out(done, folder.name)
    monkeypatch.undo()
    monkeypatch.setenv("ICT_STORE", str(folder.parents[1]))
    assert len(ids()) == len(before)


@pytest.mark.promise(
    "A run folder of mode 0700 of another user, met by a process that may not look into it"
)
def test_a_run_folder_that_this_process_may_not_look_into(whole):
    _, paths = whole
    folder, rest = paths["result"].parent, ids()
    words = [sys.executable, "-m", "ict", "runs", "--json"]
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root needs setpriv to give up its right to read everything")
        words = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *words]
        os.chown(folder, 12345, 12345)
    folder.chmod(0o700 if os.geteuid() == 0 else 0)
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    finally:
        os.chown(folder, os.geteuid(), -1)
        folder.chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert [row["run_id"] for row in json.loads(done.stdout)] == [
        i for i in rest if i != folder.name
    ]
    assert done.stderr.count(folder.name) == 1
    assert "permission denied; ask its owner" in done.stderr


@pytest.mark.promise("index.json is only a cache: one of wrong types is built anew")
@pytest.mark.parametrize(
    "change",
    [
        {"runs": [1]},
        {"runs": {"x": 3}},
        {"version": "1"},
        {"test_accuracy": "high"},
        {"created_at": None},
        {"k": {"a": 1}},
    ],
)
def test_an_index_of_wrong_types_is_built_anew(whole, change):
    from ict import run_table

    _, paths = whole
    before = json.loads(ict("runs", "--json").stdout)
    index = json.loads(paths["index"].read_text())
    for name, value in change.items():
        if name in index:
            index[name] = value
        else:
            for entry in index["runs"].values():
                entry["row"][name] = value
    paths["index"].write_text(json.dumps(index))
    run_table._memory.clear()
    done = ict("runs", "--json")
    assert json.loads(done.stdout) == before
    assert ict("runs", "--group").stderr == done.stderr == ""
    assert json.loads(paths["index"].read_text())["runs"].keys() == {
        row["run_id"] for row in before
    }


ODD_RESULTS = {
    'accuracy "high"': {"test_accuracy": "high"},
    "Infinity seconds": {"train_seconds": float("inf")},
    "NaN accuracy": {"test_accuracy": float("nan")},
    "memory as text": {"peak_memory_bytes": "1.2 GB"},
    "no accuracy": {"test_accuracy": None},
    "accuracy of 95": {"test_accuracy": 95},
    "scores outside the store": {"score_id": "../../../etc"},
    "400 digits": {"train_seconds": 10**400},
    "notes in a table": {"notes": {"a": 1}},
    "half a character": {"device_name": "\ud800"},
}


@pytest.mark.promise(
    "A result of wrong types is named once with its field; all other runs are listed and grouped"
)
@pytest.mark.parametrize("odd", ODD_RESULTS.values(), ids=ODD_RESULTS)
def test_a_result_of_wrong_types(whole, odd):
    _, paths = whole
    run = paths["result"].parent.name
    before = ids()
    rewrite(paths["result"], **odd)
    paths["index"].unlink()
    for words in (["runs"], ["runs", "--group"], ["runs", "--json"], ["study", "show", "k_ratio"]):
        line = left_out(ict(*words), run)
        assert "result.json" in line
    assert ids() == [name for name in before if name != run]


ODD_CONFIGS = {
    "{}": "{}",
    "no date": {"created_at": None},
    "a date in numbers": {"created_at": 20260101},
    "half a character": {"command": "\ud800"},
    "epochs in words": {"config": {"task": "digits", "epochs": "many"}},
    "no task": {"config": {}},
    "config in a list": {"config": ["digits"]},
    "infinite rate": {"config": {"task": "digits", "lr": float("inf")}},
    "brackets": "[" * NESTED,
    "torn": '{"run_id": "di',
}


@pytest.mark.promise(
    "A config.json that is no configuration is named once; all other runs are listed"
)
@pytest.mark.parametrize("odd", ODD_CONFIGS.values(), ids=ODD_CONFIGS)
def test_a_config_that_is_none(whole, odd):
    store, paths = whole
    run = paths["config"].parent.name
    before = ids()
    if isinstance(odd, dict):
        rewrite(paths["config"], **odd)
    else:
        paths["config"].write_text(odd)
    paths["index"].unlink()  # it hid what it had seen whole
    for words in (["runs"], ["runs", "--group"], ["runs", "--json"], ["study", "show", "k_ratio"]):
        assert "config.json" in left_out(ict(*words), run)
    assert ids() == [name for name in before if name != run]
    assert all(one.id != run for one in store.runs())
    assert "config.json" in json.loads(ict("show", run, "--json", code=2).stdout)["error"]


@pytest.mark.promise(
    "A config that lacks fields, or names a backbone that timm lacks, spoils no report"
)
@pytest.mark.parametrize("odd", [{}, {"backbone": "vit_of_the_future", "method": "ict", "k": [3]}])
@pytest.mark.usefixtures("timm_here")
def test_a_config_that_lacks_fields(whole, odd, tmp_path):
    _, paths = whole
    rewrite(paths["config"], config={"task": "digits", **odd})
    paths["index"].unlink()
    ict("report", "k_ratio", "--out", str(tmp_path / "r.html"))
    ict("figure", "k-ratio", "--task", "digits", "--out", str(tmp_path / "k.json"))
    left_out = json.loads((tmp_path / "k.json").read_text())["left_out"]
    assert (paths["config"].parent.name in str(left_out)) == bool(odd)


@pytest.mark.promise("A config of a newer schema, or with settings of one, says that it is newer")
@pytest.mark.parametrize(
    "newer", [{"schema": 99}, {"config": {"task": "digits", "schema": 99}},
              {"config": {"task": "digits", "from_the_future": 1}}]
)  # fmt: skip
def test_a_config_of_a_newer_version(whole, newer):
    _, paths = whole
    rewrite(paths["config"], **newer)
    line = left_out(ict("runs"), paths["config"].parent.name)
    assert "a newer version of ict wrote it; update ict" in line
    assert "delete" not in line


NAMED = [  # kinds that `ict runs` names; caches are built anew, and of the rest lines are left out
    "config", "result", "selection", "execution", "error", "queued", "score meta", "scores",
    "inspect meta", "inspect rows", "inspect thumbs", "causal", "study", "set", "imported", "links",
    "info",
]  # fmt: skip


@pytest.mark.promise("A figure of a run that cannot be read says why; among others it is left out")
def test_a_figure_of_a_bad_run(whole, tmp_path):
    _, paths = whole
    bad = paths["result"].parent.name
    rewrite(paths["result"], test_accuracy="high")
    out = tmp_path / "c.json"
    asked = ["figure", "k-ratio", "--out", str(out), "--force", "--json", "--from", bad]
    error = json.loads(ict(*asked, code=2).stdout)["error"]
    assert error.startswith(str(paths["result"].parent))
    assert "test_accuracy is 'high'" in error
    others = [row["run_id"] for row in json.loads(ict("runs", "--status", "done", "--json").stdout)]
    done = ict(*asked, *others)
    assert json.loads(out.read_text())["left_out"] == {"not finished (unreadable)": [bad]}
    assert "1 (not finished (unreadable))" in done.output


@pytest.mark.promise(
    "Any JSON file of 2,000 brackets is named once, with what to do, and the rest goes on"
)
@pytest.mark.parametrize(
    "kind", [kind for kind in NAMED if not kind.endswith(("scores", "rows", "thumbs"))]
)
def test_two_thousand_brackets_in_any_json(whole, kind):
    _, paths = whole
    CORRUPTIONS["brackets"](paths[kind])
    left_out(
        ict("tasks"),
        str(paths[kind].parent.name if "runs" in paths[kind].parts else paths[kind].name),
    )
    assert len(ids()) >= 4


@pytest.mark.promise(
    "A links.json that is torn or odd is named once; bundled tasks and the rest are listed"
)
@pytest.mark.parametrize(
    "content", ["", '{"birds": "/', "[1]", '{"birds": 3}', '{"birds": "rel"}', '{"a\\ud800": "/x"}']
)
def test_links_that_are_torn_or_odd(whole, content):
    _, paths = whole
    paths["links"].write_text(content)
    done = ict("tasks", "--json")
    assert {"digits", "svhn"} <= {row["name"] for row in json.loads(done.stdout)}
    if content:
        left_out(done, "links.json")
        left_out(ict("tasks"), "links.json")
    assert ict("train", "digits", "--dry-run", "--json").exit_code == 0


@pytest.mark.promise(
    "An odd link spoils its own task alone: another linked task is found and checked"
)
def test_an_odd_link_beside_a_sound_one(whole):
    _, paths = whole
    links = {"birds": str(paths["info"].parent), "owls": 3, "svhn": "here"}
    paths["links"].write_text(json.dumps(links))
    report = json.loads(ict("data", "check", "birds", "--json", code=1).stdout)  # no image is there
    assert "links.json" not in json.dumps(report)
    for name in ("owls", "svhn"):  # never the folder of that name under ICT_VTAB_ROOT
        said = json.loads(ict("data", "check", name, "--json", code=2).stdout)["error"]
        assert "links no folder: owls → 3, svhn → 'here'" in said
    assert ict("data", "link", "owls", links["birds"]).exit_code == 0
    assert json.loads(paths["links"].read_text()) == {
        "birds": links["birds"],
        "owls": links["birds"],
    }


@pytest.mark.promise("One task's info.json never hides the other tasks")
@pytest.mark.parametrize(
    "content", ["[" * NESTED, '{"num_classes": "two"}', '{"title": "\\ud800"}', "[]", "{"]
)
def test_the_info_of_one_task(whole, content):
    _, paths = whole
    paths["info"].write_text(content)
    rows = json.loads(ict("tasks", "--json").stdout)
    (row,) = [row for row in rows if row["name"] == "birds"]
    assert (row["available"], row["classes"]) == (True, 2)
    left_out(ict("tasks"), "info.json")


@pytest.mark.promise(
    "A task's folder that may not be looked into is named once; the other tasks are listed"
)
def test_a_task_folder_of_another_user(whole, monkeypatch, tmp_path):
    root = tmp_path / "vtab"
    for name in ("eagles", "owls"):
        shutil.copytree(whole[1]["list"].parent, root / name)
    monkeypatch.setenv("ICT_VTAB_ROOT", str(root))
    real = os.stat

    def refusing(path: Any, *more: Any, **options: Any) -> Any:
        if f"{root}/eagles/" in str(path):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *more, **options)

    monkeypatch.setattr(os, "stat", refusing)
    done = ict("tasks", "--json")
    names = {row["name"] for row in json.loads(done.stdout)}
    assert {"digits", "birds", "owls"} <= names
    left_out(done, "eagles")


@pytest.mark.promise("Imported numbers that are odd are named once; the benchmark draws the others")
@pytest.mark.parametrize(
    "content", ["[]", '{"rows": 3}', '{"rows": [{"method": "x"}]}', '{"rows": [["VPT"]]}',
                '{"rows": [{"method": "x", "task": "svhn", "test_accuracy": "high"}]}', "[" * NESTED]
)  # fmt: skip
def test_imported_numbers_that_are_odd(whole, content):
    from ict.imported import imported_rows

    store, paths = whole
    (paths["imported"].parent / "torn.json").write_text(content)
    assert [row["method"] for row in imported_rows(store)] == ["VPT"]
    left_out(ict("runs"), "torn.json")


@pytest.mark.promise("The cache of backbones, torn or of wrong types, is built anew")
@pytest.mark.parametrize(
    "content", ["[]", "[" * NESTED, '{"vit_x": 3}', '{"vit_x": {"name": "vit_x"}}', "\\xff"]
)
def test_the_cache_of_backbones(whole, monkeypatch, content):
    from ict import catalogue

    _, paths = whole
    paths["backbones"].write_text(content)
    record = json.dumps(catalogue.get_backbone("ict_tiny").__dict__ | {"name": "vit_x"})
    answer = subprocess.CompletedProcess([], 0, stdout=record, stderr="")
    monkeypatch.setattr(catalogue.subprocess, "run", lambda *_, **__: answer)
    assert catalogue.get_backbone("vit_x").name == "vit_x"
    assert json.loads(paths["backbones"].read_text())["vit_x"]["blocks" if 0 else "stages"]


@pytest.mark.promise(
    "A store with twenty bad things: every list answers and names each of them once"
)
def test_a_store_with_twenty_bad_things(whole):
    store, paths = whole
    names = spoil(store, paths)
    assert len(names) >= 20
    for words in (["runs"], ["runs", "--group"], ["runs", "--json"], ["tasks"], ["tasks", "--json"],
                  ["study", "show", "k_ratio"], ["study", "list"], ["scores"]):  # fmt: skip
        done = ict(*words)
        for name in names:
            left_out(done, f"/{name}:")
    assert paths["config"].parent.name in ids()


def spoil(store: Store, paths: dict[str, Path]) -> list[str]:
    """Puts more than twenty bad things into a whole store beside good ones; gives what each is called."""
    from tests.app import fixture_store

    names = []

    def run(seed: int) -> Run:
        one = fixture_store.add_done(store, seed=1000 + seed)
        names.append(one.id)
        return one

    for seed, odd in enumerate(ODD_RESULTS.values()):
        rewrite(run(seed).path / "result.json", **odd)
    for seed, odd in enumerate(ODD_CONFIGS.values(), start=100):
        path = run(seed).path / "config.json"
        rewrite(path, **odd) if isinstance(odd, dict) else path.write_text(odd)
    CORRUPTIONS["folder"](run(200).path / "result.json")
    CORRUPTIONS["loop"](run(201).path / "config.json")
    CORRUPTIONS["not text"](run(202).path / "result.json")
    rewrite(run(203).path / "config.json", schema=99)
    for name, content in {"a.json": "[" * NESTED, "b.json": "{}"}.items():
        for folder in ("sets", "imported"):
            (store.root / folder / f"{folder}-{name}").write_text(content)
            names.append(f"{folder}-{name}")
    for folder, file in (("scores", "meta.json"), ("inspect", "meta.json"), ("studies", "study.json"),
                         ("causal", "causal.json")):  # fmt: skip
        for kind, content in {"torn": "{", "odd": '{"task": ["a"], "stages": 3}'}.items():
            path = store.root / folder / f"{folder}-{kind}" / file
            path.parent.mkdir(parents=True)
            path.write_text(content)
            names.append(path.parent.name)
    (store.runs_dir / "notes.txt").write_text("buy milk")
    paths["links"].write_text(json.dumps({"birds": str(paths["info"].parent), "owls": 3}))
    paths["info"].write_text("[" * NESTED)
    return [*names, "notes.txt", "links.json", "info.json"]


@pytest.mark.promise(
    "A store with twenty bad things: all twelve pages answer and name each of them once"
)
@pytest.mark.parametrize("page", PAGES)
def test_pages_of_a_store_with_twenty_bad_things(spoiled, page):
    from streamlit.testing.v1 import AppTest

    names = spoiled
    app = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=60)
    app.switch_page(str(ROOT / "pages" / f"{page}.py"))
    app.run()
    assert not app.exception, app.exception[0].stack_trace
    notices = [text.value for expander in app.expander for text in expander.text]
    for name in names:
        (said,) = [text for text in notices if text.startswith(f"{name}: ")]
        assert WHAT_TO_DO.search(said), said


@pytest.fixture(scope="module")
def spoiled_store(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    base = tmp_path_factory.mktemp("spoiled")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ICT_STORE", str(base / "store"))
        store, paths = whole_store(base / "store")
        return base, spoil(store, paths)


@pytest.fixture
def spoiled(spoiled_store, monkeypatch) -> list[str]:
    """What the bad things in `$ICT_STORE` are called."""
    sys.path.insert(0, str(ROOT / "app"))
    try:
        from ict_app.common import readers
    except ImportError:  # where they were at first
        from ict_app import readers

    base, names = spoiled_store
    monkeypatch.setenv("ICT_STORE", str(base / "store"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(base / "cache"))
    readers.forget_rows()
    readers.tasks.clear()
    return names


@pytest.mark.promise(
    "Every kind of file in every way in which a file can be wrong: lists answer, and what is odd is named at most once"
)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_in_every_way(whole, kind):
    from ict.tasks import list_tasks

    store, paths = whole
    path = paths[kind]
    saved = path.read_bytes()
    runs = {row["run_id"] for row in store.table()}
    for name, spoil_it in CORRUPTIONS.items():
        spoil_it(path)
        with at_most(30):
            listed = {row["run_id"] for row in store.table()}
            assert runs - listed <= {path.parent.name}, name
            assert len(list_tasks()) >= 23, name
            told = store.unreadable()
        assert len(told) <= 1, (name, told)
        if kind in NAMED and kind != "info" and name not in ("empty", "table", "dangling"):
            assert len(told) == 1, name
        if name in ("torn", "closed brackets"):
            done = ict("runs", "--json")
            assert done.stderr.count("left out") == (kind in NAMED), (name, done.stderr)
            assert len(json.loads(ict("tasks", "--json").stdout)) >= 23
        restore(path, saved)
    assert store.unreadable() == []


def restore(path: Path, content: bytes) -> None:
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    elif os.path.lexists(path):
        path.unlink()
    path.write_bytes(content)


@pytest.mark.promise("A link to a run that cannot be read opens a page that says so, no traceback")
@pytest.mark.parametrize(("page", "key"), [("run", "run"), ("channels", "of"), ("inspect", "of")])
def test_a_link_to_a_bad_run(spoiled, page, key):
    from streamlit.testing.v1 import AppTest

    app = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=60)
    app.switch_page(str(ROOT / "pages" / f"{page}.py"))
    app.query_params[key] = spoiled[0]
    app.run()
    assert not app.exception, app.exception[0].stack_trace


@pytest.mark.promise("A store of another user is said to be so, not shown as empty")
def test_a_store_that_may_not_be_listed(whole, monkeypatch):
    store, _ = whole
    real = {name: getattr(os, name) for name in ("listdir", "scandir")}

    def refusing(name: str) -> Any:
        def call(path: Any = ".") -> Any:
            if str(path) == str(store.runs_dir):
                raise PermissionError(13, "Permission denied", str(path))
            return real[name](path)

        return call

    for name in real:
        monkeypatch.setattr(os, name, refusing(name))
    done = ict("runs", "--json")
    assert json.loads(done.stdout) == []
    left_out(done, "/runs:")


@pytest.mark.promise("An ICT_STORE that can name no folder is said in one sentence, on every page")
@pytest.mark.parametrize("page", ["train", "run", "data"])
@pytest.mark.parametrize("odd", ["{file}", "~nobody-of-this-name/x", "/tmp/" + "y" * 300])
def test_a_store_that_can_be_none(tmp_path, monkeypatch, page, odd):
    from streamlit.testing.v1 import AppTest

    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("ICT_STORE", odd.format(file=tmp_path / "file"))
    monkeypatch.syspath_prepend(str(ROOT / "app"))
    app = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=60)
    app.switch_page(str(ROOT / "pages" / f"{page}.py"))
    app.run()
    assert not app.exception
    assert len(app.error) == 1
