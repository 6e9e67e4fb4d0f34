"""An archive that is torn, altered, malicious or of unsound data installs nothing."""

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from ict.errors import IctError
from tests.hub_server import Hub, serve
from tests.tasks.download.archives import download, leftovers, tarred, tree, zipped
from tests.vtab_layout import set_line


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
