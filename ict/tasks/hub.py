"""The Hugging Face hub as far as data sets need it: what a repository holds, files that resume.

`hf_hub_download` throws an interrupted file away; here the partial file stays beside its target,
so that the next try goes on where the last one ended.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, cast

from filelock import FileLock, Timeout

from ict.errors import IctError, InputError, quoted
from ict.files import FULL, refuse_published

DEFAULT_REPO = "XiN0919/VTAB-1k"
MAX_FILES = 500_000  # of a data set: the 19 tasks together have about 400,000 images
_TRIES = 1  # without a new byte; huggingface_hub itself tries six times within each


@dataclass(frozen=True)
class RemoteFile:
    """A file of a repository; `sha256` is known for large files only."""

    path: str
    size: int
    sha256: str | None


@dataclass(frozen=True)
class Repository:
    """A data set at one commit of an endpoint, and its files by path."""

    repo: str
    endpoint: str
    commit: str
    files: dict[str, RemoteFile]


def open_repository(repo: str, revision: str | None, endpoint: str | None = None) -> Repository:
    """Lists data set `repo` at `revision` (None: main). `endpoint` None: $HF_ENDPOINT."""
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    api = HfApi(endpoint=endpoint)
    with _hub_errors(repo, revision, api.endpoint):
        commit = api.repo_info(repo, repo_type="dataset", revision=revision).sha
        tree = api.list_repo_tree(repo, repo_type="dataset", revision=commit, recursive=True)
        files = {
            entry.path: RemoteFile(entry.path, entry.size, entry.lfs.sha256 if entry.lfs else None)
            for entry in islice(tree, MAX_FILES + 1)
            if isinstance(entry, RepoFile)
        }
    if len(files) > MAX_FILES:
        raise IctError(f"data set {quoted(repo)} is refused: it has more than {MAX_FILES} files")
    return Repository(repo, api.endpoint, str(commit), files)


def fetch(repository: Repository, file: RemoteFile, target: Path) -> Path:
    """`file` at `target`, downloaded unless it is there; resumes a partial file of an earlier try.

    The size must be the announced one and the SHA-256 too, where the hub states it. IctError in
    one sentence; then what has arrived stays for the next try, except when it is wrong.
    """
    if target.is_file() and target.stat().st_size == file.size:
        return target
    refuse_published()
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".partial")
    lock = target.with_name(target.name + ".lock")
    try:
        with FileLock(lock, timeout=0):
            _fetch_partial(repository, file, partial)
            os.replace(partial, target)
            lock.unlink()
    except Timeout as error:
        raise IctError(f"{target.name} is being downloaded by another process") from error
    return target


def _fetch_partial(repository: Repository, file: RemoteFile, partial: Path) -> None:
    if partial.exists() and partial.stat().st_size > file.size:
        partial.unlink()
    already = partial.stat().st_size if partial.exists() else 0
    require_space(partial.parent, file.size - already, file.path)
    tries = 0
    while True:
        before = partial.stat().st_size if partial.exists() else 0
        try:
            with _hub_errors(repository.repo, repository.commit, repository.endpoint):
                _append(repository, file, partial)
            break
        except _TooLongError:
            partial.unlink()
            raise
        except IctError as error:
            now = partial.stat().st_size if partial.exists() else 0
            tries = tries + 1 if now <= before else 0
            if isinstance(error, InputError) or tries >= _TRIES:
                arrived = f"{now / 2**20:.1f} of {file.size / 2**20:.1f} MiB have arrived"
                message = f"{error} ({arrived}; the same command goes on from there)"
                raise type(error)(message) from error
    _verify(file, partial)


def require_space(folder: Path, size: int, what: str) -> None:
    """IctError unless the disk of `folder` has `size` bytes free."""
    free = shutil.disk_usage(folder).free
    if size > free:
        needed = f"{what} needs {size / 2**30:.2f} GiB, {free / 2**30:.2f} GiB are free"
        raise IctError(f"{folder}: {needed}")


def _append(repository: Repository, file: RemoteFile, partial: Path) -> None:
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    url = hf_hub_url(
        repository.repo,
        file.path,
        repo_type="dataset",
        revision=repository.commit,
        endpoint=repository.endpoint,
    )
    headers = build_hf_headers() | {"Accept-Encoding": "identity"}  # else sizes are not the file's
    with partial.open("ab") as stream:
        arrived = stream.tell()
        http_get(
            url,
            cast(BinaryIO, _NoMore(stream, file)),
            resume_size=arrived,
            headers=headers,
            expected_size=file.size,
            displayed_filename=file.path,
        )


class _NoMore:
    """A file that is written to, up to the size that the hub announced: a server may go on for ever."""

    def __init__(self, stream: BinaryIO, file: RemoteFile) -> None:
        self._stream, self._file = stream, file

    def write(self, chunk: bytes) -> int:
        if self._stream.tell() + len(chunk) > self._file.size:
            raise _TooLongError(
                f"{self._file.path} is longer than the {self._file.size} bytes that the hub announced; "
                "it was removed, run the same command again"
            )
        return self._stream.write(chunk)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _TooLongError(IctError):
    """The server sent more than the file has."""


def _verify(file: RemoteFile, partial: Path) -> None:
    wrong = ""
    if partial.stat().st_size != file.size:
        wrong = f"has {partial.stat().st_size} bytes, not the {file.size} that the hub announced"
    elif file.sha256 is not None:
        with partial.open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != file.sha256:
                wrong = "has not the SHA-256 that the hub states"
    if wrong:
        partial.unlink()
        raise IctError(f"{file.path} {wrong}; it was removed, run the same command again")


@contextmanager
def _hub_errors(repo: str, revision: str | None, endpoint: str) -> Iterator[None]:
    """Whatever the hub or the network answers, as one sentence."""
    from huggingface_hub import errors

    # The transport's own errors, whichever library huggingface_hub is built on.
    transport: Any = errors.HfHubHTTPError.__bases__
    at = f" at revision {quoted(revision)}" if revision else ""
    try:
        yield
    except errors.HFValidationError as error:
        raise InputError(f"{quoted(repo)} is no name of a data set; write OWNER/NAME") from error
    except errors.GatedRepoError as error:
        message = (
            f"data set {quoted(repo)} must be asked for at {endpoint}; then run `hf auth login`"
        )
        raise InputError(message) from error
    except errors.RepositoryNotFoundError as error:
        message = f"there is no data set {quoted(repo)} at {endpoint}, or it is private"
        raise InputError(message) from error
    except errors.RevisionNotFoundError as error:
        raise InputError(f"data set {quoted(repo)} has no revision {quoted(revision)}") from error
    except errors.EntryNotFoundError as error:
        raise IctError(f"a file of data set {quoted(repo)}{at} is not there (404)") from error
    except errors.OfflineModeIsEnabled as error:
        raise IctError(f"{endpoint} is not asked: HF_HUB_OFFLINE is set") from error
    except errors.HfHubHTTPError as error:
        status = getattr(error.response, "status_code", "an error")
        raise IctError(f"{endpoint} answered {status} for data set {quoted(repo)}") from error
    except (OSError, ValueError, *transport) as error:  # ValueError: a file too large for it
        if isinstance(error, OSError) and (error.filename or error.errno in FULL):
            raise  # the disk, not the network
        why = " ".join(str(error).split()) or type(error).__name__
        raise IctError(f"the connection to {endpoint} failed: {why}") from error
