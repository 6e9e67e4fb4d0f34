"""Messages: what a user wrote is quoted within bounds, whatever it is and however long."""

import time
import tracemalloc

import pytest

from ict.errors import (
    QUOTED,
    SENTENCE,
    InputError,
    did_you_mean,
    one_sentence,
    out_of_memory,
    quoted,
    shortened,
)

ODD = {
    "long text": "x" * 10**6,
    "quotes": "'\"" * 10**5,
    "controls": "\x1b[31m\0\n" * 1000,
    "surrogate": "\udc80" * 1000,
    "astral": "\U0001f600" * 1000,
    "number past the limit of str": 10**6000,
    "list": ["x" * 1000] * 10**5,
    "deep list": [[[[[[["x" * 500]]]]]]],
    "list of numbers past the limit": [10**6000] * 10,
    "mapping": {"k" * 500 + str(i): {"v": ["w" * 500]} for i in range(1000)},
    "bytes": b"\0" * 10**5,
    "float": float("nan"),
    "none": None,
}


@pytest.mark.parametrize("name", ODD)
def test_quoted_is_one_short_line_of_anything(name: str):
    text = quoted(ODD[name])
    assert 0 < len(text) <= QUOTED
    assert text.isprintable()
    text.encode()


def test_short_values_are_quoted_as_python_writes_them():
    for value in ("kitti", 7, 0.125, None, True, [0, 1], (1, 2), "it's", "a\nb"):
        assert quoted(value) == repr(value)


def test_quoting_a_text_of_a_hundred_megabytes_costs_nothing():
    text = "x" * 10**8
    tracemalloc.start()
    begun = time.perf_counter()
    assert quoted(text).endswith("xxx'")
    assert time.perf_counter() - begun < 0.1
    assert tracemalloc.get_traced_memory()[1] < 10**5
    tracemalloc.stop()


@pytest.mark.parametrize("most", [10, 11, 12, 200])
def test_shortened_keeps_both_ends_and_has_the_length_asked_for(most: int):
    text = "".join(chr(ord("a") + i % 26) for i in range(1000))
    short = shortened(text, most)
    head, tail = short.split(" … ")
    assert len(short) == most
    assert text.startswith(head)
    assert text.endswith(tail)
    assert shortened(text, 1000) == text


def test_every_error_is_a_sentence_of_bounded_length_that_keeps_its_advice():
    sentence = str(InputError(f"{'p' * 5000}: no such file; " + "word " * 500 + "choose another"))
    assert len(sentence) <= SENTENCE
    assert max(map(len, sentence.split())) <= QUOTED
    assert sentence.startswith("ppp")
    assert sentence.endswith("choose another")
    assert one_sentence("as it is") == "as it is"


def test_the_nearest_name_is_found_in_bounded_time():
    assert did_you_mean("kity", ["kitti", "dmlab"]) == "; did you mean 'kitti'?"
    begun = time.perf_counter()
    assert did_you_mean("x" * 10**6, ["x" * 10**6, "kitti"]) == ""
    assert did_you_mean("kitti" * 18, ["x" * 10**6] + ["kitti" * 20] * 10**5) != ""
    assert time.perf_counter() - begun < 5


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        MemoryError("std::bad_alloc"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory: you "
            "tried to allocate 25600 bytes. Error code 12 (Cannot allocate memory)"
        ),
        RuntimeError("can't start new thread"),
        OSError(12, "Cannot allocate memory"),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
    ],
    ids=repr,
)
def test_want_of_memory_is_one_sentence_however_it_is_met(error: Exception):
    said = out_of_memory(error)
    assert said is not None
    assert said.startswith("the machine gave no more memory: ")


def test_other_errors_are_not_taken_for_want_of_memory():
    others = (
        RuntimeError("shape [2, 3] is invalid"),
        OSError(28, "No space left"),
        ValueError("bad"),
    )
    assert [out_of_memory(error) for error in others] == [None] * 3


def test_no_error_carries_what_would_steer_a_terminal():
    sentence = str(InputError("a\nfile \x1b[31m\udcff\0: no  such file"))
    assert sentence.isprintable()
    assert sentence.encode()
    assert sentence == "a file \\x1b[31m\\udcff\\x00: no such file"
    assert one_sentence("two  blanks stay") == "two  blanks stay"
