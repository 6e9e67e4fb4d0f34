"""`ict.store.same_images`: which images a run reads, what changed, and what is asked for anew."""

import json

import pytest

from ict.config import RunConfig
from ict.errors import IctError, InputError
from ict.resolve import resolve
from ict.store import Store
from ict.store.same_images import Reading, ask, check_run, recorded, unrecorded
from ict.tasks import get_task
from ict.tasks.digests import ImageDigests
from ict.tasks.limits import Subset
from tests.vtab_layout import make_task, write_image

ASKED = {"task": "birds", "method": "linear", "precision": "fp32"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ICT_VTAB_ROOT", str(tmp_path))
    return make_task(tmp_path / "birds")


@pytest.fixture
def scored(tmp_path, folder):
    return make_task(tmp_path / "fish", train=5)


def reading(limit: int | None = None) -> Reading:
    parts = {split: Subset(get_task("birds"), split, limit) for split in ("train800", "test")}
    return Reading(parts, ImageDigests())


def of_run(resolved) -> Reading:
    return Reading.of_run(resolved.config, resolved.tasks, ImageDigests())


def repaint(folder, name: str) -> None:
    """Another picture, whatever its size in bytes: the formula of `data` is not asked here."""
    write_image(folder / "images" / name, seed=999)


def test_what_a_run_reads(scored):
    def parts(**fields):
        config = RunConfig(task="birds", **fields)
        tasks = {name: get_task(name) for name in ("birds", "fish")}
        read = Reading.of_run(config, tasks, ImageDigests()).parts
        return {key: (part.task.name, part.split) for key, part in read.items()}

    own = {split: ("birds", split) for split in ("train800", "val200", "test")}
    assert parts() == own
    whole = {split: ("birds", split) for split in ("train800val200", "test")}
    assert parts(train_split="train800val200") == whole
    assert parts(score_task="birds", score_split="train800") == own
    other = {"fish:val200": ("fish", "val200")}
    assert parts(score_task="fish", score_split="val200") == own | other


def test_changes_are_counted_and_the_first_is_named(folder, store):
    document = {"images_sha256": reading().record(store)}
    assert reading().changes(store, document) == ""
    repaint(folder, "test/000001.jpg")
    one = f"1 image changed since, first {folder / 'images/test/000001.jpg'}"
    assert reading().changes(store, document) == one
    repaint(folder, "train800/000003.jpg")
    repaint(folder, "train800/000002.jpg")
    three = f"3 images changed since, first {folder / 'images/train800/000002.jpg'}"
    assert reading().changes(store, document) == three


def test_images_beyond_the_limit_are_not_read(folder, store):
    document = {"images_sha256": reading(limit=2).record(store)}
    repaint(folder, "train800/000002.jpg")
    assert reading(limit=2).changes(store, document) == ""
    assert reading(limit=3).changes(store, document) != ""


def test_without_the_kept_digests_the_split_is_named(folder, store):
    document = {"images_sha256": reading().record(store)}
    repaint(folder, "train800/000002.jpg")
    for path in store.images_dir.iterdir():
        path.write_bytes(b"\xff")
    assert reading().changes(store, document) == "images of train800 changed since"
    for path in store.images_dir.iterdir():
        path.unlink()
    assert reading().changes(store, document) == "images of train800 changed since"


@pytest.mark.parametrize("odd", [None, {}, {"images_sha256": None}, {"images_sha256": {"test": 3}}])
def test_what_records_nothing_is_not_refused(folder, store, odd):
    assert not recorded(odd)
    assert reading().trouble(store, odd, "") == ""


def test_a_run_without_work_is_asked_for_with_the_images_of_now(folder, store):
    wanted = resolve(ASKED)
    (run,) = ask(store, [wanted], command="first")
    before = run.record
    assert set(before["images_sha256"]) == {"train800", "val200", "test"}
    swap(folder)
    (again,) = ask(store, [wanted], command="second")
    assert again.id == run.id
    assert again.record["images_sha256"]["train800"] != before["images_sha256"]["train800"]
    assert again.record | {"images_sha256": None} == before | {"images_sha256": None}
    check_run(store, again, of_run(wanted))


def swap(folder) -> None:
    """Two training images change places and one byte, so that all sizes stay."""
    path = folder / "images/train800/000001.jpg"
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("work", ["result.json", "checkpoint"])
def test_a_run_with_work_in_it_is_refused_and_nothing_is_written(folder, store, work):
    wanted = [resolve(ASKED), resolve({**ASKED, "pixel_normalisation": "imagenet"})]
    (first,) = ask(store, wanted[:1], command=None)
    if work == "checkpoint":
        (first.path / work).mkdir()
    else:
        (first.path / work).write_text('{"run_id": "x"}')
    before = (first.path / "config.json").read_bytes()
    swap(folder)
    with pytest.raises(InputError, match=rf"run {first.id} was made from other images: 1 image"):
        ask(store, wanted[::-1], command=None)
    assert (first.path / "config.json").read_bytes() == before
    assert store.run_ids() == [first.id]
    with pytest.raises(IctError, match=rf"{first.id} are not those it was asked for with: 1 image"):
        check_run(store, first, of_run(wanted[0]))


def test_an_unrecorded_run_is_said_once_it_has_work(folder, store):
    runs = ask(
        store, [resolve({**ASKED, "method": "bitfit", "seed": n}) for n in range(3)], command=None
    )
    for run in runs:
        record = {name: value for name, value in run.record.items() if name != "images_sha256"}
        (run.path / "config.json").write_text(json.dumps(record))
    assert unrecorded(runs) == ""
    for run in runs[1:]:
        (run.path / "result.json").write_text('{"run_id": "x"}')
    assert unrecorded(runs).startswith(f"run {runs[1].id} (and 1 more) is used as it is: ")
    again = ask(store, [resolve({**ASKED, "method": "bitfit", "seed": 0})], command=None)
    assert again[0].id == runs[0].id
    assert unrecorded(again) == ""


def test_scores_of_another_task_are_read_too(folder, scored, store):
    fields = {"task": "birds", "score_task": "fish", "precision": "fp32", "seed": 3}
    (run,) = ask(store, [resolve(fields)], command=None)
    assert set(run.record["images_sha256"]) == {"train800", "val200", "test", "fish:train800"}
    (run.path / "checkpoint").mkdir()
    swap(scored)
    with pytest.raises(
        InputError, match=r"1 image changed since, first .*fish/images/train800/000001"
    ):
        ask(store, [resolve(fields)], command=None)
    assert Store().run_ids() == [run.id]


@pytest.fixture
def streamed(monkeypatch):
    """Every test set is decoded part by part, after training."""
    from functools import partial

    from ict.running import run_images

    monkeypatch.setattr(run_images, "fits", lambda split, size: False)
    monkeypatch.setattr(run_images, "open_set", partial(run_images.open_set, keep_bytes=0))


def test_a_streamed_test_set_is_decoded_once_before_training(folder, store, streamed):
    from ict.running.execute import run

    broken = folder / "images/test/000001.jpg"
    broken.write_bytes(b"no image")
    (here,) = ask(store, [resolve(ASKED)], command=None)
    with pytest.raises(IctError, match=r"test/000001\.jpg cannot be decoded as an image"):
        run(here.id, store, threads=1)
    assert not (here.path / "progress.jsonl").exists()


def test_a_streamed_test_set_that_changes_while_the_run_trains_fails_it(
    folder, store, streamed, monkeypatch
):
    from ict.running import pipeline
    from ict.running.execute import run

    def then_change(*words):
        repaint(folder, "test/000000.jpg")
        return test(*words)

    test = pipeline.tested
    monkeypatch.setattr(pipeline, "tested", then_change)
    (here,) = ask(store, [resolve(ASKED)], command=None)
    with pytest.raises(IctError, match=r"1 image changed since, first .*test/000000\.jpg"):
        run(here.id, store, threads=1)
    assert here.status() == "failed"
