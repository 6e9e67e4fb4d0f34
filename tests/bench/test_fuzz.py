"""The fuzzer: finds nothing in what we ship, and finds each kind of fault in a parser that has it."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import pytest

from bench.fuzz import changes, crew, of_archives, of_images, tensors, watch
from bench.fuzz.__main__ import distinct, plan
from bench.fuzz.branches import LEAST, reached, unknown
from bench.fuzz.crew import Batch
from bench.fuzz.judge import input_of, judged
from bench.fuzz.parsers import all_targets
from bench.fuzz.target import Given, Target, World, in_file
from ict.errors import InputError

SOUND = json.dumps({"task": "digits", "k": [24], "note": "a"}).encode()
TORCH = ("weights files", "adapter files", "checkpoints", "best states")


def planted(
    root: Path, parser: Callable[[Path], object], *, may_write: tuple[str, ...] = ()
) -> tuple[Target, World]:
    """A target whose parser reads one JSON file."""
    path = root / "it.json"
    root.mkdir(exist_ok=True)

    def read(_given: Given) -> Sequence[str]:
        try:
            document = json.loads(path.read_bytes())
        except (OSError, ValueError, RecursionError):
            raise InputError("is not whole JSON") from None
        if not isinstance(document, dict):
            raise InputError("is no table")
        parser(path)
        return ()

    world = World(root=root, samples=[SOUND], place=in_file(path), read=read, may_write=may_write)
    target = Target(name="planted", parser=(), form=changes.JSON, world=lambda _: world)
    return target, world


def findings(target: Target, world: World, inputs: int = 120, seed: int = 1) -> list[str]:
    return [v.finding for n in range(inputs) if (v := judged(target, world, seed, n)).finding]


def found_in(root: Path, parser: Callable[[Path], object], inputs: int = 120) -> list[str]:
    return findings(*planted(root, parser), inputs=inputs)


def test_a_sound_parser_has_no_finding(tmp_path: Path):
    assert found_in(tmp_path / "w", lambda path: None) == []


def test_an_exception_is_found_and_its_number_repeats_it(tmp_path: Path):
    target, world = planted(tmp_path / "w", lambda path: sum(json.loads(path.read_bytes())["k"]))
    verdicts = [judged(target, world, 1, number) for number in range(120)]
    found = [one for one in verdicts if one.finding]
    assert {one.finding.partition(":")[0] for one in found} >= {"KeyError", "TypeError"}
    again = judged(target, world, 1, found[-1].number)
    assert (again.finding, again.kind) == (found[-1].finding, found[-1].kind)


def test_a_message_that_is_no_sentence_is_found(tmp_path: Path):
    def says(text: str) -> Callable[[Path], object]:
        def parser(path: Path) -> None:
            error = InputError("x")
            error.sentence = text
            raise error

        return parser

    for number, text in enumerate(("", "two\nlines", "\x1b[31mred", "x" * 300, "a word " * 200)):
        assert all("message" in one for one in found_in(tmp_path / str(number), says(text), 9)), (
            text
        )
        assert len(found_in(tmp_path / str(number), says(text), 1)) == 1, text


def test_what_hangs_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(watch, "SECONDS", 0.2)

    def parser(path: Path) -> None:
        end = time.monotonic() + (60 if b"digits" not in path.read_bytes() else 0)
        while time.monotonic() < end:
            pass

    found = found_in(tmp_path / "w", parser, 40)
    assert found
    assert all(one.startswith("hangs") for one in found)


def test_what_waits_for_a_pipe_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(watch, "SECONDS", 0.2)
    target, world = planted(tmp_path / "w", lambda path: None)
    monkeypatch.setattr("bench.fuzz.target.SHAPES", ("FIFO",))
    monkeypatch.setattr("bench.fuzz.judge._SHAPED", 1.0)
    assert judged(target, world, 1, 2).finding.startswith("hangs")


def test_a_file_that_changes_or_is_left_behind_is_found(tmp_path: Path):
    def rewrites(path: Path) -> None:
        path.write_bytes(path.read_bytes())

    def leaves(path: Path) -> None:
        (path.parent / "left").write_text("a")
        raise InputError("refused")

    assert found_in(tmp_path / "a", rewrites, 1) == ["changes it.json"]
    assert found_in(tmp_path / "b", leaves, 1) == ["changes left"]
    target, world = planted(tmp_path / "c", leaves, may_write=("left",))
    assert findings(target, world, 1) == [
        "changes left"
    ]  # it may be written by what is taken alone


def test_what_reaches_out_of_its_folder_is_found(tmp_path: Path):
    outside = tmp_path / "outside"
    assert "outside" in found_in(tmp_path / "a", lambda path: outside.write_text("a"), 1)[0]
    assert (
        "subprocess"
        in found_in(tmp_path / "b", lambda path: subprocess.run(["true"], check=True), 1)[0]
    )
    assert (
        "os.rename"
        in found_in(tmp_path / "c", lambda path: os.rename(outside, tmp_path / "d"), 1)[0]
    )


def test_a_valid_file_that_is_refused_is_found(tmp_path: Path):
    def refuses(path: Path) -> None:
        raise InputError("is not taken")

    assert found_in(tmp_path / "w", refuses, 20) == ["a valid file is refused: is not taken"]


def test_a_worker_that_dies_is_replaced_and_its_input_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(crew, "WORKER", "tests.bench.dying_worker")
    with crew.crew(1, measured=False) as workers:
        tally = workers.read([Batch("dying", 0, 9, 1)])["dying"]
    assert tally.inputs == 10
    assert [one.number for one in tally.findings] == [4]
    assert "--target 'dying' --seed 1 --only 4" in tally.findings[0].command


@pytest.mark.parametrize(
    ("change", "sound"),
    [
        (changes.of_json, SOUND),
        (changes.of_text, b"images/a.png 0\nimages/b.png 1\n"),
        (changes.of_toml, b'name = "a"\n[grid]\nseed = [1, 2]\n'),
        (tensors.of_tensors, None),
        (of_images.change, None),
    ],
)
def test_a_change_differs_from_the_valid_file_and_follows_from_the_seed(change, sound):
    samples = {tensors.of_tensors: _a_tensor, of_images.change: lambda: of_images.samples()[5]}
    whole = sound if sound is not None else samples[change]()
    made = [change(Random(number), whole) for number in range(60)]
    assert made == [change(Random(number), whole) for number in range(60)]
    assert sum(one != whole for one in made) >= 54
    assert len(set(made)) >= 40


def _a_tensor() -> bytes:
    import numpy as np
    from safetensors.numpy import save

    return save({"a": np.ones((2, 3), np.float32)}, metadata={"meta": '{"task": "digits"}'})


def test_archives_are_odd_in_every_way():
    """Among changed archives are names that leave, links, and members twice."""
    made = [
        of_archives._change(Random(n), of_archives._zipped(of_archives._entries()))
        for n in range(200)
    ]
    text = b"".join(one for one in made if len(one) < 10**6)
    assert b"../outside.txt" in text
    assert b"../../outside" in text


def test_at_least_a_fifth_of_the_inputs_are_valid_files_changed_once(tmp_path: Path):
    target, world = planted(tmp_path / "w", lambda path: None)
    kinds = [input_of(target, world, 3, number)[1] for number in range(100)]
    assert kinds[0] == "valid"
    assert kinds.count("changed") >= 40
    assert kinds.count("junk") >= 40


def test_a_plan_shares_the_inputs_out():
    targets = list(all_targets().values())
    batches = plan(targets, 4000, 1)
    counts = {
        one.name: sum(b.last - b.first + 1 for b in batches if b.target == one.name)
        for one in targets
    }
    assert 4000 <= sum(counts.values()) <= 4000 + len(targets)
    assert min(counts.values()) >= 20
    assert counts["settings"] > counts["limits of axes"]


def test_every_function_that_a_target_names_is_there_and_branches_are_counted():
    assert unknown(all_targets().values()) == []
    chosen = [all_targets()["limits of axes"]]
    with crew.crew(1, measured=True) as workers:
        workers.read([Batch("limits of axes", 0, 4, 1)])
        few = reached(workers.counted(), chosen, workers.folder)["limits of axes"]
    with crew.crew(1, measured=True) as workers:
        workers.read([Batch("limits of axes", 0, 300, 1)])
        many = reached(workers.counted(), chosen, workers.folder)["limits of axes"]
    assert 0 < few.reached < many.reached <= many.of == few.of
    assert many.share >= LEAST


@pytest.mark.parametrize("torch", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_few_inputs_of_every_parser_find_nothing(torch: bool):
    names = [name for name in all_targets() if (name in TORCH) == torch]
    with crew.crew(2, measured=False) as workers:
        tallies = workers.read([Batch(name, 0, 11, 5) for name in names])
    found = [one for tally in tallies.values() for one in tally.findings]
    assert not found, [(one.command, one.what) for one, _ in distinct(found)]
    assert all(tally.inputs == 12 and tally.taken >= 1 for tally in tallies.values())
