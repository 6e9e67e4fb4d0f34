"""Archives of a task as a download brings them: names that leave, links, devices, bombs, torn and lying headers."""

import gzip
import io
import json
import stat
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from unittest import mock

from bench.fuzz import changes
from bench.fuzz.target import Form, Given, Target, World, in_file

_TASK = "svhn"
_ODD_NAMES = (
    "../outside.txt", "/tmp/outside.txt", "svhn/../../outside.txt", "svhn/a\nb", "svhn/\x1b[31m", "C:\\outside",
    "svhn/" + "x" * 300, "svhn/" + "x/" * 600 + "a", "", ".", "svhn/test.txt", "svhn/images", "__MACOSX/._a",
    "\\\\server\\share", "svhn/a:b", "svhn/\udcff", "svhn/images/0.png/inside", "svhn//x", "svhn/é",
)  # fmt: skip
_KINDS = (
    tarfile.SYMTYPE,
    tarfile.LNKTYPE,
    tarfile.CHRTYPE,
    tarfile.FIFOTYPE,
    tarfile.DIRTYPE,
    tarfile.GNUTYPE_SPARSE,
    b"x",
)
Entry = tuple[str, bytes]


def _entries() -> list[Entry]:
    from bench.fuzz.of_own import small_image

    lists = {"train800": (0, 1), "val200": (2,), "train800val200": (0, 1, 2), "test": (3, 4)}
    texts = {
        split: "".join(f"images/{i}.png {i}\n" for i in numbers) for split, numbers in lists.items()
    }
    images = [(f"{_TASK}/images/{i}.png", small_image(i)) for i in range(5)]
    return [*((f"{_TASK}/{split}.txt", text.encode()) for split, text in texts.items()), *images]


def _zipped(
    entries: Sequence[Entry], twist: Callable[[zipfile.ZipInfo], None] | None = None
) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number, (name, content) in enumerate(entries):
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            if twist is not None and number == len(entries) - 1:
                twist(info)
            archive.writestr(info, content)
    return out.getvalue()


def _tarred(entries: Sequence[Entry], *, packed: bool = False, kind: bytes | None = None) -> bytes:
    """A tar; the last member of another `kind`, which links out."""
    out = io.BytesIO()
    with tarfile.open(
        fileobj=out, mode="w", format=tarfile.PAX_FORMAT if packed else tarfile.GNU_FORMAT
    ) as archive:
        for number, (name, content) in enumerate(entries):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            if kind is not None and number == len(entries) - 1:
                info.type, info.linkname, info.size = kind, "../../outside", 0
            archive.addfile(info, io.BytesIO(content))
    return gzip.compress(out.getvalue(), mtime=0) if packed else out.getvalue()


def _odd_archive(random: Random) -> bytes:
    """A sound archive but for one member."""
    entries = _entries()
    choice = random.randrange(8)
    if choice < 3:
        entries.append((random.choice(_ODD_NAMES), b"outside"))
    elif choice == 3:
        at = random.randrange(len(entries))
        entries[at] = entries[at][0], changes.of_text(random, entries[at][1])
    elif choice == 4:
        del entries[random.randrange(len(entries))]
    elif choice == 5:
        entries.append((f"{_TASK}/bomb", bytes(random.choice((10**6, 80 << 20)))))
    else:
        return _with_odd_member(random, entries)
    return _packed(random, entries)


def _packed(random: Random, entries: Sequence[Entry]) -> bytes:
    try:
        return random.choice((_zipped, _tarred, lambda e: _tarred(e, packed=True)))(entries)  # type: ignore[operator]
    except (ValueError, UnicodeError, OSError):
        return _zipped(_entries())


def _with_odd_member(random: Random, entries: Sequence[Entry]) -> bytes:
    """A link, a device, an encrypted member, a method that nobody knows."""
    more = [*entries, (f"{_TASK}/odd", b"../../outside")]
    if random.random() < 0.5:
        return _tarred(more, packed=random.random() < 0.5, kind=random.choice(_KINDS))

    def twist(info: zipfile.ZipInfo) -> None:
        modes = (stat.S_IFLNK | 0o777, stat.S_IFCHR | 0o666, stat.S_IFIFO, stat.S_IFREG | 0o6777)
        choice = random.randrange(4)
        if choice == 0:
            info.external_attr = random.choice(modes) << 16
        elif choice == 1:
            info.compress_type = random.choice((zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2))
        elif choice == 2:
            info.extra = random.randbytes(random.choice((3, 40, 3000)))
        else:
            info.comment = random.randbytes(60_000)

    return _zipped(more, twist)


def _change(random: Random, content: bytes) -> bytes:
    """One member of it odd, or its bytes changed; within gzip, too."""
    choice = random.random()
    if choice < 0.4:
        return _odd_archive(random)
    if choice < 0.6 and content.startswith(b"\x1f\x8b"):
        try:
            return gzip.compress(changes.of_bytes(random, gzip.decompress(content)), mtime=0)
        except (OSError, EOFError):
            pass
    if choice < 0.8 and content.startswith(b"PK"):
        table = content.rfind(b"PK\1\2")
        if table > 0:
            return content[:table] + changes.of_bytes(random, content[table:])
    return changes.of_bytes(random, content)


def _world(root: Path) -> World:
    """A download whose archive has arrived: unpacked, checked and put in its place."""
    from ict.tasks import download
    from ict.tasks.hub import RemoteFile, Repository

    path = root / "arrived.zip"
    root.mkdir(parents=True, exist_ok=True)
    file = RemoteFile(f"{_TASK}.zip", 1, None)
    repository = Repository("someone/tasks", "", "c" * 40, {file.path: file})

    def fetched(_repository: Repository, _file: RemoteFile, target: Path) -> Path:
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file() and path.stat().st_size < 1 << 28:
            target.write_bytes(path.read_bytes())
        else:
            target.mkdir(exist_ok=True)
        return target

    def read(_given: Given) -> Sequence[str]:
        with (
            mock.patch.object(download, "open_repository", return_value=repository),
            mock.patch.object(download, "fetch", fetched),
        ):
            here = download.Download(root / "vtab")
            json.dumps(here.install(_TASK))
        if not (root / "vtab" / _TASK / "test.txt").is_file():
            raise RuntimeError("nothing was installed")
        return ()

    entries = _entries()
    samples = [_zipped(entries), _tarred(entries), _tarred(entries, packed=True)]
    return World(
        root=root,
        samples=samples,
        place=in_file(path),
        read=read,
        may_write=("vtab", "store"),
        caches=("vtab/.downloads", "cache"),
    )


def targets() -> list[Target]:
    """Archives."""
    form = Form(change=_change, junk=lambda random, valid: changes.bytes_junk(random, valid)
                if random.random() < 0.4 else changes.many(_change)(random, valid), is_file=False)  # fmt: skip
    return [
        Target(
            name="archives",
            parser=("ict/tasks/unpack.py", "ict/tasks/guard.py"),
            form=form,
            world=_world,
            share=3,
        )
    ]
