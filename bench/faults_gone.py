"""Faults of the store: deleted, moved or replaced under a run and under a study; pages that show it."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.faults_world import (
    SAID,
    BrokenError,
    Fault,
    World,
    ask,
    begin,
    check_nothing_left,
    check_runs,
    content,
    end,
    ended,
    settle,
    train_words,
    until_training,
)
from ict.store import Store

ROOT = Path(__file__).parents[1]
_SEEDS = (1, 2)


def deleted(store: Store, _world: World) -> Store:
    """`rm -rf`, again where something was just written."""
    while store.root.exists():
        shutil.rmtree(store.root, ignore_errors=True)
    return store


def moved(store: Store, _world: World) -> Store:
    """`mv`; the run goes on in its new place when it is asked for there."""
    elsewhere = store.root.with_name(f"{store.root.name}-moved")
    store.root.rename(elsewhere)
    return Store(elsewhere)


def replaced(store: Store, world: World) -> Store:
    """The store of somebody else, with one run of theirs, comes to its place."""
    theirs = world.store("theirs")
    other = world.quiet.runs()[-1].id  # no fault of this file trains it
    shutil.copytree(world.quiet.runs_dir / other, theirs.runs_dir / other)
    elsewhere = moved(store, world)
    theirs.root.rename(store.root)
    return elsewhere


def replaced_by_copy(store: Store, world: World) -> Store:
    """A backup of itself comes to its place: there the run is nobody's."""
    elsewhere = moved(store, world)
    shutil.copytree(elsewhere.root, store.root)
    return store


def _taken(
    take: Callable[[Store, World], Store],
    words_of: Callable[[World], list[str]],
    seeds: Sequence[int],
) -> Callable[[World, int], list[str]]:
    """Takes the store away while a run trains; what is at its place then must stay as it is."""

    def make(world: World, times: int) -> list[str]:
        outcomes = []
        for _ in range(times):
            store = world.store("gone")
            with ended(store):
                asked = begin(store, *words_of(world))
                until_training(store)
                time.sleep(world.dice.uniform(0, 0.8))
                kept = take(store, world)
                there = content(store) if store.root.exists() else None
                said = end(asked)
                settle(store)
                if said.code:
                    said.sentence()
                _check_untouched(store, there, kept, mine=said.code == 0)
                again = kept if take is not deleted else store
                if ask(again, *words_of(world)).code:
                    raise BrokenError("asked for again it fails")
                check_runs(world, again, seeds)
                check_nothing_left(again)
                outcomes.append(SAID if said.code else "it ended before; as undisturbed")
                for one in {store.root, kept.root}:
                    shutil.rmtree(one, ignore_errors=True)
        return outcomes

    return make


def _check_untouched(
    store: Store, there: dict[str, str] | None, kept: Store, *, mine: bool
) -> None:
    """What came to the store's place is as it came; where nothing came, nothing is."""
    if mine and kept is store:  # a study goes on with what it finds at its place
        return
    if there is None:
        if store.root.exists():
            found = sorted(str(p.relative_to(store.root)) for p in store.root.rglob("*"))
            raise BrokenError(f"half a store was made anew: {found[:3]}")
    elif changed := {
        name for name in {*there, *content(store)} if there.get(name) != content(store).get(name)
    }:
        changed.discard("index.json")  # a cache of whoever looks
        if changed:
            raise BrokenError(f"it wrote into a store that is not its own: {sorted(changed)[:2]}")


def _train(_world: World) -> list[str]:
    return [*train_words(1), "--wait"]


def _study(world: World) -> list[str]:
    return ["study", "run", world.study_file(_SEEDS)]


_PAGES = """
import shutil, sys
sys.path[:0] = [{root!r}, {app!r}]
from streamlit.testing.v1 import AppTest
def look(page):
    app = AppTest.from_file({main!r}, default_timeout=200)
    app.switch_page({pages!r} + "/" + page + ".py")
    app.query_params["store"] = "own"
    app.run()
    return app
names = {names!r}
open_ones = [look(name) for name in names]
shutil.rmtree({store!r})
for app in open_ones + [look(name) for name in names]:
    app.run()
    said = [str(one.value) for one in app.exception]
    print(said[0].splitlines()[0] if said else "answers", flush=True)
"""
_NAMES = ("train", "run", "curves", "channels", "ablation", "benchmark", "compare", "data")


def pages(world: World, times: int) -> list[str]:
    """Pages that are open on a store that is deleted, and pages opened after that."""
    outcomes = []
    for _ in range(times):
        store = world.store("shown")
        shutil.copytree(world.quiet.root, store.root)
        places = {"root": str(ROOT), "app": str(ROOT / "app"), "pages": str(ROOT / "pages")}
        places |= {"main": str(ROOT / "app" / "main.py"), "store": str(store.root)}
        done = subprocess.run(
            [sys.executable, "-c", _PAGES.format(names=_NAMES, **places)],
            env={**os.environ, "ICT_STORE": str(store.root)},
            capture_output=True,
            text=True,
            check=False,
            timeout=400,
        )
        answers = done.stdout.split("\n")[:-1]
        if done.returncode or len(answers) != 2 * len(_NAMES):
            raise BrokenError(f"the app failed: {done.stderr[-200:]}")
        if bad := {one for one in answers if one != "answers"}:
            raise BrokenError(f"a page says {sorted(bad)[0][:200]}")
        if store.root.exists() and any(path.is_file() for path in store.root.rglob("*")):
            raise BrokenError("looking at a deleted store made files in it")
        outcomes += answers
    return outcomes


_MUST = (
    "one sentence, or the end; nothing is written into what is at the store's place then, and no half store "
    "made anew; asked for again it ends as undisturbed"
)
_HOW = "{} at a random moment of training"
_WAYS = [
    ("deleted", "the store is deleted", "`rm -rf` of the store", deleted),
    ("moved", "the store is moved", "`mv` of the store", moved),
    ("replaced", "the store is replaced by that of somebody else", "`mv`, and another store to its place", replaced),
    ("copy", "the store is replaced by a backup of itself", "`mv`, and a copy of it to its place", replaced_by_copy),
]  # fmt: skip
FAULTS = [
    *(
        Fault(name=f"{name}-train", what=f"{what} while a run trains", how=_HOW.format(how), must=_MUST,
              times=2 if name == "copy" else 1, quick=int(name == "copy"), make=_taken(take, _train, (1,)))
        for name, what, how, take in _WAYS
    ),
    *(
        Fault(name=f"{name}-study", what=f"{what} while a study runs", how=_HOW.format(how), must=_MUST, times=1,
              quick=0, make=_taken(take, _study, _SEEDS))
        for name, what, how, take in _WAYS[:3]
    ),
    Fault(name="gone-pages", what="the store is deleted under open pages of the app",
          how="eight pages, open before and opened after", must="each answers, none with an exception; no file is made",
          times=1, quick=0, make=pages),
]  # fmt: skip
