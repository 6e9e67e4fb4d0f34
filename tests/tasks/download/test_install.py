"""A task is downloaded from archives of every kind or a plain folder, once, and is found afterwards."""

import os

import pytest

from ict.errors import IctError, InputError
from ict.tasks import load_split
from ict.tasks.download import Download, present, target_root, tasks_to_download
from ict.tasks.links import read_links, write_link
from tests.hub_server import Hub, serve
from tests.tasks.download.archives import download, leftovers, same_files, tarred, tree, zipped
from tests.vtab_layout import make_task


@pytest.mark.parametrize(
    ("archive", "pack", "inside"),
    [
        ("kitti.zip", zipped, "kitti/"),
        ("kitti.zip", zipped, ""),
        ("data/KITTI.tar.gz", tarred, "kitti/"),
        ("kitti.tgz", tarred, "./kitti/"),
        ("kitti.tar", lambda files: tarred(files, "w"), "vtab/kitti/"),
        ("vtab-1k.zip", zipped, "vtab-1k/kitti/"),
        ("vtab-1k.tar.gz", tarred, "vtab-1k/kitti/"),
    ],
)
def test_archives_of_every_kind(kitti, root, archive, pack, inside):
    with serve(Hub({archive: pack(tree(kitti, inside)), "README.md": b"hello"})) as hub:
        report = download(hub, root)
    assert same_files(root / "kitti", kitti)
    assert report["ok"]
    assert report["path"] == str(root / "kitti")
    assert all("partial" not in problem["file"] for problem in report["problems"])
    assert leftovers(root) == []


def test_a_plain_folder(kitti, root):
    files = tree(kitti, "sets/KITTI/") | {"sets/other/train800.txt": b"a b", "x.txt": b""}
    with serve(Hub(files)) as hub:
        download(hub, root)
    assert same_files(root / "kitti", kitti)
    assert os.listdir(root) == ["kitti"]


def test_an_own_archive_goes_before_the_whole_one(kitti, root):
    own, whole = zipped(tree(kitti, "")), zipped({"vtab-1k/cifar/test.txt": b"x"})
    with serve(Hub({"vtab-1k.zip": whole, "archives/kitti.zip": own})) as hub:
        download(hub, root)
        assert hub.ranges("vtab-1k.zip") == []


def test_the_whole_archive_is_fetched_once_for_several_tasks(kitti, root):
    whole = zipped(tree(kitti, "vtab-1k/kitti/") | tree(kitti, "vtab-1k/dmlab/"))
    with serve(Hub({"vtab-1k.zip": whole})) as hub:
        source = Download(root, repo=hub.repo, endpoint=hub.endpoint)
        source.install("kitti")
        assert [path.name for path in source.kept()] == ["vtab-1k.zip"]
        Download(root, repo=hub.repo, endpoint=hub.endpoint).install("dmlab")
        assert len(hub.ranges("vtab-1k.zip")) == 1
        with pytest.raises(
            IctError, match=r"vtab-1k.zip holds no folder for 'svhn'; it holds dmlab, k"
        ):
            source.install("svhn")
        source.forget()
    assert sorted(os.listdir(root)) == ["dmlab", "kitti"]


def test_what_was_downloaded_loads_without_any_setting(kitti, tmp_path):
    """Neither ICT_VTAB_ROOT nor --to: into the store, linked."""
    with serve(Hub({"kitti.zip": zipped(tree(kitti, ""))})) as hub:
        download(hub, target_root(None))
    assert target_root(None) == tmp_path / "store/vtab-1k"
    assert read_links() == {"kitti": tmp_path / "store/vtab-1k/kitti"}
    assert load_split("kitti", "test").labels.tolist() == [0, 1, 2]


def test_target_root_order(tmp_path, monkeypatch):
    monkeypatch.setenv("ICT_VTAB_ROOT", str(tmp_path / "v"))
    assert target_root(None) == tmp_path / "v"
    assert target_root(tmp_path / "t") == tmp_path / "t"


def test_no_link_is_needed_under_the_root(kitti, root, monkeypatch):
    monkeypatch.setenv("ICT_VTAB_ROOT", str(root))
    with serve(Hub({"kitti.zip": zipped(tree(kitti, ""))})) as hub:
        download(hub, root)
    assert read_links() == {}


def test_an_existing_folder_is_not_touched(kitti, root):
    (root / "kitti").mkdir(parents=True)
    (root / "kitti/mine.txt").write_text("keep")
    with serve(Hub({"kitti.zip": zipped(tree(kitti, ""))})) as hub:
        with pytest.raises(InputError, match="exists and is not overwritten"):
            download(hub, root)
        assert hub.ranges("kitti.zip") == []
    assert os.listdir(root / "kitti") == ["mine.txt"]


def test_present_knows_links_and_variants(kitti, root, tmp_path):
    assert present("kitti", root) is None
    make_task(root / "pets")
    assert present("oxford_iiit_pet", root) == root / "pets"
    write_link("kitti", kitti)
    assert present("kitti", None) == kitti
    assert present("kitti", root) is None


def test_names():
    assert tasks_to_download("cifar100") == ["cifar"]
    assert len(tasks_to_download("all")) == 19
    with pytest.raises(InputError, match="did you mean 'cifar'"):
        tasks_to_download("cifr")
    with pytest.raises(InputError, match="nothing to download"):
        tasks_to_download("digits")
