"""The typed reader: a record or a reason; bounded, never waiting, whatever lies there."""

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from ict.documents import shapes
from ict.documents.records import Odd, names_in, read_record, split
from ict.documents.tensor_files import check_shape, open_tensors
from ict.documents.tensor_files import shapes as shapes_of
from ict.errors import InputError, NewerError
from ict.files import MOST_BYTES, read_json, read_json_lines, read_regular
from ict.plain_json import parse_json
from tests.odd_files import CORRUPTIONS

KEPT = shapes.reader(lambda _value, _name: None)


@pytest.mark.parametrize(
    "document", [{"a": [1, 2.5, None, True, "é"]}, [], "x", 0, {}, 2**63 - 1, -(2**63)]
)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_json_is_read_with_and_without_a_byte_order_mark(document, mark):
    assert parse_json(mark + json.dumps(document).encode()) == document
    assert parse_json(mark + json.dumps(document, ensure_ascii=False).encode()) == document


@pytest.mark.parametrize("depth", [1, 63, 64, 65, 66, 200, 2000, 100_000])
@pytest.mark.parametrize(("left", "right"), [("[", "]"), ('{"a":', "}")])
def test_nesting_is_read_down_to_64(depth, left, right):
    content = (left * depth + "1" + right * depth).encode()
    if depth <= 64:
        assert parse_json(content) == json.loads(content)
    else:
        with pytest.raises(InputError, match="is nested more than 64 deep"):
            parse_json(content)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'"\\ud800"', "half a character"),
        (b'{"\\udfff": 1}', "half a character"),
        (b"\xed\xa0\x80", "not UTF-8"),
        (b"\xff\xfe1\x00", "not UTF-8"),
        (b"9223372036854775808", "64 bits"),
        (b"-9223372036854775809", "64 bits"),
        (b"9" * 5000, "thousands of digits"),
        (b'{"a"', "is not whole JSON"),
        (b"", "is not whole JSON"),
        (b"\x00", "is not whole JSON"),
    ],
)
def test_what_is_no_document_says_why(content, said):
    with pytest.raises(InputError, match=said):
        parse_json(content)


def test_a_whole_character_of_two_halves_is_text_and_a_long_fraction_a_number():
    assert parse_json(b'"\\ud83d\\ude00"') == "😀"
    assert parse_json(b"0.12345678901234567890123") == 0.12345678901234567890123
    assert math.isnan(parse_json(b"NaN"))  # who expects a number checks it


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in CORRUPTIONS
        if name not in ("list", "table", "text", "null", "number", "NaN")
    ],
)
def test_whatever_lies_there_gives_a_reason(tmp_path: Path, name: str):
    path = tmp_path / "a.json"
    path.write_text('{"a": [1, 2]}')
    CORRUPTIONS[name](path)
    found = read_record(path, KEPT, advice="do this")
    if name in ("empty", "dangling"):
        assert found is None
    else:
        assert isinstance(found, Odd)
        assert found.reason.endswith("; do this")
    assert read_json(path, 7) == 7
    assert read_json_lines(path) in ([], [{}])


def test_a_reader_that_stumbles_gives_a_reason(tmp_path: Path):
    path = tmp_path / "a.json"
    path.write_text("{}")
    for error in (KeyError("a"), TypeError("b"), IndexError(), OverflowError(), RecursionError()):

        def stumble(_: object, error: Exception = error) -> None:
            raise error

        assert isinstance(read_record(path, stumble, advice="x"), Odd)


def test_permission_and_newer_versions_have_their_own_advice(tmp_path: Path, monkeypatch):
    path = tmp_path / "a.json"
    path.write_text("{}")

    def newer(_: object) -> None:
        raise NewerError("a newer version wrote it; update ict")

    assert (
        read_record(path, newer, advice="delete it").reason
        == "a newer version wrote it; update ict"
    )

    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    reason = read_record(path, KEPT, advice="delete it").reason
    assert reason.startswith("permission denied; ask its owner")
    assert "delete" not in reason


def test_a_file_is_read_up_to_its_bound(tmp_path: Path):
    path = tmp_path / "a"
    path.write_bytes(b"x" * 100)
    assert read_regular(path, 100) == b"x" * 100
    with pytest.raises(InputError, match="has more than"):
        read_regular(path, 99)
    assert MOST_BYTES >= 20_000 * 300  # the largest study


def test_names_and_reasons_are_in_one_printable_line(tmp_path: Path):
    odd = Odd(tmp_path / "a\nb\x1b[2J\udc80", "is odd")
    assert str(odd) == f"{tmp_path}/a\\nb\\x1b[2J\\udc80: is odd"
    assert str(odd).isprintable()


def test_a_folder_that_cannot_be_listed_is_odd_and_one_that_is_not_there_is_nothing(tmp_path: Path):
    (tmp_path / "b").touch()
    (tmp_path / ".a").touch()
    assert names_in(tmp_path) == (["b"], [])
    assert names_in(tmp_path / "gone") == ([], [])
    assert names_in(tmp_path / "b")[1] == [
        Odd(tmp_path / "b", "is not a folder; put a folder in its place")
    ]
    assert split([1, None, Odd(tmp_path, "x"), 2]) == ([1, 2], [Odd(tmp_path, "x")])


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (shapes.text, ["", "a"], [None, 1, ["a"], True]),
        (shapes.flag, [True, False], [0, 1, None, "true"]),
        (shapes.number, [0, -1.5, 2**62], [True, "1", None, math.inf, math.nan, 10**400, -(10**400)]),
        (shapes.measured, [0, math.nan], [math.inf, "nan", None]),
        (shapes.whole(1, 9), [1, 9], [0, 10, 1.0, True, "1", None]),
        (shapes.wholes(5), [[], [0, 5, 3]], [[6], [-1], [1, 1], [1.0], [True], ["a"], [[1]], None, {}]),
        (shapes.maybe(shapes.text), [None, "a"], [1]),
        (shapes.one_of("a", "b"), ["a"], ["c", None, ["a"], 1]),
        (shapes.list_of(shapes.text), [[], ["a"]], [None, "a", [1], {}]),
        (shapes.list_of(shapes.text, length=2), [["a", "b"]], [[], ["a"], ["a", "b", "c"]]),
        (shapes.table, [{}, {"a": 1}], [[], None, "a"]),
        (shapes.table_of(shapes.flag), [{}, {"a": True}], [{"a": 1}, [], None]),
        (shapes.fields({"a": shapes.text}, {"b": shapes.flag}),
         [{"a": ""}, {"a": "", "b": None}, {"a": "", "b": True, "more": [1]}],
         [{}, {"a": None}, {"a": "", "b": 1}, [], None]),
    ],
)  # fmt: skip
def test_checks(check, good, bad):
    for value in good:
        check(value, "x")
    for value in bad:
        with pytest.raises(InputError, match="x"):
            check(value, "x")


def test_tensor_files_that_are_torn_or_no_files(tmp_path: Path):
    path = tmp_path / "a.safetensors"
    save_file({"a": np.zeros((2, 3), np.float32)}, path)
    with open_tensors(path) as file:
        assert shapes_of(file) == {"a": (2, 3)}
        assert check_shape(shapes_of(file), "a", (2, None)) == (2, 3)
        for wanted in ((3, 3), (2,), (2, 3, None)):
            with pytest.raises(InputError, match=r"a has the shape \(2, 3\), not"):
                check_shape(shapes_of(file), "a", wanted)
        with pytest.raises(InputError, match="has no tensor b"):
            check_shape(shapes_of(file), "b", (None,))
    with pytest.raises(InputError, match="safetensors"), open_tensors(path) as file:
        file.get_tensor("b")
    for spoil in CORRUPTIONS.values():
        save_file({"a": np.zeros((2, 3), np.float32)}, path)
        spoil(path)
        with pytest.raises(InputError), open_tensors(path):
            pass
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink()
