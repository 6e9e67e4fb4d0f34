"""Where a backbone's weights are, and an identity for them that does not depend on the place.

No torch here: files are hashed, hub files are found in (or fetched into) the Hugging Face cache.
"""

import functools
import hashlib
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from ict.catalogue import BUNDLED, BUNDLED_WEIGHTS, Backbone
from ict.errors import IctError, InputError, quoted
from ict.files import absolute, refuse_published

_HUB_FILES = ("model.safetensors", "open_clip_model.safetensors")
_BYTES_A_PARAMETER = 4  # fp32, as the files of timm's repositories are
_SETTLED_NS = 3_000_000_000  # FAT keeps times to two seconds
_SUFFIXES = (".safetensors", ".npz", ".pth", ".pt", ".bin", ".tar", ".ckpt", ".th")


Stamp = tuple[int, int, int, int]  # inode, size, modified and changed in ns


@dataclass(frozen=True)
class Weights:
    """`identity` is `sha256:…`, `hub:repository@revision` or `none`; `path` the file, if any."""

    identity: str
    path: Path | None

    @property
    def sha256(self) -> str | None:
        """`sha256:…` of the file; read for one of the hub, whose identity is its revision."""
        if self.path is None:
            return None
        return self.identity if self.identity.startswith("sha256:") else digest_of(self.path)


def find(backbone: Backbone, asked: str | Path | None, *, fetch: bool) -> Weights:
    """The weights asked for: None for the backbone's own, "none" for random ones, a file, an identity.

    With `fetch` false nothing is read or downloaded and a hub identity has revision `main`.
    Raises InputError if they are not to be had, with the ways to get them.
    """
    if str(asked) == "none":
        return Weights("none", None)
    if asked is not None and str(asked).startswith(("hub:", "sha256:")):
        path = find_again(backbone, str(asked)) if fetch else None
        return Weights(str(asked), path)
    if asked is not None:
        return _from_file(Path(asked))
    if backbone.name == BUNDLED:
        if not BUNDLED_WEIGHTS.is_file():
            raise InputError(
                f"{BUNDLED_WEIGHTS}: the bundled weights are missing; install from a clone of the "
                "repository, give --weights FILE, or train on random ones with --weights none"
            )
        return _from_file(BUNDLED_WEIGHTS)
    if backbone.hub is None:
        raise InputError(
            f"timm names no weights of {backbone.name} on the hub; give a file with --weights FILE, or "
            "random ones with --weights none"
        )
    return _from_hub(backbone.name, backbone.hub, fetch=fetch)


def find_again(
    backbone: Backbone,
    identity: str | None,
    *,
    recorded: Path | None = None,
    given: str | Path | None = None,
    digest: str | None = None,
) -> Path | None:
    """The file with exactly this identity, wherever it lies now; None for random weights.

    `recorded` is where it lay, `digest` the SHA-256 that a hub file had then, `given` what a user
    names in its place, which must be the same weights. Raises InputError, naming what is wanted,
    rather than give others: a run on them would be wrong without a word.
    """
    if identity in (None, "none"):
        if given is not None and str(given) != "none":
            raise InputError(f"--weights {given}: trained on random weights; leave --weights out")
        return None
    if str(identity).startswith("hub:"):
        return _hub_again(backbone.name, str(identity), recorded, given, digest)
    return _file_again(backbone, str(identity), recorded, given)


def digest_of(path: Path) -> str:
    """`sha256:…` of the file, remembered while it is unchanged. InputError if it cannot be read.

    One that changed in the last seconds is read again: a second change within a tick would not show.
    """
    try:
        stamp = stamp_of(path)
        settled = max(stamp[2:]) < time.time_ns() - _SETTLED_NS
        return f"sha256:{(_sha256 if settled else _read_sha256)(path, stamp)}"
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); give another --weights FILE"
        ) from error


def check_fits(backbone: str, path: Path) -> None:
    """Raises InputError if the file at `path` holds no weights of `backbone`, before a run waits for it.

    What ships with ict is not asked about. Reading takes torch, so it is done in a process of its own,
    once for a file while it is unchanged.
    """
    if path != BUNDLED_WEIGHTS:
        _fits(backbone, path, digest_of(path))


@functools.lru_cache(maxsize=256)
def _fits(backbone: str, path: Path, _digest: str) -> None:
    command = [sys.executable, "-m", "ict.model.backbones", "--fits", backbone, str(path)]
    child = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        answer = json.loads(child.stdout)
    except ValueError:
        last_line = (child.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise IctError(f"{path}: could not be read as weights: {quoted(last_line)}") from None
    if "error" in answer:
        raise InputError(answer["error"], code=answer["code"])


def _file_again(
    backbone: Backbone, identity: str, recorded: Path | None, given: str | Path | None
) -> Path:
    if given is not None:
        weights = _from_file(Path(given))
        if weights.identity == identity and weights.path is not None:
            return weights.path
        raise InputError(
            f"--weights {given}: it is {weights.identity}, wanted are the weights {identity}"
        )
    places = [place for place in (recorded, _own_file(backbone)) if place is not None]
    files = dict.fromkeys(place for place in places if place.is_file())
    for place in files:
        if digest_of(place) == identity:
            return place
    if recorded is not None and recorded.is_file():
        what = f"{recorded} changed since: it is {digest_of(recorded)}"
    elif recorded is not None:
        what = f"{recorded} is gone"
    else:
        what = "no file is known to hold them"
    raise InputError(
        f"wanted are the weights {identity}, and {what}; give that file with --weights FILE"
    )


def _own_file(backbone: Backbone) -> Path | None:
    """The bundled file or the one in the hub's cache, whatever its revision."""
    if backbone.name == BUNDLED:
        return BUNDLED_WEIGHTS
    return _cached(backbone.hub) if backbone.hub is not None else None


def _hub_again(
    name: str, identity: str, recorded: Path | None, given: str | Path | None, digest: str | None
) -> Path:
    repository, _, revision = identity.removeprefix("hub:").partition("@")
    cached = _cached(repository, revision)
    in_place = recorded if _is_revision(recorded, revision) else None
    file = cached or in_place
    sha256 = digest or (digest_of(file) if file else None)
    if given is not None:
        weights = _from_file(Path(given))
        if weights.path is not None and weights.identity == sha256:
            return weights.path
        raise InputError(
            f"--weights {given}: it is {weights.identity}, wanted are the weights {identity}"
            + (f", which is {sha256}" if sha256 else "; leave --weights out to fetch that revision")
        )
    path = file or _download(name, repository, revision)
    if digest is not None and digest_of(path) != digest:
        raise InputError(
            f"{path} is {digest_of(path)}, and the weights {identity} were {digest}: the file changed; "
            "remove it from the Hugging Face cache to fetch it again"
        )
    return path


def _is_revision(path: Path | None, revision: str) -> bool:
    return path is not None and path.parent.name == revision and path.is_file()


def on_this_machine(backbone: Backbone) -> bool:
    """True if the backbone's own weights need no download."""
    if backbone.name == BUNDLED:
        return BUNDLED_WEIGHTS.is_file()
    return backbone.hub is not None and _cached(backbone.hub) is not None


def not_here(backbone: Backbone, found: Weights) -> str | None:
    """What of the weights that `find` gave without fetching is not on this machine; None if nothing.

    Nothing is downloaded, and the network is not asked: the size follows from the parameters.
    """
    if found.identity == "none" or found.path is not None:
        return None
    if found.identity.startswith("sha256:"):
        try:
            find_again(backbone, found.identity)
        except InputError as error:
            return str(error)
        return None
    repository, _, revision = found.identity.removeprefix("hub:").partition("@")
    if _cached(repository, revision or None) is not None:
        return None
    which = f"{repository} at revision {revision}" if revision not in ("", "main") else repository
    megabytes = backbone.parameters * _BYTES_A_PARAMETER / 1e6
    return (
        f"weights of {backbone.name} are not on this machine: a run fetches them from the hub "
        f"repository {which} (about {megabytes:.0f} MB)"
    )


def _from_file(path: Path) -> Weights:
    path = absolute(path)
    if not path.is_file():
        raise InputError(f"--weights {path}: no such file")
    if path.suffix.lower() not in _SUFFIXES:
        raise InputError(f"--weights {path}: give a file that ends in {', '.join(_SUFFIXES)}")
    return Weights(digest_of(path), path)


def _from_hub(name: str, repository: str, *, fetch: bool) -> Weights:
    path = _cached(repository)
    if path is None and not fetch:
        return Weights(f"hub:{repository}@main", None)
    if path is None:
        path = _download(name, repository)
    return Weights(f"hub:{repository}@{path.parent.name}", path)


def _cached(repository: str, revision: str | None = None) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    for filename in _HUB_FILES:
        path = try_to_load_from_cache(repository, filename, revision=revision)
        if isinstance(path, str):
            return Path(path)
    return None


def _download(name: str, repository: str, revision: str | None = None) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError

    refuse_published()
    failure: Exception | None = None
    for filename in _HUB_FILES:
        try:
            return Path(hf_hub_download(repository, filename, revision=revision))
        except LocalEntryNotFoundError as error:
            failure = error
        except EntryNotFoundError as error:
            failure = failure or error
            continue
        except (HfHubHTTPError, OSError) as error:
            failure = error
        break
    first_line = str(failure).strip().splitlines()[0]
    which = f"{repository} at revision {revision}" if revision else repository
    raise InputError(
        f"weights of {name} are not on this machine and could not be fetched from the hub repository "
        f"{which} ({first_line}); give a file with --weights FILE, or random ones with --weights none"
    ) from failure


def stamp_of(path: Path) -> Stamp:
    """What changes with a file: a time of change cannot be set back. Raises OSError if it is not there."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _read_sha256(path: Path, _stamp: Stamp) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


_sha256 = functools.lru_cache(maxsize=32)(_read_sha256)
