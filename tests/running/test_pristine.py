"""What a run may leave in its process is put back before the next, kind by kind."""

import functools
import os
import random
import sys

import numpy as np
import pytest
import torch

from ict.running import pristine
from ict.running.pristine import Pristine, settings
from tests.running.changes import UNSEEN, changes


def seen() -> dict[str, str]:
    """Every kind as it is, in words."""
    found = {setting.name: repr(setting.read()) for setting in settings()}
    return found | {name: repr(show()) for name, show in UNSEEN.items()}


@pytest.fixture
def put_back():
    """Gives the state of now, which is put back at the end, whatever comes."""
    states = []

    def now() -> Pristine:
        states.append(Pristine())
        return states[-1]

    yield now
    for state in states:
        state.restore()


@pytest.mark.parametrize("kind", sorted(changes()))
def test_each_kind_of_state_is_put_back(kind: str, put_back):
    before, as_it_was = put_back(), seen()
    changes()[kind]()
    assert seen()[kind] != as_it_was[kind]  # the change shows
    before.restore()
    assert seen() == as_it_was


def test_all_at_once_are_put_back(put_back):
    before, as_it_was = put_back(), seen()
    for change in changes().values():
        change()
    before.restore()
    assert seen() == as_it_was


def test_no_run_draws_the_numbers_of_the_one_before(put_back):
    """Python's and NumPy's own generators begin anew, as in a new process."""
    before, drawn = put_back(), []
    for _ in range(3):
        random.seed(0)
        np.random.seed(0)
        before.restore()
        drawn.append((random.random(), float(np.random.random())))
    assert len({a for a, _ in drawn} | {b for _, b in drawn}) == 6


def test_autocast_forgets_the_weights_that_it_rounded(put_back):
    """Its cache outlives a model only inside a block that was never left."""
    before = put_back()
    torch.set_autocast_enabled("cpu", True)
    torch.autocast_increment_nesting()
    weight = torch.nn.Parameter(torch.ones(4, 4))
    one = torch.ones(1, 4) @ weight
    with torch.no_grad():
        weight.mul_(2)
    assert torch.equal(torch.ones(1, 4) @ weight, one)  # the cache, out of date
    torch.autocast_decrement_nesting()
    before.restore()
    torch.set_autocast_enabled("cpu", True)
    assert torch.equal(torch.ones(1, 4) @ weight, 2 * one)


def test_caches_of_files_are_emptied_and_those_that_last_are_there(tmp_path):
    from ict import machine

    machine.devices()
    pristine.forget_files()
    assert machine.devices.cache_info().currsize == 0
    for name in pristine.LASTING:
        module, _, word = name.rpartition(".")
        assert hasattr(__import__(module, fromlist=[word]), word), name
    kept = [
        f"{name}.{word}"
        for name, module in list(sys.modules.items())
        if name.startswith("ict.")
        for word, value in vars(module).items()
        if isinstance(value, functools._lru_cache_wrapper) and value.cache_info().currsize
    ]
    assert {name for name in kept if name not in pristine.LASTING} == set()


def test_code_that_changed_on_disk_shows(tmp_path, monkeypatch):
    path = tmp_path / "own_method.py"
    path.write_text("one = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    __import__("own_method")
    first = pristine.code_stamp()
    assert str(path) in first
    assert pristine.__file__ in first
    path.write_text("one = 2\n")
    os.utime(path, ns=(1, 1))
    assert pristine.code_stamp() != first
    del sys.modules["own_method"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux tells and takes it back")
def test_the_peak_of_memory_is_that_of_one_run():
    import resource

    def peak() -> int:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10

    held = bytearray(os.urandom(1 << 20) * 200)
    high = peak()
    del held
    pristine.reset_peak_memory()
    assert peak() < high - 150
