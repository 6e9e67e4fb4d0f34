"""`ict.tasks.digests`: the digest of a split, and the cache of its files' digests."""

import hashlib
import json
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from ict.errors import IctError, InputError
from ict.tasks import SPLITS, bundled, digests, drawn, get_task, load_split
from ict.tasks.digests import ImageDigests, cache_file, file_digests, listed
from ict.tasks.limits import Subset
from tests.vtab_layout import make_task, write_image


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ICT_VTAB_ROOT", str(tmp_path))
    monkeypatch.setattr(digests, "_SETTLED_NS", -(10**12))  # files of a moment ago are kept
    return make_task(tmp_path / "birds", train=6)


def flip(path: Path) -> None:
    """Changes one byte of the content; size and time of modification stay."""
    status = path.stat()
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    with open(path, "r+b") as file:
        file.write(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def subset(split: str, limit: int | None = None, task: str = "birds") -> Subset:
    return Subset(get_task(task), split, limit)


def of(split: str = "train800", limit: int | None = None) -> str:
    return ImageDigests().of(subset(split, limit))


def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are read from now on."""
    seen: list[str] = []
    original = digests._digest
    monkeypatch.setattr(
        digests, "_digest", lambda path, *more: seen.append(path) or original(path, *more)
    )
    return seen


def test_a_lists_digest_counts_images_labels_and_their_order():
    a, b = "0a" * 32, "0b" * 32
    by_hand = bytes.fromhex(a) + bytes([3, 0, 0, 0, 0, 0, 0, 0]) + bytes.fromhex(b) + bytes(8)
    assert listed((a, b), np.array([3, 0])) == hashlib.sha256(by_hand).hexdigest()
    asked = [((a, b), [3, 0]), ((b, a), [0, 3]), ((a, b), [0, 3]), ((a,), [3]), ((a, a), [3, 0])]
    assert len({listed(images, np.array(labels)) for images, labels in asked}) == len(asked)


def test_it_is_the_digest_of_the_digests_in_the_lists_order(folder):
    def slowly(split: str, limit: int | None) -> str:
        paths = load_split("birds", split).paths[:limit]
        parts = [hashlib.sha256(path.read_bytes()).digest() for path in paths]
        return hashlib.sha256(b"".join(parts)).hexdigest()

    for split in ("train800", "val200", "train800val200", "test"):
        for limit in (None, 2, 1000):
            assert of(split, limit) == slowly(split, limit)
    lines = (folder / "train800.txt").read_text().splitlines()
    (folder / "train800.txt").write_text("\n".join([lines[1], lines[0], *lines[2:]]) + "\n")
    before = of("train800val200", 6)
    assert of() == slowly("train800", None) != before


def test_a_second_look_reads_no_file(folder, monkeypatch):
    first = of("train800val200")
    seen = reads(monkeypatch)
    assert of("train800val200") == first
    of("train800")
    of("val200", 1)
    assert seen == []
    of("test")
    assert len(seen) == 3


def test_a_byte_that_changes_shows_though_size_and_time_of_modification_stay(folder, monkeypatch):
    first = of()
    seen = reads(monkeypatch)
    changed = folder / "images/train800/000002.jpg"
    flip(changed)
    assert of() != first
    assert seen == [str(changed)]
    flip(changed)
    assert of() == first


def test_another_file_of_the_same_size_in_its_place_shows(folder):
    first = of()
    path = folder / "images/train800/000002.jpg"
    status, size = path.stat(), path.stat().st_size
    other = folder / "other"
    other.write_bytes(os.urandom(size))
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(path)
    assert of() != first


def test_a_file_that_changed_a_moment_ago_is_not_kept(folder, monkeypatch):
    monkeypatch.setattr(digests, "_SETTLED_NS", 3_000_000_000)
    of()
    assert not cache_file(folder).exists()
    seen = reads(monkeypatch)
    of()
    assert len(seen) == 6


def test_a_file_that_changes_while_it_is_read_is_not_kept(folder, monkeypatch):
    original = hashlib.file_digest

    def slowly(file, name):
        found = original(file, name)
        flip(Path(file.name))
        return found

    monkeypatch.setattr(hashlib, "file_digest", slowly)
    of()
    assert not cache_file(folder).exists()


GARBAGE = [
    b"",
    b"{",
    b"\xff\xfe",
    b"[]",
    b"null",
    b'{"files": []}',
    b'{"files": {"images/train800/000000.jpg": 3}}',
    b'{"files": {"images/train800/000000.jpg": [1, 2, 3, 4, null]}}',
    b'{"files": {"images/train800/000000.jpg": [null, {}, "", [], "x"]}}',
    b"[" * 200_000,
    b'{"files": ' + b'{"a":' * 100_000,
]


@pytest.mark.parametrize("content", GARBAGE)
def test_a_cache_of_any_content_is_made_anew(folder, content, monkeypatch):
    first = of()
    cache_file(folder).write_bytes(content)
    assert of() == first
    seen = reads(monkeypatch)
    assert of() == first
    assert seen == []


def test_an_entry_with_another_digests_form_is_not_believed(folder):
    first = of()
    document = json.loads(cache_file(folder).read_text())
    for entry in document["files"].values():
        entry[4] = "0" * 63
    cache_file(folder).write_text(json.dumps(document))
    assert of() == first


def test_a_cache_that_cannot_be_written_costs_only_time(folder, tmp_path, monkeypatch):
    first = of()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert of() == of() == first


def test_without_a_home_nothing_is_kept(folder, monkeypatch):
    first = of()

    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", no_home)
    assert of() == of() == first
    assert not cache_file(folder).exists()


def test_two_folders_with_files_of_one_name_do_not_mix(folder, tmp_path):
    write_image(tmp_path / "other/a.jpg", seed=1)
    write_image(folder / "a.jpg", seed=2)
    for _ in range(2):
        for place in (tmp_path / "other", folder):
            (found,) = file_digests(place, [str(place / "a.jpg")])
            assert found == hashlib.sha256((place / "a.jpg").read_bytes()).hexdigest()


def test_many_at_once_agree(folder):
    expected, found = of("train800val200"), []
    cache_file(folder).unlink()
    splits = ("train800val200", "train800val200", "test", "train800") * 5
    threads = [threading.Thread(target=lambda s=s: found.append((s, of(s)))) for s in splits]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 20
    assert {digest for split, digest in found if split == "train800val200"} == {expected}
    assert len(json.loads(cache_file(folder).read_text())["files"]) >= 3


def test_one_of_these_answers_from_memory(folder):
    known = ImageDigests()
    first = known.of(subset("train800"))
    flip(folder / "images/train800/000002.jpg")
    assert known.of(subset("train800")) == first != of()


def test_names_are_the_files(folder):
    assert ImageDigests().names(subset("val200", 1)) == (str(folder / "images/val200/000000.jpg"),)


def test_a_file_that_cannot_be_read_is_named(folder, monkeypatch):
    path = folder / "images/train800/000001.jpg"

    def vanish(asked: str, inside: Path) -> tuple:
        Path(asked).unlink(missing_ok=True)
        return original(asked, inside)

    original = digests._digest
    monkeypatch.setattr(digests, "_digest", vanish)
    with pytest.raises(InputError, match=r"000000\.jpg cannot be read: there is no such file"):
        of()
    assert not path.with_name("000000.jpg").exists()


def test_bundled_tasks_have_digests_that_follow_from_their_images(monkeypatch):
    known = ImageDigests()
    loc, ori = (known.images(subset("test", task=f"sprites_{name}")) for name in ("loc", "ori"))
    assert loc == ori
    assert len(set(loc)) == 1000
    assert known.images(subset("test", task="count")) != loc
    for task in bundled.TASKS:
        train, val, both, test = (known.images(subset(split, task=task)) for split in SPLITS)
        assert both == train + val
        assert len(test) == bundled.TASKS[task].sizes["test"]
    before = known.of(subset("test", task="count"))
    monkeypatch.setattr(bundled, "VERSION", 2)
    assert ImageDigests().of(subset("test", task="count")) != before


def test_other_digits_in_scikit_learn_are_refused(monkeypatch):
    rows = drawn._rows_of_digits()
    rows[3, 4 * 8 + 4] += 1
    monkeypatch.setattr(drawn, "_rows_of_digits", lambda: rows)
    drawn.digits.cache_clear()
    with pytest.raises(IctError, match="digits of this scikit-learn"):
        drawn.load_split("digits", "test")
    drawn.digits.cache_clear()
