"""What tells a decoded set from any other: its images in their order, their side, and what decodes them."""

import functools
import hashlib
import json
import platform

from PIL import features

from ict.errors import InputError
from ict.tasks.digests import combined, digests_of
from ict.tasks.task import Split

RULE = "pixels-3, bicubic-1"  # raise it when an image would be decoded to other bytes
_DECODERS = ("pil", "jpg", "libjpeg_turbo", "jpg_2000", "zlib", "libtiff", "webp", "avif")


@functools.cache
def decoder() -> str:
    """Our rule, and the versions of Pillow and of the libraries that it decodes with."""
    versions = [f"{name} {features.version(name)}" for name in _DECODERS]
    return ", ".join([RULE, *versions, platform.machine()])


def key_of(split: Split, size: int) -> str | None:
    """The key of the decoded images of `split` as they are now; None for images that have no digests.

    Files are only looked at where the digests of their content are kept (`ict.tasks.digests`).
    """
    try:
        digests = digests_of(split)
    except InputError:  # a file that cannot be read: who decodes it says so
        return None
    if not digests:
        return None
    said = json.dumps([decoder(), combined(digests), len(digests), size])
    return hashlib.sha256(said.encode()).hexdigest()[:40]
