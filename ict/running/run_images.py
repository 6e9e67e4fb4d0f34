"""The images of a run: those it trains and validates on in memory, the test set in memory or streamed."""

from dataclasses import dataclass

from ict.data import ImageSet, StreamedSet, fits, load_set, open_set
from ict.running.job import Job
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
    return RunImages(train, val, test, whole_test=len(test) == len(whole))


def _loaded(job: Job, name: str) -> ImageSet:
    return _kept(job, name, job.subset(name).of(job.whole(name))).to(job.device)


def _opened(job: Job, test: Split) -> ImageSet | StreamedSet:
    size = job.backbone.image_size
    if fits(test, size):
        return _kept(job, "test", test).to(job.device)
    checking = job.live.phase("checking test")
    streamed = open_set(test, size)
    check_decodable(job.subset("test"), job.digests, progress=checking)
    return streamed.to(job.device)


def _kept(job: Job, name: str, split: Split) -> ImageSet:
    """The images of `split`, decoded unless an earlier run of this process has: same content, same size."""
    size = job.backbone.image_size

    def content() -> tuple[str, int, int]:
        digests = job.digests.images(job.subset(name))
        return listed(digests, split.labels), split.classes, size

    progress = job.live.phase(f"loading {name}")
    return job.kept.images(content, lambda: load_set(split, size, progress=progress))
