"""Results in the forms in which people have them, and what was imported listed and taken out again."""

import json

import pytest

from ict.errors import InputError
from ict.store.imported_results import import_results, imported_rows, list_imports, remove_import
from ict.store.store import Store
from tests.promises.refusals import ict, sentence

HEADER = "method,task,test_accuracy,adapter_parameters,note\n"
PLAIN = HEADER + "SSF,cifar,0.736,205000,été\n"
GERMAN = "method;task;test_accuracy;adapter_parameters;note\r\nSSF;cifar;73,6 %;205000;été\r\n"


@pytest.fixture
def store(tmp_path) -> Store:
    return Store()


def imported(store, path, content: bytes):
    path.write_bytes(content)
    import_results(store, path)
    (row,) = imported_rows(store)
    return row


@pytest.mark.parametrize(
    "content",
    {
        "UTF-8": PLAIN.encode(),
        "UTF-8 with a mark": PLAIN.encode("utf-8-sig"),
        "cp1252": PLAIN.encode("cp1252"),
        "UTF-16 with a mark": PLAIN.encode("utf-16"),
        "UTF-16, big end first": b"\xfe\xff" + PLAIN.encode("utf-16-be"),
        "tabs": PLAIN.replace(",", "\t").encode(),
        "semicolons and a decimal comma": GERMAN.encode("cp1252"),
        "sep=": b"\xef\xbb\xbfsep=;\r\n" + GERMAN.encode(),
        "percent": PLAIN.replace("0.736", "73.6 %").encode(),
        "percent after a narrow blank": PLAIN.replace("0.736", "73.6\u202f%").encode(),
        "a comma of thousands": PLAIN.replace("205000", '"205,000"').encode(),
        "a letter for millions": PLAIN.replace("205000", "0.205M").encode(),
        "a letter for thousands": PLAIN.replace("205000", "205 K").encode(),
        "a thin blank of thousands": PLAIN.replace("205000", "205\u2009000").encode(),
        "an apostrophe of thousands": PLAIN.replace("205000", "205\u2019000").encode(),
        "a power of ten": PLAIN.replace("205000", "2.05e5").encode(),
        "blanks, capitals, empty rows": b"\n Method , Task,TEST_ACCURACY,adapter_parameters,note\n"
        b",,,,\n SSF , cifar , 0.736 , 205000 , \xc3\xa9t\xc3\xa9 \n,,,,\n",
    }.items(),
    ids=lambda pair: pair[0],
)
def test_one_result_in_every_form_is_the_same_row(store, tmp_path, content):
    """0.1.0: UnicodeDecodeError for cp1252 and UTF-16, `no column 'method'` for semicolons, per cent `is not
    a number`; 0.205M and 205\u2009000 stayed words."""
    row = imported(store, tmp_path / "theirs.csv", content[1])
    assert row == {
        "method": "SSF",
        "task": "cifar",
        "test_accuracy": 0.736,
        "adapter_parameters": 205_000,
        "note": "été",
        "status": "done",
        "source": "imported: theirs.csv",
    }


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("many", "line 3: adapter_parameters 'many' is not a whole number"),
        ("205.000", "line 3: adapter_parameters '205.000' may be 205 or 205000"),
        ("-3", "line 3: adapter_parameters '-3' is not a whole number"),
        ("0.0001K", "line 3: adapter_parameters '0.0001K' is not a whole number"),
        ("9" * 300, "line 3: adapter_parameters"),
    ],
)
def test_a_number_of_parameters_that_is_none_is_refused_with_its_line(store, tmp_path, cell, words):
    """0.1.0 took such a row, and its Benchmark page then ended in a traceback."""
    path = tmp_path / "theirs.csv"
    path.write_text(f"{PLAIN}SSF,cifar,0.7,{cell},\n")
    with pytest.raises(InputError, match=words):
        import_results(store, path)
    assert not (store.root / "imported").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("method,task,test_accuracy,test_accuracy\nA,cifar,.5,.6\n", "line 1: two columns are called"),
        ("method,task,test_accuracy\nA,cifar,.5,.6\n", "line 2: has more cells than the header"),
        ("method,task,test_accuracy\nA,cifar,NaN\n", "line 2: test_accuracy 'NaN' is not a number"),
        ("method,task,test_accuracy\nA,cifar,150 %\n", "line 2: test_accuracy 1.5 is outside 0 to 1"),
        ("method,task,test_accuracy\nA,cifar,73.6\n", "line 2: test_accuracy 73.6 is outside 0 to 1"),
        ('method,task,test_accuracy\nA,cifar,"73,6"\n', "line 2: .*write 0.736 with a point"),
        ("method,task,test_accuracy\nA,cifar,73.6 ± 0.2\n", "line 2: test_accuracy '73.6 ± 0.2' is not"),
        ("method,task,test_accuracy\n\nA,cifar\n", "line 3: ends before its test_accuracy"),
        ('method,task,test_accuracy\n"A\nB",cifar,.5\n', "line 3: method .* holds a control"),
        ("method|task|test_accuracy\nA|cifar|.5\n", "line 1: .*separate columns by commas"),
        ("", "line 1: no column 'method'"),
    ],
)  # fmt: skip
def test_a_table_that_means_nothing_is_refused_with_its_line(store, tmp_path, text, words):
    """0.1.0 took the second of two columns, cells past the header and line breaks in a name, and called a
    short row's accuracy None."""
    path = tmp_path / "theirs.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        import_results(store, path)
    assert not (store.root / "imported").exists()


def test_a_seed_with_a_point_is_a_seed(store, tmp_path):
    content = b"method,task,test_accuracy,seed\nA,cifar,0.5,4.0\n"
    assert imported(store, tmp_path / "theirs.csv", content)["seed"] == 4


def test_words_that_an_older_import_kept_are_read_as_numbers_where_they_are_some(store):
    folder = store.root / "imported"
    folder.mkdir(parents=True)
    rows = [
        {"method": "a", "task": "cifar", "test_accuracy": 0.5, "adapter_parameters": written}
        for written in ("0.2M", "many")
    ]
    (folder / "old.json").write_text(json.dumps({"source": "old.csv", "rows": rows}))
    assert [row["adapter_parameters"] for row in imported_rows(store)] == [200_000, None]


def test_imports_are_listed_and_removed(store, tmp_path):
    """0.1.0: `list: no such file`; a mistaken import stayed on the Benchmark page."""
    for name in ("one", "two"):
        (tmp_path / f"{name}.csv").write_text(f"method,task,test_accuracy\n{name},cifar100,0.5\n")
        assert ict("import", str(tmp_path / f"{name}.csv")).exit_code == 0
    rows = json.loads(ict("import", "list", "--json").stdout)
    assert [(row["source"], row["rows"], row["methods"]) for row in rows] == [
        ("one.csv", 1, ["one"]),
        ("two.csv", 1, ["two"]),
    ]
    assert [row["tasks"] for row in rows] == [["cifar"], ["cifar"]]
    assert ict("import", "remove", rows[0]["name"]).exit_code == 0
    assert ict("import", "remove", "two.csv").exit_code == 0
    assert list_imports(store) == [] == imported_rows(store)


@pytest.mark.parametrize("name", ["nothing", "../../config", "", "a/b", "x" * 300, "\u202e"])
def test_what_was_not_imported_is_not_removed(store, tmp_path, name):
    outside = store.root / "config.json"
    outside.parent.mkdir(parents=True, exist_ok=True)
    outside.write_text("{}")
    (tmp_path / "one.csv").write_text("method,task,test_accuracy\none,cifar,0.5\n")
    import_results(store, tmp_path / "one.csv")
    assert "no import" in sentence("import", "remove", name)
    assert outside.exists()
    assert len(imported_rows(store)) == 1


def test_a_file_imported_in_two_versions_is_removed_by_name_only(store, tmp_path):
    path = tmp_path / "one.csv"
    for accuracy in ("0.5", "0.6"):
        path.write_text(f"method,task,test_accuracy\none,cifar,{accuracy}\n")
        import_results(store, path)
    with pytest.raises(InputError, match=r"'one.csv' was imported as one-.*, one-.*; name one"):
        remove_import(store, "one.csv")


def test_a_study_file_with_a_byte_order_mark_is_read(tmp_path):
    """0.1.0 answered `Invalid statement (at line 1, column 1)`; Notepad writes such files."""
    path = tmp_path / "s.toml"
    path.write_bytes(b"\xef\xbb\xbf[base]\r\ntask = 'digits'\r\n[grid]\r\nseed = [42, 44]\r\n")
    planned = json.loads(ict("study", "plan", str(path), "--json").stdout)
    assert planned["runs"] == 2
