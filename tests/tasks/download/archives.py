"""Archives of a task, what downloads them from a hub of one's own, and what that leaves."""

import io
import tarfile
import zipfile
from pathlib import Path

from ict.tasks.download import Download
from tests.hub_server import Hub


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


def download(hub: Hub, root: Path, name: str = "kitti", **options) -> dict:
    return Download(root, repo=hub.repo, endpoint=hub.endpoint, **options).install(name)


def same_files(folder: Path, made: Path) -> bool:
    return tree(folder, "") == tree(made, "")


def leftovers(root: Path) -> list[str]:
    """Hidden files and folders under the root, apart from downloads kept for another try."""
    return [path.name for path in root.glob(".*") if path.name != ".downloads"]
