"""Connections that break, hubs that lack or lie, and disks that take nothing more."""

import errno
import socket

import pytest

from ict.errors import IctError, InputError
from ict.tasks.download import Download
from tests.hub_server import Hub, serve
from tests.tasks.download.archives import download, same_files, tree, zipped


def test_a_dropped_connection_is_resumed_within_one_call(kitti, root):
    content = zipped(tree(kitti, ""))
    with serve(Hub({"kitti.zip": content})) as hub:
        hub.drops["kitti.zip"] = [1000, 1500]
        download(hub, root)
        assert hub.ranges("kitti.zip") == [None, "bytes=1000-", "bytes=2500-"]
    assert same_files(root / "kitti", kitti)


def test_a_connection_that_stays_down_is_said_and_the_next_call_goes_on(kitti, root):
    content = zipped(tree(kitti, ""))
    with serve(Hub({"kitti.zip": content})) as hub:
        hub.drops["kitti.zip"] = [3000] + [0] * 200
        with pytest.raises(IctError, match=r"connection to .* failed.*the same command goes on"):
            download(hub, root)
        assert not (root / "kitti").exists()
        hub.drops.clear()
        hub.requests.clear()
        download(hub, root)
        assert hub.ranges("kitti.zip") == ["bytes=3000-"]
    assert same_files(root / "kitti", kitti)
    assert not (root / ".downloads").exists()


def test_content_that_is_not_the_announced_is_removed(kitti, root):
    with serve(Hub({"kitti.zip": zipped(tree(kitti, ""))})) as hub:
        hub.wrong_sha.add("kitti.zip")
        with pytest.raises(IctError, match="has not the SHA-256 that the hub states"):
            download(hub, root)
        assert not list(root.rglob("kitti.zip.partial"))
        hub.wrong_sha.clear()
        download(hub, root)
    assert (root / "kitti").is_dir()


def test_a_data_set_without_the_task(kitti, root):
    with (
        serve(Hub({"cifar.zip": b"x", "README.md": b"y"})) as hub,
        pytest.raises(InputError) as caught,
    ):
        download(hub, root)
    assert str(caught.value) == (
        "data set 'someone/vtab' has neither an archive nor a folder for 'kitti'; "
        "it holds README.md, cifar.zip"
    )


@pytest.mark.parametrize(
    ("repo", "revision", "said"),
    [
        ("someone/else", None, "there is no data set 'someone/else' at http://127.0.0.1"),
        ("someone/vtab", "v9", "data set 'someone/vtab' has no revision 'v9'"),
        ("not a name", None, "'not a name' is no name of a data set; write OWNER/NAME"),
    ],
)
def test_what_the_hub_does_not_have(root, repo, revision, said):
    with serve(Hub({})) as hub, pytest.raises(InputError) as caught:
        Download(root, repo=repo, revision=revision, endpoint=hub.endpoint)
    assert said in str(caught.value)
    assert not root.exists()


def test_a_file_that_is_gone_when_it_is_fetched(kitti, root):
    with serve(Hub({"kitti.zip": zipped(tree(kitti, ""))})) as hub:
        source = Download(root, repo=hub.repo, endpoint=hub.endpoint)
        hub.files.clear()
        with pytest.raises(IctError, match=r"is not there \(404\)"):
            source.install("kitti")


def test_a_server_in_trouble_and_a_server_that_is_not_there(root):
    with serve(Hub({})) as hub:
        hub.status = 500
        with pytest.raises(IctError, match="answered 500 for data set"):
            Download(root, repo=hub.repo, endpoint=hub.endpoint)
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        endpoint = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    with pytest.raises(IctError, match=f"the connection to {endpoint} failed"):
        Download(root, repo=hub.repo, endpoint=endpoint)


def test_a_target_that_cannot_be_written(kitti, tmp_path):
    (tmp_path / "file").write_text("")
    with (
        serve(Hub({"kitti.zip": zipped(tree(kitti, ""))})) as hub,
        pytest.raises(IctError, match="cannot be written to"),
    ):
        download(hub, tmp_path / "file")


def test_too_little_space_is_said_before_anything_is_written(kitti, root, monkeypatch):
    usage = type("Usage", (), {"free": 100})
    monkeypatch.setattr("ict.tasks.hub.shutil.disk_usage", lambda _: usage)
    with serve(Hub({"kitti.zip": zipped(tree(kitti, ""))})) as hub:
        with pytest.raises(IctError, match=r"kitti.zip needs 0.00 GiB, 0.00 GiB are free"):
            download(hub, root)
        assert hub.ranges("kitti.zip") == []


def test_a_disk_that_fills_up_is_said_as_such(kitti, root, monkeypatch):
    def full(*_arguments, **_options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("huggingface_hub.file_download.http_get", full)
    with (
        serve(Hub({"kitti.zip": zipped(tree(kitti, ""))})) as hub,
        pytest.raises(IctError, match=f"^{root}: No space left on device$"),
    ):
        download(hub, root)


class Liar(Hub):
    """Announces half of what it sends."""

    def tree(self) -> list[dict]:
        return [{**entry, "size": entry.get("size", 0) // 2} for entry in super().tree()]


def test_a_server_that_sends_more_than_it_announced_is_cut_off(kitti, root):
    hub = Liar({"kitti.zip": zipped(tree(kitti, ""))})
    with serve(hub), pytest.raises(IctError) as caught:
        download(hub, root)
    assert "longer than the" in str(caught.value)
    assert not (root / "kitti").exists()
    assert [path.name for path in root.rglob("*partial*")] == []
