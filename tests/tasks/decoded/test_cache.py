"""The folder of decoded sets: killed writers, two at once, its bound, full and foreign disks."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from ict.errors import InputError
from ict.files import user_cache
from ict.tasks import load_split
from ict.tasks.decoded import cache
from ict.tasks.decoded.decode import decode
from ict.tasks.decoded.sets import fill, mapped, read_set
from ict.tasks.decoded.tally import Tally
from tests.tasks.decoded.birds import SET, SIZE, files, read


def in_child(code: str) -> subprocess.Popen:
    opening = (
        "import os, sys, time\nfrom ict.tasks import load_split\n"
        "from ict.tasks.decoded import cache, sets\nfrom ict.tasks.decoded.tally import Tally\n"
        "split = load_split('birds', 'train800')\n"
    )
    words = [sys.executable, "-c", opening + code]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_a_writer_that_is_killed_leaves_nothing_that_is_used_and_its_file_goes(task):
    child = in_child(
        "from ict.tasks.decoded import pixel_file\nreal = pixel_file.PixelWriter.finish\n"
        "def finish(self):\n    self._file.flush(); print('written', flush=True); time.sleep(60)\n"
        "pixel_file.PixelWriter.finish = finish\nsets.read_set(split, 16)\n"
    )
    assert child.stdout.readline() == "written\n"
    assert [path.suffix for path in files()] == [".tmp"]
    assert read(17).decoded == 9  # beside a writer that lives
    assert sorted(path.suffix for path in files()) == [".pixels", ".tmp"]
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert read().decoded == 9
    assert [path.suffix for path in files()] == [".pixels"] * 2
    assert read().cached == 9


@pytest.mark.slow
def test_writers_killed_at_random_moments(task):
    for moment in np.linspace(0.0, 0.03, 8):
        child = in_child(
            "print('ready', flush=True)\n"
            "for size in range(200, 260):\n    sets.read_set(split, size)\n"
        )
        child.stdout.readline()
        time.sleep(0.05 + moment)
        child.kill()
        child.wait()
        for size in (200, 201, 202):
            read(size)
    read(300)
    assert {path.suffix for path in files()} == {".pixels"}


def test_two_processes_at_once_are_both_right(task):
    code = (
        "from ict.tasks.decoded.decode import decode\nprint('ready', flush=True)\ntally = Tally()\n"
        "for size in range(40, 60):\n"
        "    assert (sets.read_set(split, size, tally=tally) == decode(split, size)).all()\n"
        "assert not tally.notes, tally.notes\n"
    )
    children = [in_child(code) for _ in range(3)]
    assert [child.wait() for child in children] == [0, 0, 0]
    assert [path.suffix for path in files()] == [".pixels"] * 20
    assert read(45).cached == 9


@pytest.mark.parametrize("linked", [False, True])
def test_a_folder_of_another_user_is_not_written_to(task, tmp_path, another_user, linked):
    theirs = tmp_path / "theirs"
    theirs.mkdir(mode=0o777)
    (theirs / ("a" * 40 + ".pixels")).write_bytes(b"theirs")
    os.chown(theirs, another_user, another_user)
    cache.folder().parent.mkdir(parents=True)
    cache.folder().symlink_to(theirs) if linked else theirs.rename(cache.folder())
    for _ in range(2):
        tally = read()
        assert tally.decoded == 9
        assert tally.notes == [
            f"decoded images are not kept, as {cache.folder()} belongs to another user: set XDG_CACHE_HOME "
            "to a folder of another disk, or ICT_DECODED_CACHE_BYTES=0 for no cache"
        ]
    assert cache.clear() == (0, 0)
    assert [path.name for path in files()] == ["a" * 40 + ".pixels"]
    assert cache.folder().stat().st_mode & 0o777 != 0o700


def test_a_link_of_another_user_is_not_followed(task, tmp_path, another_user):
    (tmp_path / "mine").mkdir()
    cache.folder().parent.mkdir(parents=True)
    cache.folder().symlink_to(tmp_path / "mine")
    os.chown(cache.folder(), another_user, another_user, follow_symlinks=False)
    assert "belongs to another user" in read().notes[0]
    assert list((tmp_path / "mine").iterdir()) == []


def test_a_full_disk_is_named_once_and_nothing_fails(task, small_disk, monkeypatch):
    monkeypatch.setenv(cache.BOUND, "1000000000")
    split, tally = load_split("birds", "train800"), Tally()
    for size in (300, 301):
        images = read_set(split, size, tally=tally)  # 2.4 MB
        assert (images == decode(split, size)).all()
    assert tally.notes == [
        f"decoded images are not kept, as the disk of {cache.folder()} is full: free some space, set "
        "XDG_CACHE_HOME to a folder of another disk, or ICT_DECODED_CACHE_BYTES=0 for no cache"
    ]
    assert fill(split, 300, tally=tally) is None
    assert len(tally.notes) == 1
    assert files() == []  # and no half a file stays
    assert read().decoded == 9
    assert read().cached == 9


def test_a_full_disk_is_named_without_a_bound_too(task, small_disk):
    with (small_disk / "ballast").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    (note,) = read().notes
    assert note.startswith(
        f"decoded images are not kept, as the disk of {cache.folder()} is full: "
    )


def test_a_disk_that_is_only_read_serves_what_it_has(task, small_disk, monkeypatch):
    monkeypatch.setenv(cache.BOUND, "1000000")
    read()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    hit, miss = read(), read(17)
    assert (hit.cached, hit.notes) == (9, [])
    (note,) = miss.notes
    assert f"as {cache.folder()} cannot be written to" in note


@pytest.mark.parametrize("at", ["file", "nowhere"])
def test_without_a_place_for_a_cache_everything_is_decoded(task, tmp_path, monkeypatch, at):
    if at == "nowhere":
        monkeypatch.delenv("XDG_CACHE_HOME")
        monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError))
        assert user_cache() == Path("/dev/null/ict")
    else:
        (tmp_path / "cache").write_text("a file")
    tally = read()
    assert tally.decoded == 9
    assert len(tally.notes) == 1


def test_the_bound_removes_what_was_used_longest_ago(task, monkeypatch):
    monkeypatch.setenv(cache.BOUND, str(3 * SET + 2000))
    for size in (14, 15, 16):
        read(size)
        time.sleep(0.02)
    assert read(14).cached == 9  # now 15 is the one
    assert read(13).decoded == 9
    assert [one.about.size for one in cache.kept()] == [13, 14, 16]
    assert sum(one.bytes for one in cache.kept()) <= cache.bound_bytes()


def test_what_a_process_uses_is_not_removed(task, monkeypatch):
    monkeypatch.setenv(cache.BOUND, str(SET + 1000))
    read()
    child = in_child(
        "held = sets.read_set(split, 16)\nprint('held', flush=True)\nsys.stdin.read()\n"
    )
    child.stdout.readline()
    tally = Tally()
    read_set(load_split("birds", "train800"), 17, tally=tally)
    (said,) = tally.left_out
    assert said.startswith("the 9 decoded images of birds train800 (0.0 GB) are not kept: ")
    assert [one.about.size for one in cache.kept()] == [16]
    assert cache.clear() == (0, SET)
    child.kill()
    child.wait()
    assert read(17).left_out == []
    assert [one.about.size for one in cache.kept()] == [17]


def test_a_set_beyond_the_bound_removes_nothing(task, monkeypatch):
    monkeypatch.setenv(cache.BOUND, str(2 * SET))
    read()
    tally = Tally()
    assert fill(load_split("birds", "train800"), 64, tally=tally) is None
    assert (tally.decoded, len(tally.left_out)) == (0, 1)
    assert [one.about.size for one in cache.kept()] == [16]


def test_no_cache_is_asked_for(task, monkeypatch):
    read()
    monkeypatch.setenv(cache.BOUND, "0")
    tally = read()
    assert (tally.decoded, tally.notes, tally.left_out) == (9, [], [])
    assert mapped(load_split("birds", "train800"), SIZE) is None
    assert len(files()) == 1


@pytest.mark.parametrize("odd", ["20 GB", "-1", "1e9", "9" * 400])
def test_a_bound_that_is_no_number_is_said(monkeypatch, odd):
    monkeypatch.setenv(cache.BOUND, odd)
    with pytest.raises(InputError, match=r"ICT_DECODED_CACHE_BYTES=.*give whole bytes"):
        cache.bound_bytes()


def test_a_tenth_of_the_disks_room_at_most_20_gb(task, monkeypatch):
    room = type("Usage", (), {"free": 50_000_000_000})
    monkeypatch.setattr("shutil.disk_usage", lambda _: room)
    assert cache.bound_bytes() == 5_000_000_000
    read()
    assert cache.bound_bytes() == (50_000_000_000 + SET) // 10  # what it holds is no less room
    room.free = 10**13
    assert cache.bound_bytes() == 20_000_000_000
