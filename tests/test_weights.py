"""Where weights are: identities that hold wherever a file lies, and no other file in its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from ict.catalogue import BUNDLED_WEIGHTS, get_backbone
from ict.errors import InputError
from ict.resolve import resolve
from ict.store import Store
from ict.weights import digest_of, find, find_again

TINY = "vit_tiny_patch16_224"
OLD, NEW = "a" * 40, "b" * 40


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub cache that holds the backbone at revision OLD; its folder of revisions."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    repository = tmp_path / "hub" / f"models--{str(get_backbone(TINY).hub).replace('/', '--')}"
    add(repository, OLD, b"old")
    return repository


def add(repository: Path, revision: str, content: bytes) -> Path:
    for folder in (repository / "snapshots" / revision, repository / "refs"):
        folder.mkdir(parents=True, exist_ok=True)
    (repository / "refs" / "main").write_text(revision)
    path = repository / "snapshots" / revision / "model.safetensors"
    path.write_bytes(content)
    return path


def test_an_identity_finds_its_file_and_never_another(tmp_path: Path):
    mine = tmp_path / "mine.pth"
    mine.write_bytes(b"mine")
    tiny, identity = get_backbone("ict_tiny"), digest_of(mine)
    assert find_again(tiny, identity, recorded=mine) == mine
    assert find_again(tiny, identity, given=mine) == mine
    assert (
        find_again(tiny, digest_of(BUNDLED_WEIGHTS), recorded=tmp_path / "gone.pth")
        == BUNDLED_WEIGHTS
    )
    with pytest.raises(InputError, match=f"wanted are the weights {identity}, and .* is gone"):
        find_again(tiny, identity, recorded=tmp_path / "gone.pth")
    with pytest.raises(InputError, match=f"{identity}, and no file is known"):
        find_again(tiny, identity)
    mine.write_bytes(b"other")
    with pytest.raises(InputError, match=f"{identity}, and .* changed since"):
        find_again(tiny, identity, recorded=mine)
    with pytest.raises(InputError, match=f"wanted are the weights {identity}"):
        find_again(tiny, identity, given=mine)


def test_random_weights_take_no_file(tmp_path: Path):
    assert find_again(get_backbone("ict_tiny"), "none") is None
    with pytest.raises(InputError, match="random weights"):
        find_again(get_backbone("ict_tiny"), "none", given=tmp_path / "x.pth")


def test_a_hub_identity_is_of_one_revision(cache: Path, tmp_path: Path):
    tiny = get_backbone(TINY)
    found = find(tiny, None, fetch=True)
    assert found.identity == f"hub:{tiny.hub}@{OLD}"
    newer = add(cache, NEW, b"new")
    assert find(tiny, None, fetch=True).path == newer
    assert find_again(tiny, found.identity) == found.path
    assert find(tiny, found.identity, fetch=True).path == found.path
    (cache / "snapshots" / OLD / "model.safetensors").unlink()
    with pytest.raises(InputError, match=f"at revision {OLD}"):
        find_again(tiny, found.identity, recorded=found.path)


def test_a_hub_file_that_changed_or_moved_is_known_by_its_digest(cache: Path, tmp_path: Path):
    tiny, copy = get_backbone(TINY), tmp_path / "copy.safetensors"
    identity = f"hub:{tiny.hub}@{OLD}"
    path = cache / "snapshots" / OLD / "model.safetensors"
    copy.write_bytes(path.read_bytes())
    digest = digest_of(path)
    assert find_again(tiny, identity, given=copy, digest=digest) == copy
    path.write_bytes(b"changed")
    with pytest.raises(InputError, match="the file changed"):
        find_again(tiny, identity, digest=digest)
    copy.write_bytes(b"another")
    with pytest.raises(InputError, match=digest):
        find_again(tiny, identity, given=copy, digest=digest)


def test_an_identity_that_is_asked_for_is_not_swapped_for_the_bundled_weights():
    other = f"sha256:{'0' * 64}"
    with pytest.raises(InputError, match=other):
        resolve({"task": "digits", "weights": other})
    own = digest_of(BUNDLED_WEIGHTS)
    assert resolve({"task": "digits", "weights": own}).config.weights == own


def test_a_file_that_may_not_be_read_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "secret.pth"
    path.write_bytes(b"x")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match="cannot be read \\(Permission denied\\)"):
        find(get_backbone("ict_tiny"), path, fetch=True)


def test_a_run_that_is_asked_for_again_learns_where_its_weights_lie_now(tmp_path: Path):
    store, mine = Store(tmp_path / "store"), tmp_path / "mine.safetensors"
    mine.write_bytes(BUNDLED_WEIGHTS.read_bytes() + b" ")
    asked = {"task": "digits", "epochs": 1}
    run = store.create_run(resolve(asked, weights=mine).record())
    moved = mine.rename(tmp_path / "moved.safetensors")
    again = store.create_run(resolve(asked, weights=moved).record())
    assert again.id == run.id
    assert again.record["sources"]["weights_file"] == str(moved)
