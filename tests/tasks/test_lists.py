import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ict.errors import InputError
from ict.tasks.lists import (
    MAX_LABEL,
    Entry,
    Folder,
    Problem,
    label_problem,
    leaves_folder,
    parse_list,
    read_list,
    refuse,
)

# Any file name that could stand in a list: no line end, no null, no surrogate, not blank outside.
NAMES = (
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\r\n"), min_size=1)
    .map(lambda text: f"images/{text}".strip(" \t"))
    .filter(lambda text: not leaves_folder(text))
)


@given(
    st.lists(st.tuples(NAMES, st.integers(-(10**9), 10**9)), max_size=20),
    st.sampled_from([b"\n", b"\r\n"]),
    st.booleans(),
    st.sampled_from([" ", "\t", "  ", " \t "]),
)
def test_what_was_written_is_read(rows, end, mark, blank):
    """Byte order mark, Windows line ends, blanks in names and several blanks change nothing."""
    lines = [f"{name}{blank}{label}".encode() for name, label in rows]
    content = (b"\xef\xbb\xbf" if mark else b"") + end.join(lines) + (end if mark else b"")
    entries, problems = parse_list(content, "l.txt")
    assert problems == []
    assert [(e.path, e.label) for e in entries] == rows
    assert [e.line for e in entries] == list(range(1, len(rows) + 1))


@given(st.binary(max_size=400))
def test_any_bytes_give_entries_and_problems_and_every_line_is_accounted_for(content):
    entries, problems = parse_list(content, "l.txt")
    if [problem.kind for problem in problems] == ["encoding"]:
        assert content.count(0) > len(content) / 8  # of what UTF-8 writes in one byte or more
        return
    lines = [e.line for e in entries] + [p.line for p in problems]
    assert len(lines) == len(set(lines))
    body = content.removeprefix(b"\xef\xbb\xbf")
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        body = content.decode("utf-16", errors="replace").encode()
    ends = b"\n" if b"\n" in body else b"\r"  # old Mac
    filled = [n for n, line in enumerate(body.split(ends), 1) if line.strip(b" \t\r")]
    assert sorted(lines) == filled
    assert not any(leaves_folder(e.path) for e in entries)
    assert all(p.sentence().isprintable() for p in problems)


@given(st.lists(st.sampled_from(["..", ".", "a", "/", "b", "\\", "c.jpg"]), min_size=1, max_size=7))
def test_no_accepted_path_leaves_the_folder(parts):
    path = "/".join(parts)
    if not leaves_folder(path):
        assert os.path.normpath(os.path.join("/t/task", path)).startswith("/t/task")


def only_problem(line: bytes) -> Problem:
    entries, problems = parse_list(b"images/a.jpg 0\n" + line + b"\n", "x/train800.txt")
    assert len(entries) == len(problems) == 1
    return problems[0]


@pytest.mark.parametrize(
    ("line", "kind", "message"),
    [
        (b"images/b.jpg", "no label", "'images/b.jpg' has no label; write `images/… LABEL`"),
        (
            b"images/b.jpg x",
            "label not a number",
            "label 'x' is not a number; write `images/… LABEL`",
        ),
        (
            b"images/b.jpg 1.0",
            "label not a number",
            "label '1.0' is not a number; write `images/… LABEL`",
        ),
        (
            "images/b.jpg ٣".encode(),
            "label not a number",
            "label '٣' is not a number; write `images/… LABEL`",
        ),
        (
            b"/etc/passwd 1",
            "unsafe path",
            "'/etc/passwd' is an absolute path; paths are relative to the task's folder; "
            "it is not opened",
        ),
        (
            b"images/../../b.jpg 1",
            "unsafe path",
            "'images/../../b.jpg' leaves the task's folder by '..'; it is not opened",
        ),
    ],
)
def test_messages_name_file_and_line(line, kind, message):
    problem = only_problem(line)
    assert (problem.kind, problem.line) == (kind, 2)
    assert problem.sentence() == f"x/train800.txt, line 2: {message}"


@pytest.mark.parametrize("path", [b"C:\\x.jpg", b"\\\\host\\x.jpg", b"..\\x.jpg", b"a\0b.jpg"])
def test_windows_and_null_paths_are_refused(path):
    assert only_problem(path + b" 1").kind == "unsafe path"


def test_a_label_after_the_last_blank():
    entries, _ = parse_list(b"images/a photo 3.jpg 7\n", "l")
    assert entries == [Entry(1, "images/a photo 3.jpg", 7)]


def test_bytes_that_are_no_text_still_name_their_file(tmp_path):
    name = b"images/\xff.jpg"
    os.makedirs(tmp_path / "images")
    with open(os.fsencode(tmp_path) + b"/" + name, "wb") as file:
        file.write(b"12345")
    entries, problems = parse_list(name + b" 0", "l")
    assert problems == []
    path, size = Folder(tmp_path).locate(entries[0], "l")
    assert (os.fsencode(os.path.basename(path)), size) == (b"\xff.jpg", 5)


@pytest.mark.parametrize(
    ("label", "classes", "said"),
    [
        (102, 102, "label 102 is out of range: the task has 102 classes, labels 0 to 101"),
        (-1, 3, "label -1 is out of range: the task has 3 classes, labels 0 to 2"),
        (MAX_LABEL + 1, None, f"label 100000 is out of range: labels are 0 to {MAX_LABEL}"),
    ],
)
def test_labels_out_of_range(label, classes, said):
    problem = label_problem(Entry(4, "a", label), "l", classes)
    assert problem is not None
    assert (problem.message, problem.line) == (said, 4)


def test_missing_empty_and_unreadable_lists(tmp_path):
    assert read_list(tmp_path / "a.txt")[1][0].kind == "missing list"
    (tmp_path / "b.txt").write_bytes(b"\n \r\n")
    assert read_list(tmp_path / "b.txt")[1][0].kind == "empty list"
    (tmp_path / "c.txt").mkdir()
    assert read_list(tmp_path / "c.txt")[1][0].kind == "missing list"


def located(folder, path):
    return Folder(folder).locate(Entry(3, path, 0), "l.txt")


def test_links_inside_are_followed_and_links_outside_refused(tmp_path):
    task, outside = tmp_path / "task", tmp_path / "outside"
    (task / "images").mkdir(parents=True)
    outside.mkdir()
    for path in (task / "images/a.jpg", outside / "secret.jpg"):
        path.write_bytes(b"abc")
    (task / "images/inside.jpg").symlink_to("a.jpg")
    (task / "images/file.jpg").symlink_to(outside / "secret.jpg")
    (task / "folder").symlink_to(outside)
    (task / "images/broken.jpg").symlink_to("nowhere.jpg")
    assert located(task, "images/a.jpg") == (f"{task}/images/a.jpg", 3)
    assert located(task, "images/inside.jpg") == (f"{task}/images/inside.jpg", 3)
    for path in ("images/file.jpg", "folder/secret.jpg"):
        problem = located(task, path)
        assert (problem.kind, problem.line) == ("unsafe path", 3)
        assert "leaves the task's folder by a symbolic link" in problem.message
    for path in ("images/broken.jpg", "images/none.jpg", "images/a.jpg/b.jpg", "images"):
        assert located(task, path).kind == "missing image"


def test_a_task_folder_that_is_itself_a_link_is_fine(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real/a.jpg").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("real")
    assert located(tmp_path / "link", "a.jpg") == (f"{tmp_path}/link/a.jpg", 3)


def test_refuse_says_the_first_and_how_many_more():
    refuse([])
    problems = [Problem("l", n, "k", f"m{n}") for n in (1, 2, 3)]
    with pytest.raises(InputError, match=r"^l, line 1: m1 \(and 2 more; see `ict data check`\)$"):
        refuse(problems)
