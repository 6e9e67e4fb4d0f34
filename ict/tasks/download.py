"""`ict data download`: a task's folder from a data set on the Hugging Face hub.

The data set may hold one archive a task (`cifar.zip`), plain folders (`cifar/train800.txt` …), or
one archive of all tasks (`vtab-1k.zip`). What arrives is unpacked beside its place, checked, and
moved there in one step; a folder that exists is never overwritten.
"""

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any

from ict.documents.names import SPLITS
from ict.errors import IctError, InputError, did_you_mean, quoted
from ict.files import absolute, refuse_published
from ict.tasks import bundled, vtab, vtab_folders
from ict.tasks.check import Progress, check_folder
from ict.tasks.hub import DEFAULT_REPO, RemoteFile, Repository, fetch, open_repository
from ict.tasks.links import links_path, read_links, vtab_root, write_link
from ict.tasks.lists import Problem, leaves_folder, shown
from ict.tasks.unpack import SUFFIXES, Archive, ArchiveError

_WHOLE = ("vtab_1k", "vtab1k", "vtab")
_PARALLEL = 8


def tasks_to_download(task: str) -> list[str]:
    """The catalogue's names for `task` or `all`."""
    if task == "all":
        return list(vtab.catalogue())
    if task in bundled.DRAWN:
        raise InputError(f"{quoted(task)} comes with ict: there is nothing to download")
    name = vtab.canonical(task)
    if name not in vtab.catalogue():
        raise InputError(f"no task {quoted(task)} of VTAB-1K{did_you_mean(task, vtab.catalogue())}")
    return [name]


def target_root(to: Path | None) -> Path:
    """Where task folders go: `to`, else $ICT_VTAB_ROOT, else `vtab-1k` in the store."""
    return (absolute(to) if to else vtab_root()) or links_path().parent / "vtab-1k"


def present(name: str, to: Path | None) -> Path | None:
    """The task's folder if it is here: linked (unless `to` is given), or under the root."""
    root = target_root(to)
    linked = read_links().get(name) if to is None else None
    if linked is not None and linked.is_dir():
        return linked
    if (root / name).exists():
        return root / name
    return vtab_folders.folders_of(root).get(name) if root.is_dir() else None


class Download:
    """One data set at one commit, and the folder that receives its tasks."""

    def __init__(
        self,
        root: Path,
        *,
        repo: str = DEFAULT_REPO,
        revision: str | None = None,
        endpoint: str | None = None,
    ) -> None:
        self.root = root
        self.repository = open_repository(repo, revision, endpoint)
        self._cache = root / ".downloads" / self.repository.commit
        self._archives: dict[str, Archive] = {}

    def install(self, name: str, *, progress: Progress | None = None) -> dict[str, Any]:
        """Puts task `name` under the root and gives its check report.

        Raises IctError when it cannot be had, or when what came is not usable; then nothing is
        installed, and what was downloaded stays for the next try.
        """
        try:
            return self._install(name, self.root / name, progress)
        except OSError as error:
            where = error.filename or self.root
            raise IctError(f"{where}: {error.strerror or error}") from error

    def _install(self, name: str, target: Path, progress: Progress | None) -> dict[str, Any]:
        if target.exists():
            raise InputError(f"{target} exists and is not overwritten; see `ict data check {name}`")
        archive = _archive_of(self.repository, name)
        folder = None if archive else _folder_of(self.repository, name)
        if archive is None and folder is None:
            raise InputError(_not_there(self.repository, name))
        with _staging(self.root, name) as staged:
            if archive is not None:
                self._unpack(name, archive, staged)
            elif folder is not None:
                self._gather(folder, staged, progress)
            report = check_folder(name, staged, progress=progress)
            _refuse_unsound(name, report, staged)
            os.rename(staged, target)
        if archive is not None and _is_task(archive, name):
            self._archive_path(archive).unlink()
        self._drop_empty_folders()
        if self.root != vtab_root():
            write_link(name, target)
        return _moved(report, staged, target)

    def kept(self) -> list[Path]:
        """Archives that stay for other tasks, as downloading them again would take long."""
        return sorted(path for path in self._cache.rglob("*") if path.is_file())

    def forget(self) -> None:
        """Removes what was kept."""
        refuse_published()
        shutil.rmtree(self._cache, ignore_errors=True)
        self._drop_empty_folders()

    def _drop_empty_folders(self) -> None:
        for folder in (self._cache, self._cache.parent):
            with contextlib.suppress(OSError):
                folder.rmdir()

    def _archive_path(self, file: RemoteFile) -> Path:
        return self._cache / PurePosixPath(file.path).name

    def _unpack(self, name: str, file: RemoteFile, staged: Path) -> None:
        try:
            self._unpack_archive(name, file, staged)
        except ArchiveError:  # the same bytes would be refused again
            self._archives.pop(file.path, None)
            self._archive_path(file).unlink(missing_ok=True)
            self._drop_empty_folders()
            raise

    def _unpack_archive(self, name: str, file: RemoteFile, staged: Path) -> None:
        if file.path not in self._archives:
            path = fetch(self.repository, file, self._archive_path(file))
            self._archives[file.path] = Archive(path)
        archive = self._archives[file.path]
        folders = archive.folders()
        named = {vtab.canonical(folder): inside for folder, inside in folders.items()}
        if name in named:
            archive.extract(named[name], staged)
        elif len(folders) == 1 and _is_task(file, name):
            archive.extract(next(iter(folders.values())), staged)
        else:
            held = ", ".join(sorted(named)[:8]) or "no folder with lists"
            raise IctError(f"{file.path} holds no folder for {quoted(name)}; it holds {held}")

    def _gather(self, folder: PurePosixPath, staged: Path, progress: Progress | None) -> None:
        """Downloads the plain files under `folder` in parallel, then copies them to `staged`."""
        files = [
            file
            for path, file in self.repository.files.items()
            if PurePosixPath(path).is_relative_to(folder)
        ]
        for file in files:
            unsafe = leaves_folder(file.path)
            if unsafe:
                raise IctError(f"the data set is refused: its file {shown(file.path)} {unsafe}")
        with ThreadPoolExecutor(_PARALLEL) as pool:
            try:
                places = pool.map(
                    lambda file: fetch(self.repository, file, self._cache / file.path), files
                )
                for done, _ in enumerate(places, start=1):
                    if progress is not None:
                        progress(done, len(files))
            finally:
                pool.shutdown(cancel_futures=True)
        os.rename(self._cache / folder, staged)
        for parent in (self._cache / folder).parents:
            if parent == self._cache:
                break
            with contextlib.suppress(OSError):
                parent.rmdir()


def _archive_of(repository: Repository, name: str) -> RemoteFile | None:
    """The task's own archive if there is one, else the archive of all tasks."""
    archives = [f for f in repository.files.values() if f.path.lower().endswith(SUFFIXES)]
    own = [file for file in archives if _is_task(file, name)]
    whole = [file for file in archives if _stem(file).lower().replace("-", "_") in _WHOLE]
    if not own and _folder_of(repository, name) is not None:
        return None
    return min(own or whole, key=lambda file: len(file.path), default=None)


def _is_task(file: RemoteFile, name: str) -> bool:
    return vtab.canonical(_stem(file)) == name


def _stem(file: RemoteFile) -> str:
    base = PurePosixPath(file.path).name
    suffix = max((s for s in SUFFIXES if base.lower().endswith(s)), key=len)
    return base[: -len(suffix)]


def _folder_of(repository: Repository, name: str) -> PurePosixPath | None:
    """The plain folder of the data set that holds the task's lists."""
    lists = {f"{split}.txt" for split in SPLITS}
    paths = map(PurePosixPath, repository.files)
    folders = {path.parent for path in paths if path.name in lists}
    matching = [folder for folder in folders if vtab.canonical(folder.name) == name]
    return min(matching, key=lambda folder: len(folder.parts), default=None)


def _not_there(repository: Repository, name: str) -> str:
    shown_files = ", ".join(sorted(repository.files)[:8]) or "nothing"
    more = ", …" if len(repository.files) > 8 else ""
    return (
        f"data set {quoted(repository.repo)} has neither an archive nor a folder for {quoted(name)}; "
        f"it holds {shown_files}{more}"
    )


@contextlib.contextmanager
def _staging(root: Path, name: str) -> Iterator[Path]:
    """A path on the root's disk for the new folder, in a hidden folder that goes away again."""
    refuse_published()
    hidden = root / f".{name}.{secrets.token_hex(4)}.partial"
    try:
        hidden.mkdir(parents=True)
    except OSError as error:
        raise IctError(f"{root} cannot be written to: {error.strerror}") from error
    try:
        yield hidden / name
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def _refuse_unsound(name: str, report: dict[str, Any], staged: Path) -> None:
    wrong = [problem for problem in report["problems"] if problem["severity"] == "error"]
    if wrong:
        first = Problem(**wrong[0]).sentence().replace(str(staged), name)
        raise IctError(
            f"what the data set holds for {quoted(name)} is not usable and was not installed: "
            f"{len(wrong)} errors, the first: {first}"
        )


def _moved(report: dict[str, Any], staged: Path, target: Path) -> dict[str, Any]:
    """The report with the paths that hold after the move."""
    problems = [
        {
            key: value.replace(str(staged), str(target)) if isinstance(value, str) else value
            for key, value in problem.items()
        }
        for problem in report["problems"]
    ]
    return report | {"path": str(target), "problems": problems}
