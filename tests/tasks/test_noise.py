"""Images of noise: a control that scores channels, and no task to train on."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from ict.cli import main
from ict.data import load_images
from ict.errors import InputError
from ict.resolve import resolve
from ict.tasks import SPLITS, bundled, fingerprint, get_task, list_tasks, load_split, troubles
from ict.tasks.digests import ImageDigests
from ict.tasks.limits import STRATIFIED, Subset
from ict.tasks.links import check_name
from ict.tasks.others import scored_by
from tests.vtab_layout import make_task


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ICT_VTAB_ROOT", str(tmp_path / "vtab"))
    monkeypatch.setenv("ICT_STORE", str(tmp_path / "store"))
    (tmp_path / "vtab").mkdir()
    return tmp_path / "vtab"


# The same bytes on every machine: change this only together with bundled.VERSION.
COMMITTED = "0482db615314f1bd"


def test_bytes_are_the_committed_ones():
    images = load_images(load_split("noise", "train800").head(20), 32)
    assert hashlib.sha256(images.numpy().tobytes()).hexdigest()[:16] == COMMITTED
    assert fingerprint("noise") == f"bundled:noise@{bundled.VERSION}"


def test_pixels_are_independent_and_uniform_at_the_size_that_is_asked_for():
    """Nothing is resized: neighbours of 20 × 3 × 64 × 64 bytes correlate by about 1 / √245,760 = 0.002."""
    images = load_images(load_split("noise", "val200").head(20), 64).numpy().astype(float)
    assert images.mean() == pytest.approx(127.5, abs=1)
    assert images.std() == pytest.approx(np.sqrt((256**2 - 1) / 12), abs=0.5)
    centred = images - 127.5
    for one, other in (
        (centred[..., 1:], centred[..., :-1]),
        (centred[..., 1:, :], centred[..., :-1, :]),
        (centred[:, 1:], centred[:, :-1]),
        (centred[1:], centred[:-1]),
    ):
        assert abs((one * other).mean() / centred.var()) < 0.015


def test_splits_are_those_of_a_task_and_no_image_comes_twice():
    seen = set()
    for split in ("train800", "val200", "test"):
        part = load_split("noise", split)
        assert len(part) == get_task("noise").sizes[split]
        assert np.bincount(part.labels).tolist() == [len(part) // 10] * 10
        seen |= {part.image(index, 8).tobytes() for index in range(len(part))}
    assert len(seen) == 2000
    both = load_split("noise", "train800val200")
    assert both.image(800, 16).tobytes() == load_split("noise", "val200").image(0, 16).tobytes()
    few = Subset(get_task("noise"), "train800", 20, STRATIFIED).of(load_split("noise", "train800"))
    assert np.bincount(few.labels).tolist() == [2] * 10
    assert few.part(3, 9).image(1, 32).size == (32, 32)


def test_digests_are_told_apart_from_those_of_tasks():
    digests = ImageDigests()
    of = {n: digests.of(Subset(get_task(n), "val200")) for n in ("noise", *bundled.TASKS)}
    assert of["noise"] not in {one for name, one in of.items() if name != "noise"}


def test_it_is_in_no_list_and_among_no_others(root):
    for name in ("birds", "fish"):
        make_task(root / name)
    assert "noise" not in bundled.TASKS
    assert "noise" not in [row["name"] for row in list_tasks()]
    for task in ("digits", "birds"):
        assert "noise" not in scored_by("others", get_task(task), "train800").name
    with pytest.raises(InputError, match="'noise' is no task; score_task=noise alone is a control"):
        scored_by("others/fish/noise", get_task("birds"), "train800")


def test_a_folder_of_that_name_is_named_and_not_used(root):
    make_task(root / "noise")
    make_task(root / "birds")
    assert "noise" not in [row["name"] for row in list_tasks()]
    (trouble,) = troubles()
    assert trouble.path == root / "noise"
    assert "means images of noise; rename it" in str(trouble)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("train", "noise"), "task 'noise' has classes without a meaning, so nothing can be trained"),
        (("train", "noise", "--dry-run"), "choose channels on it for another task with score_task"),
        (("causal", "noise"), "classes without a meaning, so no accuracy can be measured on it"),
        (("criteria", "report", "noise"), "so no accuracy can be measured on it"),
        (("data", "link", "noise", "."), "'noise' cannot name a task: `score_task=noise` means images"),
        (("data", "check", "noise"), "'noise' comes with ict: there is no folder to check"),
        (("data", "download", "noise"), "'noise' comes with ict: there is nothing to download"),
    ],
)  # fmt: skip
def test_what_is_done_with_tasks_alone_is_refused(root, words, sentence):
    found = CliRunner().invoke(main, [*words, "--json"])
    assert found.exit_code == 2
    assert sentence in found.stdout


def test_no_folder_is_linked_under_the_name():
    with pytest.raises(InputError, match="'noise' cannot name a task"):
        check_name("noise")


def test_a_run_is_on_its_channels_by_its_fingerprint():
    asked = {"task": "digits", "precision": "fp32"}
    config = resolve({**asked, "score_task": "noise"}, weights="none").config
    assert (config.score_task, config.score_data) == ("noise", f"bundled:noise@{bundled.VERSION}")
    plain = resolve(asked, weights="none")
    assert resolve({**asked, "score_task": "noise"}, weights="none").run_id != plain.run_id
    unread = {**asked, "criterion": "random"}
    by_noise = resolve({**unread, "score_task": "noise"}, weights="none")
    assert by_noise.run_id == resolve(unread, weights="none").run_id
    assert set(SPLITS) == set(get_task("noise").sizes)
