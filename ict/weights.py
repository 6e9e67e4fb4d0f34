"""Where a backbone's weights are, and an identity for them that does not depend on the place.

No torch here: files are hashed, hub files are found in (or fetched into) the Hugging Face cache.
"""

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path

from ict.catalogue import BUNDLED, BUNDLED_WEIGHTS, Backbone
from ict.errors import InputError

_HUB_FILES = ("model.safetensors", "open_clip_model.safetensors")
_SUFFIXES = (".safetensors", ".npz", ".pth", ".pt", ".bin")


@dataclass(frozen=True)
class Weights:
    """`identity` is `sha256:…`, `hub:repository@revision` or `none`; `path` the file, if any."""

    identity: str
    path: Path | None


def find(backbone: Backbone, asked: str | Path | None, *, fetch: bool) -> Weights:
    """The weights asked for: None for the backbone's own, "none" for random ones, else a file.

    With `fetch` false nothing is read or downloaded and a hub identity has revision `main`.
    Raises InputError if they are not to be had, with the ways to get them.
    """
    if str(asked) == "none":
        return Weights("none", None)
    if asked is not None and not str(asked).startswith(("hub:", "sha256:")):
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


def on_this_machine(backbone: Backbone) -> bool:
    """True if the backbone's own weights need no download."""
    if backbone.name == BUNDLED:
        return BUNDLED_WEIGHTS.is_file()
    return backbone.hub is not None and _cached(backbone.hub) is not None


def _from_file(path: Path) -> Weights:
    path = path.expanduser().absolute()
    if not path.is_file():
        raise InputError(f"--weights {path}: no such file")
    if path.suffix not in _SUFFIXES:
        raise InputError(f"--weights {path}: give a file that ends in {', '.join(_SUFFIXES)}")
    stat = path.stat()
    return Weights(f"sha256:{_sha256(path, stat.st_mtime_ns, stat.st_size)}", path)


def _from_hub(name: str, repository: str, *, fetch: bool) -> Weights:
    path = _cached(repository)
    if path is None and not fetch:
        return Weights(f"hub:{repository}@main", None)
    if path is None:
        path = _download(name, repository)
    return Weights(f"hub:{repository}@{path.parent.name}", path)


def _cached(repository: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    for filename in _HUB_FILES:
        path = try_to_load_from_cache(repository, filename)
        if isinstance(path, str):
            return Path(path)
    return None


def _download(name: str, repository: str) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError

    failure: Exception | None = None
    for filename in _HUB_FILES:
        try:
            return Path(hf_hub_download(repository, filename))
        except LocalEntryNotFoundError as error:
            failure = error
        except EntryNotFoundError as error:
            failure = failure or error
            continue
        except (HfHubHTTPError, OSError) as error:
            failure = error
        break
    first_line = str(failure).strip().splitlines()[0]
    raise InputError(
        f"weights of {name} are not on this machine and could not be fetched from the hub repository "
        f"{repository} ({first_line}); give a file with --weights FILE, or random ones with --weights none"
    ) from failure


@functools.lru_cache(maxsize=32)
def _sha256(path: Path, _mtime_ns: int, _size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
