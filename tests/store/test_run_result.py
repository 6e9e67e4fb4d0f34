"""The record of a run: what is read comes back, what cannot be is named, every real key is known."""

import json
from pathlib import Path

import pytest

from ict.errors import InputError
from ict.store import run_result as result
from ict.store.run_result import RunResult

EXAMPLES = sorted(
    (Path(__file__).parents[2] / "tests" / "example_0_1_0" / "runs").glob("*/result.json")
)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_results_of_the_first_version_load_and_come_back_as_they_were(path):
    document = json.loads(path.read_text())
    found = RunResult.from_dict(document)
    assert not found.unknown, "a key of a real result that no field of the record classifies"
    written = found.to_dict()
    assert {name: written[name] for name in document} == document
    assert {name for name in written if written[name] is not None} <= set(document)
    assert RunResult.from_dict(json.loads(json.dumps(written))) == found


@pytest.mark.parametrize(
    ("odd", "sentence"),
    [
        ({"test_accuracy": "high"}, "test_accuracy is 'high', not a number from 0 to 1"),
        ({"test_accuracy": 1.01}, "test_accuracy is 1.01, not a number from 0 to 1"),
        ({"test_accuracy": True}, "test_accuracy is True, not a number from 0 to 1"),
        ({"val_accuracy": float("nan")}, "val_accuracy is nan, not a number from 0 to 1"),
        ({"train_seconds": float("inf")}, "train_seconds is inf, not a number from 0 to 1e15"),
        ({"train_seconds": -1}, "train_seconds is -1, not a number from 0 to 1e15"),
        ({"train_loss": float("inf")}, "train_loss is inf, not a finite number"),
        ({"train_loss": 10**400}, "train_loss is 1000"),
        ({"peak_memory_bytes": "2 GB"}, "peak_memory_bytes is '2 GB', not a whole number"),
        ({"peak_memory_bytes": 1.5}, "peak_memory_bytes is 1.5, not a whole number"),
        ({"test_images": 2**63}, "test_images is 9223372036854775808, not a whole number"),
        ({"official_data": "yes"}, "official_data is 'yes', not true or false"),
        ({"official_data": 1}, "official_data is 1, not true or false"),
        ({"device": 3}, "device is 3, not text"),
        ({"device_name": "\ud800"}, r"device_name is '\\ud800', not text in Unicode"),
        ({"notes": "one"}, "notes is 'one', not a list of texts"),
        ({"notes": [1]}, "notes is 1, not text"),
        ({"versions": ["torch"]}, r"versions is \['torch'\], not a table of texts"),
        ({"versions": {"torch": 2}}, "versions is 2, not text"),
        ({"epochs": {"a": 1}}, "epochs is {'a': 1}, not a whole number"),
        ({"test_accuracy": None}, "test_accuracy is missing"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_name(odd, sentence):
    with pytest.raises(InputError, match=sentence) as caught:
        RunResult.from_dict({"test_accuracy": 0.5, **odd})
    assert len(str(caught.value)) < 300
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("document", [None, [], "text", 3])
def test_a_document_that_is_no_table_is_refused(document):
    with pytest.raises(InputError, match="a result is a table of fields, not"):
        RunResult.from_dict(document)


def test_every_field_refuses_a_list_of_lists_and_takes_null():
    deep = [[]]
    for _ in range(200):
        deep = [deep]
    for name in result.FIELDS:
        with pytest.raises(InputError, match=f"^{name} is "):
            RunResult.from_dict({"test_accuracy": 0.5, name: deep if name != "notes" else [deep]})
        if name != "test_accuracy":
            assert RunResult.from_dict({"test_accuracy": 0.5, name: None}) == RunResult(
                test_accuracy=0.5
            )


def test_what_a_newer_version_wrote_is_kept_apart_and_written_again():
    found = RunResult.from_dict({"test_accuracy": 1, "spread": [1, 2], "unknown": 3})
    assert found.unknown == {"spread": [1, 2], "unknown": 3}
    assert isinstance(found.test_accuracy, float)
    assert found.to_dict()["spread"] == [1, 2]
    assert RunResult.from_dict(found.to_dict()) == found


def test_a_converged_probe_is_the_same_at_every_seed():
    """Three real runs of version 0.1.0 that were given three seeds: to the last digit."""
    found = [
        RunResult.from_dict(json.loads(path.read_text()))
        for path in EXAMPLES
        if "-linear-" in str(path)
    ]
    outcomes = {(r.test_accuracy, r.test_loss, r.val_accuracy, r.train_loss) for r in found}
    assert (len(found), len(outcomes)) == (3, 1)


ODD_VALUES = (
    None, True, False, 0, 1, -1, 0.5, 1.5, 2**63, 10**400, float("nan"), float("inf"), "", "x", "é",
    "\ud800", "a/b", [], ["a"], [1], {}, {"torch": "2"}, {"torch": None}, {"torch": 2},
)  # fmt: skip


@pytest.mark.parametrize("name", [*result.FIELDS, "of_a_newer_version"])
def test_a_table_shows_what_the_record_reads(name):
    """The short way of thousands of results gives what the record gives, and says what it says."""
    document = json.loads(EXAMPLES[0].read_text())

    def by_record(odd: dict) -> dict:
        read = RunResult.from_dict(odd)
        values = {field: getattr(read, field) for field in result.ROW_FIELDS}
        return {field: value for field, value in values.items() if value is not None}

    for value in ODD_VALUES:
        odd = {**document, name: value}
        try:
            expected = repr(by_record(odd))
        except InputError as error:
            expected = str(error)
        try:
            shown = repr(result.plain_values(odd))
        except InputError as error:
            shown = str(error)
        assert shown == expected, value
