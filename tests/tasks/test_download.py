import errno
import io
import json
import os
import socket
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from ict.errors import IctError, InputError
from ict.tasks import load_split
from ict.tasks.download import Download, present, target_root, tasks_to_download
from ict.tasks.links import read_links, write_link
from tests.hub_server import COMMIT, Hub, serve
from tests.vtab_layout import make_task, set_line


@pytest.fixture(autouse=True)
def isolated(tmp_path, monkeypatch):
    monkeypatch.delenv("ICT_VTAB_ROOT", raising=False)
    monkeypatch.setenv("ICT_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 500)
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda _seconds: None)


def tree(folder: Path, inside: str) -> dict[str, bytes]:
    """Every file under `folder`, named as under `inside`."""
    return {
        f"{inside}{path.relative_to(folder)}": path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def zipped(files: dict[str, bytes], *, packing: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", packing) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def tarred(files: dict[str, bytes], mode: str = "w:gz", extra: tarfile.TarInfo | None = None):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        if extra is not None:
            archive.addfile(extra)
    return stream.getvalue()


@pytest.fixture(scope="module")
def kitti(tmp_path_factory) -> Path:
    return make_task(tmp_path_factory.mktemp("made") / "kitti", classes=4, train=6)


@pytest.fixture
def root(tmp_path):
    return tmp_path / "root"


def download(hub: Hub, root: Path, name: str = "kitti", **options) -> dict:
    return Download(root, repo=hub.repo, endpoint=hub.endpoint, **options).install(name)


def same_files(folder: Path, made: Path) -> bool:
    return tree(folder, "") == tree(made, "")


def leftovers(root: Path) -> list[str]:
    """Hidden files and folders under the root, apart from downloads kept for another try."""
    return [path.name for path in root.glob(".*") if path.name != ".downloads"]


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


@pytest.mark.parametrize("pack", [zipped, tarred, lambda files: tarred(files, "w")])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_truncated_archive_is_one_sentence(kitti, root, pack, share):
    content = pack(tree(kitti, "kitti/")).rstrip(b"\0")  # the padding of a tar is no loss
    name = "kitti.zip" if pack is zipped else "kitti.tar.gz"
    with (
        serve(Hub({name: content[: int(share * len(content))]})) as hub,
        pytest.raises(IctError) as caught,
    ):
        download(hub, root)
    assert "\n" not in str(caught.value)
    assert "no whole archive" in str(caught.value) or "not usable" in str(caught.value)
    assert not (root / "kitti").exists()
    assert leftovers(root) == []


def test_an_altered_image_fails_its_checksum(kitti, root):
    content = bytearray(zipped(tree(kitti, "")))
    content[content.index(b"JFIF") + 200] ^= 255
    with (
        serve(Hub({"kitti.zip": bytes(content)})) as hub,
        pytest.raises(IctError, match=r"no whole archive.*CRC"),
    ):
        download(hub, root)
    assert not (root / "kitti").exists()


def link_in_zip(target: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        info = zipfile.ZipInfo("kitti/images")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, target)
    return stream.getvalue()


def tar_entry(name: str, kind: bytes, target: str = "") -> bytes:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    return tarred({}, "w", extra=entry)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("kitti.zip", zipped({"../evil.txt": b"x"}), "leaves the task's folder by '..'"),
        ("kitti.zip", zipped({"kitti/../../evil.txt": b"x"}), "leaves the task's folder"),
        ("kitti.zip", zipped({"/tmp/ict_evil.txt": b"x"}), "is an absolute path"),
        ("kitti.zip", zipped({"..\\evil.txt": b"x"}), "leaves the task's folder"),
        ("kitti.zip", link_in_zip("/etc"), "is a link or a device"),
        ("kitti.tar", tarred({"../evil.txt": b"x"}, "w"), "leaves the task's folder by '..'"),
        ("kitti.tar.gz", tarred({"/tmp/ict_evil.txt": b"x"}), "is an absolute path"),
        ("kitti.tar", tar_entry("kitti/images", tarfile.SYMTYPE, "/etc"), "is a link or a device"),
        ("kitti.tar", tar_entry("kitti/a", tarfile.LNKTYPE, "/etc/passwd"), "is a link or a dev"),
        ("kitti.tar", tar_entry("kitti/a", tarfile.CHRTYPE), "is a link or a device"),
        ("kitti.tar", tar_entry("kitti/a", tarfile.FIFOTYPE), "is a link or a device"),
        (
            "kitti.zip",
            zipped({"kitti/test.txt": bytes(80 << 20)}, packing=zipfile.ZIP_DEFLATED),
            "times its size, which no set of images is",
        ),
        ("kitti.tar.gz", tarred({"kitti/test.txt": bytes(80 << 20)}), "times its size"),
        ("kitti.zip", zipped({"a.txt": b"x"}), "holds no folder for 'kitti'"),
        ("kitti.zip", zipped({"kitti/test.txt": b"x", "kitti/test.txt/a": b""}), "file and folder"),
    ],
)
def test_a_malicious_archive_installs_nothing(root, tmp_path, name, content, said):
    before = set(tmp_path.rglob("*"))
    with serve(Hub({name: content})) as hub, pytest.raises(IctError) as caught:
        download(hub, root)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    after = {path for path in tmp_path.rglob("*") if ".downloads" not in path.parts}
    assert after - before <= {root}
    assert not Path("/tmp/ict_evil.txt").exists()


def test_a_header_that_lies_about_its_size(kitti, root):
    """The central directory says 1 byte, the member has more: never more than announced."""
    content = bytearray(zipped({"kitti/test.txt": b"x" * 5000}))
    entry = content.rindex(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = (1).to_bytes(4, "little")
    with serve(Hub({"kitti.zip": bytes(content)})) as hub, pytest.raises(IctError):
        download(hub, root)
    assert not (root / "kitti").exists()


def test_data_that_are_not_sound_are_not_installed(kitti, root, tmp_path):
    import shutil

    broken = Path(shutil.copytree(kitti, tmp_path / "kitti"))
    set_line(broken / "test.txt", 2, "images/test/000001.jpg 4")
    with (
        serve(Hub({"kitti.zip": zipped(tree(broken, ""))})) as hub,
        pytest.raises(IctError) as caught,
    ):
        download(hub, root)
    assert "1 errors, the first: kitti/test.txt, line 2: label 4 is out of range" in str(
        caught.value
    )
    assert not (root / "kitti").exists()
    assert leftovers(root) == []


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


def test_names():
    assert tasks_to_download("cifar100") == ["cifar"]
    assert len(tasks_to_download("all")) == 19
    with pytest.raises(InputError, match="did you mean 'cifar'"):
        tasks_to_download("cifr")
    with pytest.raises(InputError, match="nothing to download"):
        tasks_to_download("digits")


def ict(hub: Hub, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The real command in its own process, pointed at the local hub by HF_ENDPOINT."""
    return subprocess.run(
        [sys.executable, "-m", "ict", *arguments],
        env=os.environ | {"HF_ENDPOINT": hub.endpoint} | variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_command_honours_hf_endpoint(kitti, root):
    with serve(Hub({"kitti.zip": zipped(tree(kitti, ""))}, repo="XiN0919/VTAB-1k")) as hub:
        done = ict(hub, "data", "download", "kitti", "--to", str(root), "--json")
        assert done.returncode == 0, done.stderr
        document = json.loads(done.stdout)
        assert (document["task"], document["status"]) == ("kitti", "downloaded")
        again = ict(hub, "data", "download", "kitti", "--to", str(root), "--json")
        assert json.loads(again.stdout)["status"] == "present"
    split = load_split("kitti", "train800")
    assert np.array_equal(split.labels, load_split("kitti", "train800", root=root).labels)


def test_the_command_for_all_goes_on_after_a_failure(kitti, root):
    files = {"kitti.zip": zipped(tree(kitti, "")), "dmlab.zip": zipped(tree(kitti, ""))[:900]}
    with serve(Hub(files)) as hub:
        done = ict(hub, "data", "download", "all", "--to", str(root), "--repo", hub.repo, "--json")
    rows = {row["task"]: row for row in json.loads(done.stdout)}
    assert done.returncode == 1
    assert len(rows) == 19
    assert rows["kitti"]["status"] == "downloaded"
    assert "no whole archive" in rows["dmlab"]["error"]
    assert "neither an archive nor a folder" in rows["svhn"]["error"]


def test_the_command_says_errors_in_one_json_sentence(root):
    with serve(Hub({})) as hub:
        done = ict(hub, "data", "download", "svhn", "--to", str(root), "--json")
    assert done.returncode == 2
    assert "there is no data set 'XiN0919/VTAB-1k'" in json.loads(done.stdout)["error"]
    assert len(done.stdout.strip().splitlines()) == 1


def test_an_interrupted_process_leaves_a_partial_file_that_the_next_one_uses(kitti, root):
    content = zipped(tree(kitti, ""))
    with serve(Hub({"kitti.zip": content}, repo="XiN0919/VTAB-1k")) as hub:
        partial = root / ".downloads" / COMMIT / "kitti.zip.partial"
        partial.parent.mkdir(parents=True)
        partial.write_bytes(content[:4321])
        done = ict(hub, "data", "download", "kitti", "--to", str(root))
        assert done.returncode == 0, done.stderr
        assert hub.ranges("kitti.zip") == ["bytes=4321-"]
    assert same_files(root / "kitti", kitti)


def test_downloading_never_imports_torch():
    code = (
        "import sys, ict.tasks.download, ict.cli.data, huggingface_hub;"
        "from huggingface_hub import HfApi; print('torch' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"
