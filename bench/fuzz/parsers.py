"""All targets, in the order of the report."""

from bench.fuzz import (
    of_archives,
    of_data,
    of_folders,
    of_images,
    of_own,
    of_store,
    of_tensors,
    of_weights,
    of_words,
)
from bench.fuzz.target import Target


def all_targets() -> dict[str, Target]:
    """By name."""
    rooms = (
        of_words, of_data, of_own, of_folders, of_store, of_tensors, of_archives, of_images, of_weights,
    )  # fmt: skip
    return {target.name: target for room in rooms for target in room.targets()}
