"""Class folders, tables and parquet files with what people's data have in them: read, or one sentence."""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from ict.tasks import SPLITS, load_split
from tests.promises.refusals import sentence
from tests.tasks.command import ict
from tests.tasks.own_images import png
from tests.vtab_layout import write_image

Made = Callable[[Path], Path]


def link(source: Path, *words: str) -> dict:
    code, output = ict("data", "link", "birds", str(source), *words, "--json")
    assert code == 0, output
    return json.loads(output)


def refused(source: Path, *words: str) -> str:
    """The sentence, after which nothing is left in the store."""
    said = sentence("data", "link", "birds", str(source), *words)
    store = source.parent.parent / "store"
    assert not store.exists() or not list(store.iterdir())
    return said


def folders(at: Path, names: Sequence[str] = ("a", "b"), each: int = 6) -> Path:
    for label, name in enumerate(names):
        for index in range(each):
            write_image(at / name / f"{index}.png", 100 * label + index)
    return at


@pytest.fixture
def home(root, tmp_path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def table(home: Path, lines: Sequence[str], images: int = 12) -> Path:
    for index in range(images):
        write_image(home / f"{index}.png", index)
    path = home / "t.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def rows(label: Callable[[int], object], name: Callable[[int], str] = "{}.png".format) -> list[str]:
    return ["image,label", *(f"{name(i)},{label(i)}" for i in range(12))]


def test_class_folders_with_folders_hidden_files_and_endings_in_capitals(home):
    """0.1.0 made tasks of the VTAB-1K layout alone: `it has no train800.txt, …`."""
    mine = folders(home / "mine")
    write_image(mine / "a/more/deep/x.png", 7)
    os.rename(mine / "a/0.png", mine / "a/0.PNG")
    for hidden in (".DS_Store", "._0.png"):
        (mine / "a" / hidden).write_bytes(b"x")
    (mine / ".git").mkdir()
    (mine / "README.md").write_text("x")
    assert link(mine)["classes"] == 2
    paths = {str(p.relative_to(mine)) for split in SPLITS for p in load_split("birds", split).paths}
    assert len(paths) == 13
    assert {"a/more/deep/x.png", "a/0.PNG"} <= paths


def test_one_accent_written_in_two_forms_is_one_class(home):
    assert link(folders(home / "mine", ("\u00e9", "e\u0301", "b")))["classes"] == 2


def test_a_link_up_to_the_data_does_not_mix_the_classes(home):
    mine = folders(home / "mine")
    (mine / "a/all").symlink_to(mine)
    assert link(mine, "--follow-links")["counts"]["train800val200"] == 9
    for split in SPLITS:
        one = load_split("birds", split)
        assert {(p.parent.name, one.class_names[label]) for p, label in zip(one.paths, one.labels, strict=True)} <= {("a", "a"), ("b", "b")}  # fmt: skip


@pytest.mark.parametrize("within", ["", "x.npy", "x.heic"])
def test_a_class_without_images_is_one_sentence(home, within):
    mine = folders(home / "mine")
    (mine / "c").mkdir()
    if within:
        (mine / "c" / within).write_bytes(b"x")
    assert "/c' holds no image (.avif .bmp" in refused(mine)


@pytest.mark.parametrize("name", ["mine.zip", "mine.xlsx", "mine.csv.gz", "notes.txt"])
def test_a_file_of_another_kind_is_one_sentence(home, name):
    """0.1.0: `there is no such folder`, which was there."""
    (home / name).write_bytes(b"PK")
    assert f"{name} is a file that cannot be linked; link a folder of" in refused(home / name)


def test_a_folder_with_a_table_says_so(home):
    table(home, rows(lambda i: i % 2))
    assert "(its table 't.csv' can be linked)" in refused(home)


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        (rows(lambda i: f"{(1, 2, 10)[i % 3]}.0"), ("1", "2", "10")),
        (rows(lambda i: f'"a, ""{i % 2}"""'), ('a, "0"', 'a, "1"')),
        (rows(lambda i: f'"a\n{i % 2}"'), ("a 0", "a 1")),
        (rows(lambda i: i % 3 - 1), ("-1", "0", "1")),
        (rows(lambda i: f"{i % 2}.5"), ("0.5", "1.5")),
        (rows(lambda i: "ab"[i % 2], str), ("a", "b")),  # ids, without an ending
        (rows(lambda i: "ab"[i % 2], r".\{}.png".format), ("a", "b")),
        ([*rows(lambda i: i % 2), "0.png,0", "./0.png,0"], ("0", "1")),
        ([row.replace(",", ";") for row in rows(lambda i: i % 2)], ("0", "1")),
        ([f"{row},," for row in rows(lambda i: i % 2)], ("0", "1")),
    ],
)  # fmt: skip
def test_a_table_of_many_kinds_is_read(home, lines, names):
    """0.1.0 linked no tables: `there is no such folder`."""
    counts = link(table(home, lines))["counts"]
    assert sum(counts[split] for split in ("train800", "val200", "test")) == 12
    assert load_split("birds", "test").class_names == names


def test_absolute_names_count_where_they_lie_below_the_images(home, tmp_path):
    folders(tmp_path / "elsewhere")
    lines = rows(lambda i: i % 2, lambda i: f"{tmp_path}/elsewhere/{'ab'[i % 2]}/{i // 2}.png")
    path = table(home, lines)
    assert "line 2: '" in refused(path)
    assert "is an absolute path, not below" in refused(path)
    assert "--images names the folder" in refused(path)
    assert link(path, "--images", str(tmp_path / "elsewhere"))["classes"] == 2


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (rows(lambda i: i % 2)[1:], "line 1: no column of images; there are '0.png', '0'; name one with --image-column, in a table whose first line names its columns"),
        ([row.replace(",", "|") for row in rows(lambda i: i % 2)], "there are 'image|label'; part the columns by commas, semicolons or tabs"),
        (["image,label,label", "0.png,a,a"], "no column of labels: two are called 'label'; rename one"),
        ([""], "is empty; line 1 names the columns"),
        (rows(lambda i: "nan" if i == 3 else i % 2), "line 5: 'nan' is no label, for the others are numbers"),
        ([*rows(lambda i: i % 2), "0.png,1"], "line 14: an image of class '1' that is of class '0' in"),
        (["image,label,split", "0.png,a,train", "1.png,b,train", "0.png,a,test"], "line 4: an image of part 'test' that is of part 'train' in"),
        (rows(lambda i: i % 2, r"C:\data\{}.png".format), "line 2: 'C:/data/0.png' is an absolute path, not below"),
        (rows(lambda i: i % 2, "https://x.org/{}.png".format), "line 2: 'https://x.org/0.png' is missing, or no file"),
        (rows(lambda i: i % 2, "{}.jpg".format), "line 2: '0.jpg' is missing, or no file"),
        (["image,label,fold", "0.png,a,3"], "line 2: '3' is no part; write train, val or test"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_read_is_one_sentence(home, lines, said):
    assert said in refused(table(home, lines))


def parquet(path: Path, cells: Sequence[dict]) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(cells)), path)
    return path


def cells(
    count: int = 6,
    first: int = 0,
    image: str = "image",
    label: Callable[[int], object] = lambda i: i % 2,
) -> list[dict]:
    return [{image: png(first + i), "label": label(i)} for i in range(count)]


@pytest.mark.parametrize(
    "names",
    [
        ("train/0000.parquet", "test/0000.parquet"),
        ("default/train/0000.parquet", "default/test/0000.parquet"),
        ("data/train-00000-of-00001.parquet", "data/test-00000-of-00001.parquet"),
        ("TRAIN.PARQUET", "Test.parquet"),
    ],
)
def test_parts_of_parquet_files_are_told_by_files_or_folders(home, names):
    for number, name in enumerate(names):
        parquet(home / "mine" / name, cells(first=10 * number))
    assert link(home / "mine")["counts"] == {
        "train800": 5, "val200": 1, "train800val200": 6, "test": 6,
    }  # fmt: skip


def test_one_parquet_file_and_columns_that_differ_between_files(home):
    one = parquet(home / "mine/train.parquet", cells(12))
    assert link(one)["counts"]["test"] == 3
    parquet(home / "mine/test.parquet", cells(first=50, image="img", label=lambda i: float(i % 2)))
    assert link(home / "mine")["counts"]["test"] == 6
    assert load_split("birds", "test").class_names == ("0", "1")


def without_image(at: Path) -> None:
    parquet(at, [*cells(), {"image": None, "label": 0}])


def torn(at: Path) -> None:
    content = bytearray(parquet(at, cells(12)).read_bytes())
    content[200:1200] = bytes(1000)
    at.write_bytes(content)


def hidden_labels(at: Path) -> None:
    parquet(at, cells())
    parquet(at.with_name("test.parquet"), cells(label=lambda _: -1))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (without_image, "row 7: no image in the file itself; save the data set with its images in it"),
        (torn, "train.parquet is damaged ("),
        (hidden_labels, "test.parquet, row 1: no label (the labels of this part are not given)"),
        (lambda at: parquet(at, cells(label=lambda i: [i])), "no column of labels (one number or text an"),
        (lambda at: parquet(at, cells(label=lambda _: float("nan"))), "row 1: no label"),
        (lambda at: parquet(at, [{"image": "a.png", "label": 1}]), "no column of images (their bytes, not"),
        (lambda at: [parquet(at.parent / n / "0.parquet", cells()) for n in "xy"], "several folders of parquet files, 'x', 'y'; link one"),
    ],
)  # fmt: skip
def test_parquet_files_that_cannot_be_read_are_one_sentence(home, make, said):
    """0.1.0 linked no parquet files."""
    make(home / "mine/train.parquet")
    assert said in refused(home / "mine")
