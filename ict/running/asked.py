"""A run that somebody asked for: its images looked at first, its folder written or found."""

from collections.abc import Callable

from ict.catalogue import get_backbone
from ict.resolve import Resolved
from ict.store.run_folder import Run
from ict.store.same_images import ask
from ict.store.store import Store
from ict.tasks.decodable import check_decodable
from ict.tasks.digests import ImageDigests
from ict.tasks.limits import Subset

Progress = Callable[[int, int], None]


def asked_run(
    resolved: Resolved,
    store: Store,
    *,
    command: str | None,
    say: Callable[[str], Progress | None] = lambda _split: None,
) -> Run:
    """The run's folder, not yet queued. `say(split)` gives what is told how many images were looked at.

    Raises InputError, before anything is written, if an image that it trains on cannot be decoded,
    or if the run has work in it that other images went into.
    """
    digests, c = ImageDigests(), resolved.config
    task = resolved.tasks[str(c.task)]
    size = get_backbone(c.backbone).at(c.image_size).image_size
    for split in c.trained_splits:
        check_decodable(Subset.asked(c, task, split), digests, size=size, progress=say(split))
    (run,) = ask(store, [resolved], command=command, digests=digests)
    return run
