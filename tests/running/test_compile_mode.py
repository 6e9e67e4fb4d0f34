"""Whether a run is compiled: from the command line to its result, decided once and then kept."""

import functools
import json

import pytest
from click.testing import CliRunner

from ict.cli import main
from ict.errors import InputError
from ict.files import atomic_write_json
from ict.notebook.runs import train
from ict.resolve import resolve
from ict.running import execute, local, queue, run_compiling
from ict.running.asked import asked_run
from ict.running.compile_mode import at_start
from ict.store.run_folder import Run
from ict.training.compile_choice import Choice
from ict.training.compiled import CompiledBlocks, lacking_compiler
from tests.toys import toys, until

pytest_plugins = ("tests.toy_plugin",)

UNDECIDED = {"compile": None, "compile_why": None}


def begun(run: Run, *, checkpoint: bool, **execution: object) -> Run:
    atomic_write_json(run.execution_path, execution)
    if checkpoint:
        run.checkpoint_path.mkdir()
    return run


def test_what_is_asked_reaches_the_run(toy_store):
    (run,) = toys(toy_store, 1)
    ticket = queue.Ticket(run_id=run.id, compile="on")
    atomic_write_json(run.queued_path, queue.marker_of(ticket))
    assert queue.read_ticket(run).compile == "on"
    assert at_start(run, "on") == {"compile_asked": "on", **UNDECIDED}
    assert at_start(run, None) == {"compile_asked": "auto", **UNDECIDED}


def test_a_worker_writes_it_down(toy_store):
    (run,) = toys(toy_store, 1)
    local.submit(toy_store, [run.id], compile="on")
    until(lambda: run.status() == "done")
    assert run.execution()["compile_asked"] == "on"


def test_before_a_checkpoint_it_is_decided_anew(toy_store):
    run = begun(toys(toy_store, 1)[0], checkpoint=False, compile_asked="on", compile="on")
    assert at_start(run, None) == {"compile_asked": "on", **UNDECIDED}
    assert at_start(run, "off") == {"compile_asked": "off", **UNDECIDED}


def test_after_it_the_run_goes_on_as_it_began(toy_store):
    said = {"compile_asked": "auto", "compile": "on", "compile_why": "it pays"}
    run = begun(toys(toy_store, 1)[0], checkpoint=True, **said)
    assert at_start(run, None) == said
    assert at_start(run, "off") == said
    assert run.log_tail(1).endswith(
        f"{run.id} goes on with compile=on, as it began: off gives other numbers"
    )


def test_a_run_that_an_earlier_version_began_goes_on_uncompiled(toy_store):
    run = begun(toys(toy_store, 1)[0], checkpoint=True, threads=1)
    assert at_start(run, "on")["compile"] == "off"


def small_run(store, **fields) -> Run:
    asked = {"task": "digits", "limit": 16, "epochs": 1, "batch_size": 8, "precision": "fp32"}
    asked |= {"criterion": "random", **fields}
    return asked_run(resolve(asked, recipe="quick", device="cpu"), store, command=None)


@pytest.fixture
def traced(monkeypatch, tmp_path):
    for name in ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    blocks = functools.partial(CompiledBlocks, backend="aot_eager")
    monkeypatch.setattr("ict.training.step.CompiledBlocks", blocks)
    monkeypatch.setattr("ict.training.compile_choice.lacking_compiler", lambda _device: None)


@pytest.fixture
def fails(monkeypatch, tmp_path):
    """A compiler that is there and breaks."""
    for name in ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))

    def breaks(*_):
        raise AssertionError("out of registers\nand more")

    blocks = functools.partial(CompiledBlocks, backend=breaks)
    monkeypatch.setattr("ict.training.step.CompiledBlocks", blocks)
    monkeypatch.setattr("ict.training.compile_choice.lacking_compiler", lambda _device: None)


@pytest.mark.usefixtures("traced")
def test_a_compiled_run_says_so_in_its_folder_and_result(store):
    run = small_run(store)
    result = execute.run(run.id, store, threads=1, device="cpu", compile="on")
    assert result.compiled is True
    said = run.execution()
    assert (said["compile_asked"], said["compile"], said["compile_why"]) == (
        "on",
        "on",
        "asked for",
    )
    assert not any("compiled" in note for note in result.notes)


def test_auto_on_a_cpu_is_off_and_no_note(store):
    run = small_run(store)
    result = execute.run(run.id, store, threads=1, device="cpu")
    assert result.compiled is False
    said = run.execution()
    assert (said["compile_asked"], said["compile"]) == ("auto", "off")
    assert said["compile_why"] == "on a CPU compiling takes longer than it saves"
    assert not any("compiled" in note for note in result.notes)


@pytest.mark.usefixtures("fails")
def test_where_it_was_asked_for_and_fails_the_run_fails_and_may_be_asked_anew(store):
    run = small_run(store)
    with pytest.raises(Exception, match=r"^torch\.compile: .*out of registers$"):
        execute.run(run.id, store, threads=1, device="cpu", compile="on")
    assert run.status() == "failed"
    assert execute.run(run.id, store, threads=1, device="cpu", compile="off").compiled is False


@pytest.mark.usefixtures("fails")
def test_where_auto_chose_it_and_it_fails_the_run_goes_on_with_a_note(store, monkeypatch):
    monkeypatch.setattr(run_compiling, "choose", lambda *_, **__: Choice(True, "it pays"))
    run = small_run(store)
    result = execute.run(run.id, store, threads=1, device="cpu")
    assert result.compiled is False
    (note,) = [note for note in result.notes if "compiled" in note]
    assert note.startswith("steps are not compiled: torch.compile: ")
    assert note.endswith("out of registers")
    said = run.execution()
    assert said["compile"] == "off"
    assert note.endswith(said["compile_why"])


def test_words_that_are_none_are_refused():
    with pytest.raises(InputError, match="compile='fast': choose one of auto, on, off"):
        train({"task": "digits"}, compile="fast")
    told = CliRunner().invoke(main, ["train", "digits", "--compile", "fast"])
    assert told.exit_code == 2


def test_the_id_knows_nothing_of_it(store):
    words = ["train", "digits", "--dry-run", "--json"]
    configs = [
        json.loads(CliRunner().invoke(main, [*words, *more]).stdout)
        for more in ([], ["--compile", "on"])
    ]
    assert configs[0] == configs[1]


@pytest.mark.skipif(lacking_compiler("cpu") is None, reason="a compiler is here")
def test_without_a_compiler_asking_for_it_is_one_sentence(store):
    with pytest.raises(InputError, match="--compile on: no C compiler"):
        execute.run(small_run(store).id, store, threads=1, device="cpu", compile="on")
