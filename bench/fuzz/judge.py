"""Reads one input and judges what came: taken, or refused in one sentence; anything else is a finding."""

import contextlib
import os
import random
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bench.fuzz import target as targets
from bench.fuzz import watch
from bench.fuzz.changes import of_bytes
from bench.fuzz.target import Given, Target, World, clear
from ict.errors import IctError

LONGEST = 620  # characters of a sentence
_LONGEST_WORD = 230
_SHAPED = 0.04  # of the changed inputs are no file at all

Kind = Literal["valid", "changed", "junk"]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What came of one input."""

    number: int
    kind: Kind
    taken: bool
    milliseconds: float
    """Of the processor."""
    finding: str = ""
    """What is wrong with the parser; "" for nothing."""


def input_of(target: Target, world: World, seed: int, number: int) -> tuple[Given, Kind]:
    """The input of this number: the valid ones first, then every other one a valid one changed once."""
    if number < len(world.samples):
        return Given(world.samples[number]), "valid"
    chance = random.Random(f"{seed} {target.name} {number}")
    kind: Kind = "junk" if number % 2 else "changed"
    sound = chance.choice(world.samples)
    if kind == "changed" and target.form.is_file and chance.random() < _SHAPED:
        return Given(sound, chance.choice(targets.SHAPES)), kind
    try:
        made = (
            target.form.junk(chance, world.samples)
            if kind == "junk"
            else target.form.change(chance, sound)
        )
    except Exception:  # what was changed before is none of its kind any more
        made = of_bytes(chance, sound)
    return Given(made), kind


def judged(target: Target, world: World, seed: int, number: int) -> Verdict:
    """Reads the input of this number in `world`; one that took too long is read a second time."""
    given, kind = input_of(target, world, seed, number)
    verdict = _read(world, given, kind, number)
    if verdict.finding.startswith("hangs"):
        verdict = _read(world, given, kind, number)
    return verdict


def warm(world: World) -> None:
    """Reads a valid input unjudged: what a parser imports when it is first used counts for nobody."""
    given = Given(world.samples[0])
    world.place(given)
    before = watch.stamps(world.root)
    with contextlib.suppress(Exception):
        world.read(given)
    _tidy(before, watch.stamps(world.root))


def _read(world: World, given: Given, kind: Kind, number: int) -> Verdict:
    world.place(given)
    before = watch.stamps(world.root)
    said: Sequence[str] = ()
    found, refused = "", False
    begun = time.process_time()
    with watch.watched(world.root) as elsewhere:
        try:
            said = world.read(given)
        except IctError as error:
            said, refused = [error.sentence], True
        except watch.HungError:
            found = f"hangs for {watch.SECONDS:g} s"
        except (Exception, SystemExit) as error:
            found = f"{type(error).__name__}: {_words(error)} ({_where(error)})"
    seconds = time.process_time() - begun
    after = watch.stamps(world.root)
    taken = not (refused or said or found)
    if not found and elsewhere:
        found = f"reaches out: {'; '.join(elsewhere[:3])}"
    if not found and (changed := _changed(world, before, after, taken=taken)):
        found = f"changes {', '.join(changed[:5])}"
    found = found or "; ".join(filter(None, (odd_sentence(one, world.root) for one in said)))
    if not found and kind == "valid" and said:
        found = f"a valid file is refused: {said[0]}"
    _tidy(before, after)
    return Verdict(
        number=number, kind=kind, taken=taken, milliseconds=1000 * seconds,
        finding=_bounded(found),
    )  # fmt: skip


def odd_sentence(text: Any, root: Path) -> str:
    """Why `text` is not one sentence that a person can read, or ""."""
    if not isinstance(text, str):
        return f"the message is {text!r}"
    if not text.strip():
        return "the message is empty"
    if len(text) > LONGEST:
        return f"the message has {len(text)} characters: {text}"
    if not text.isprintable():
        return f"the message holds what no terminal should print: {text!r}"
    if max(map(len, text.split())) > _LONGEST_WORD:
        return f"the message has a word of {max(map(len, text.split()))} characters: {text}"
    if " object at 0x" in text:
        return f"the message speaks of the program: {text}"
    if tempfile.gettempdir() in text.replace(str(root), ""):
        return f"the message names a file of nobody: {text}"
    return ""


def _words(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as another:  # of a number that has too many digits to be written
        return f"(unspeakable: {type(another).__name__})"


def _where(error: BaseException) -> str:
    """File and line of the program from which an error came."""
    trace, place = error.__traceback__, "?"
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if f"{os.sep}ict{os.sep}" in name or "ict_app" in name:
            short = name[
                max(name.rfind(f"{os.sep}ict{os.sep}"), name.rfind(f"{os.sep}ict_app")) + 1 :
            ]
            place = f"{short}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


def _changed(world: World, before: watch.Stamps, after: watch.Stamps, *, taken: bool) -> list[str]:
    """Files, named from the world's folder, that changed and must not: an input that is refused leaves none."""
    allowed = (*world.caches, *world.may_write) if taken else world.caches
    names = (os.path.relpath(path, world.root) for path in watch.differences(before, after))
    return [name for name in names if not name.startswith(allowed)] if allowed else list(names)


def _tidy(before: watch.Stamps, after: watch.Stamps) -> None:
    """Takes away what was written, so that inputs do not depend on each other."""
    for path in sorted(after.keys() - before.keys()):
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path, ignore_errors=True)
        else:
            clear(Path(path))


def _bounded(text: str) -> str:
    line = "".join(
        c if c.isprintable() else repr(c)[1:-1] for c in text.encode("utf-8", "replace").decode()
    )
    return line if len(line) < 900 else f"{line[:600]} … {line[-250:]}"
