"""The soak's arithmetic and its reading of /proc, against processes whose use is known."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from bench import soak
from bench.soak_memory import Held, held, memory, tree
from bench.soak_visit import Seen

MIB = 1 << 20


def moments(*sizes: tuple[int, int]) -> list[soak.Moment]:
    """One of each (memory, descriptors)."""
    nothing = held([])
    return [
        soak.Moment(
            when=str(number), chrome=nothing,
            server=Held(processes=1, pss_bytes=size, private_bytes=size, rss_bytes=size,
                        descriptors=descriptors, kinds={}),
        )
        for number, (size, descriptors) in enumerate(sizes)
    ]  # fmt: skip


def test_the_fifth_mark_is_compared_with_the_second_and_the_end_with_the_start():
    #       start      1         2           3        4        5           after
    grown = [(100, 10), (7, 7), (200, 20), (7, 7), (7, 7), (210, 22), (110, 12)]
    found = {one.what: (round(one.found, 3), one.is_ok) for one in soak.ratios(moments(*grown))}
    assert found == {
        "minute 5 over minute 2, memory": (1.05, True),
        "minute 5 over minute 2, descriptors": (1.1, False),
        "60 s after over start, memory": (1.1, True),
        "60 s after over start, descriptors": (1.2, False),
    }


def test_latencies_are_median_and_95th_percentile():
    seen = Seen(seconds={"Run": [float(n) for n in range(1, 22)], "Data": [2.0]})
    assert soak.latencies(seen) == ["| Data | 1 | 2.00 | 2.00 |", "| Run | 21 | 11.00 | 20.00 |"]


def test_memory_is_read_in_bytes():
    text = "55d0-7ffc ---p 00000000 00:00 0 [rollup]\nRss:   12 kB\nPss:   7 kB\nPss_Dirty:  3 kB\n"
    assert memory(text) == {"Rss": 12288, "Pss": 7168, "Pss_Dirty": 3072}


HOLDER = """
import os, subprocess, sys
if len(sys.argv) > 1:
    kept = [open(os.devnull) for _ in range(30)]
    filled = bytearray(os.urandom(1 << 20) * 40)
    chrome = subprocess.Popen([sys.executable, "-c", "input()", "a-chrome"], stdin=subprocess.PIPE)
print(flush=True)
input()
"""


@pytest.fixture
def pair() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Two processes, of which the second holds 40 MiB and 30 files more, and has a child."""
    command = [sys.executable, "-c", HOLDER]
    both = [
        subprocess.Popen([*command, *more], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for more in ([], ["more"])
    ]
    for one in both:
        assert one.stdout is not None
        one.stdout.readline()
    yield both
    for one in both:
        one.communicate(b"\n")


def test_what_a_process_holds_is_found_and_its_chrome_apart(pair: list[subprocess.Popen[bytes]]):
    plain, more = (held(tree(one.pid).own) for one in pair)
    assert more.pss_bytes - plain.pss_bytes == pytest.approx(40 * MIB, rel=0.1)
    assert more.private_bytes - plain.private_bytes == pytest.approx(40 * MIB, rel=0.1)
    assert more.descriptors - plain.descriptors == 30 + 1  # and the pipe to its child
    assert more.kinds["file"] - plain.kinds.get("file", 0) == 30
    found = tree(pair[1].pid)
    assert found.own == [pair[1].pid]
    assert len(found.chrome) == 1
    assert tree(pair[0].pid).chrome == []
