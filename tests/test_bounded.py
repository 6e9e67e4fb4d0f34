"""Text as numbers: against Python's own reading where it is one, and never for long."""

import math
import time
from fractions import Fraction

import pytest

from ict.documents.bounded import fraction, json_value, number, odd_word, whole_number
from ict.errors import InputError

HUGE = ["1e9000000", "1e-9000000", "9" * 10**6, "0." + "0" * 10**6 + "1", "1/" + "9" * 10**6]
HUGE += ["-" * 10**6, " " * 10**7, "1" + "_0" * 10**5, "9" * 19, "1e999", "1e400"]
ODD = ["", " ", "nan", "inf", "-Infinity", "0x10", "1_000", "٣", "²", "1,5", "True", "1 2", "1\0"]
ODD += ["--1", "e5", ".", "1/0", "1//2", "1/2/3", "[1]", "½"]


@pytest.mark.parametrize("text", HUGE + ODD)
@pytest.mark.parametrize("read", [whole_number, number, fraction])
def test_what_is_no_number_is_none_at_once(read, text: str):
    begun = time.perf_counter()
    assert read(text) is None
    assert time.perf_counter() - begun < 0.1


@pytest.mark.parametrize("text", ["0", "7", "-3", "+12", " 42 ", "123456789"])
def test_whole_numbers_as_python_reads_them(text: str):
    assert whole_number(text) == number(text) == fraction(text) == int(text)


@pytest.mark.parametrize("text", ["0.125", "1e-4", ".5", "5.", "-2.5E+3", "1e99", "1e-99"])
def test_numbers_as_python_reads_them(text: str):
    assert whole_number(text) is None
    assert number(text) == fraction(text) == float(text)
    assert math.isfinite(number(text))


@pytest.mark.parametrize("text", ["1/8", "3/16", "0/5", "1 / 4", "999999999/999999999"])
def test_fractions_as_python_reads_them(text: str):
    assert fraction(text) == float(Fraction(text.replace(" ", "")))


def test_json_values_and_what_is_none():
    assert json_value("[1, 2]", "x") == [1, 2]
    assert json_value("text", "x") == "text"
    assert json_value("9" * 5000, "x") == "9" * 5000  # more digits than Python reads
    with pytest.raises(InputError, match=r"--set lr .*brackets"):
        json_value("[" * 4000, "--set lr")


def test_words_of_a_command_line():
    assert [odd_word(word) for word in ("", "kitti", "a b", "é", "x" * 4096)] == [""] * 5
    assert "4097 characters" in odd_word("x" * 4097)
    assert "control" in odd_word("a\nb")
    assert "UTF-8" in odd_word("\udcff")
