"""The images of a run: those it trains and validates on in memory, the test set in memory or streamed."""

from dataclasses import dataclass

from ict.data import ImageSet, StreamedSet, fits, load_set, open_set
from ict.running.job import Job
from ict.store.live import log
from ict.tasks import Split
from ict.tasks.decodable import check_decodable
from ict.tasks.digests import listed


@dataclass(frozen=True)
class RunImages:
    """On the run's device. `val` is None where the run trains on val200."""

    train: ImageSet
    val: ImageSet | None
    test: ImageSet | StreamedSet
    whole_test: bool
    """Whether `limit` leaves nothing of the test set out."""


def load_images(job: Job) -> RunImages:
    """All images before any training, so that a file that cannot be read is said before hours of work.

    Raises InputError naming the file.
    """
    train = _loaded(job, job.config.train_split)
    val = _loaded(job, "val200") if job.config.train_split == "train800" else None
    whole = job.whole("test")
    test = _opened(job, job.subset("test").of(whole))
    log(job.run, job.tally.said())
    job.notes.extend(job.tally.notes)
    return RunImages(train, val, test, whole_test=len(test) == len(whole))


def _loaded(job: Job, name: str) -> ImageSet:
    return _kept(job, name, job.subset(name).of(job.whole(name))).to(job.device)


def _opened(job: Job, test: Split) -> ImageSet | StreamedSet:
    size = job.backbone.image_size
    if fits(test, size):
        return _kept(job, "test", test).to(job.device)
    progress = job.live.phase("loading test")
    opened = open_set(test, size, progress=progress, tally=job.tally)
    if isinstance(opened, StreamedSet):
        opened = opened.filled(progress=progress)
    if isinstance(opened, StreamedSet) and opened.kept is None:
        checking = job.live.phase("checking test")
        check_decodable(job.subset("test"), job.digests, progress=checking)
    return opened.to(job.device)


def _kept(job: Job, name: str, split: Split) -> ImageSet:
    """The images of `split`; as an earlier run of this process had them: same content, same size."""
    size, progress = job.backbone.image_size, job.live.phase(f"loading {name}")
    read = False

    def content() -> tuple[str, int, int]:
        digests = job.digests.images(job.subset(name))
        return listed(digests, split.labels), split.classes, size

    def load() -> ImageSet:
        nonlocal read
        read = True
        return load_set(split, size, progress=progress, tally=job.tally)

    images = job.kept.images(content, load)
    job.tally.cached += 0 if read else len(images)
    return images
