"""The images of a split as 8-bit RGB of one side, decoded by threads.

All images become 8-bit RGB (`ict.tasks.pixels` has the rule of each mode) and are resized by PIL's
`resize((S, S), BICUBIC)`: no crop, no draft mode. Another resize changes importance scores by 0.5 to
4 %. Who changes what is done here, or in `pixels`, raises `keys.RULE`.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from PIL import Image

from ict.machine import cores
from ict.tasks.task import Split

PART_BYTES = 1 << 28  # two parts at once are held: one is used while the next is decoded
_BICUBIC = Image.Resampling.BICUBIC

Progress = Callable[[int, int], None]
Part = TypeVar("Part")


def decode(
    split: Split, size: int, *, progress: Progress | None = None, workers: int | None = None
) -> np.ndarray:
    """All images of `split` in its order, uint8 (N, 3, S, S), decoded by `workers` threads.

    Images without a size of their own are drawn at this one, so that nothing resizes them.

    InputError names the first file (in that order) that cannot be decoded.
    """
    N = len(split)
    pixels = np.empty((N, 3, size, size), dtype=np.uint8)

    def one(index: int) -> None:
        with split.opened(index, size) as picture:
            sized = (
                picture if picture.size == (size, size) else picture.resize((size, size), _BICUBIC)
            )
            pixels[index] = np.asarray(sized).transpose(2, 0, 1)

    with ThreadPoolExecutor(workers or cores()) as pool:
        jobs = [pool.submit(one, index) for index in range(N)]
        try:
            for done, job in enumerate(jobs, start=1):
                job.result()
                if progress is not None:
                    progress(done, N)
        finally:
            pool.shutdown(cancel_futures=True)
    return pixels


def in_parts(count: int, images: int, read: Callable[[int, int], Part]) -> Iterator[Part]:
    """read(start, stop) of `count` images, `images` at a time; the next is read while the last is used."""
    with ThreadPoolExecutor(1) as ahead:
        job = ahead.submit(read, 0, images)
        for stop in range(images, count + images, images):
            part = job.result()
            if stop < count:
                job = ahead.submit(read, stop, stop + images)
            yield part


def images_of_part(size: int) -> int:
    """How many images of that side a part has: 256 MiB, and at least one image."""
    return max(1, PART_BYTES // (3 * size**2))
