"""The images of a run: those it trains and validates on in memory, the test set in memory or streamed."""

from dataclasses import dataclass

from ict.data import ImageSet, StreamedSet, load_set, open_set
from ict.running.job import Job
from ict.store.live import log
from ict.tasks import Split
from ict.tasks.decodable import check_decodable


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
    size, progress = job.backbone.image_size, job.live.phase(f"loading {name}")
    split = job.subset(name).of(job.whole(name))
    return load_set(split, size, progress=progress, tally=job.tally).to(job.device)


def _opened(job: Job, test: Split) -> ImageSet | StreamedSet:
    size, progress = job.backbone.image_size, job.live.phase("loading test")
    opened = open_set(test, size, progress=progress, tally=job.tally)
    if isinstance(opened, StreamedSet):
        opened = opened.filled(progress=progress)
    if isinstance(opened, StreamedSet) and opened.kept is None:
        checking = job.live.phase("checking test")
        check_decodable(job.subset("test"), job.digests, progress=checking)
    return opened.to(job.device)
