"""Scores of several tasks as one: what makes a generic set of channels."""

from collections.abc import Mapping

import numpy as np

from ict.errors import InputError, quoted
from ict.scores import ChannelScores


def mean_of_tasks(scores: Mapping[str, ChannelScores], site: str) -> ChannelScores:
    """The mean over tasks of each block's scores (D,) divided by their sum, so that each task counts the same.

    `scores` by task, all of one backbone. Raises InputError where a block's scores of a task have no share to
    give: one below 0, or all of them 0.
    """
    by_stage = zip(*(_shares(task, one.site(site)) for task, one in scores.items()), strict=True)
    arrays = {
        f"{site}.{stage}": np.mean(of_tasks, axis=0) for stage, of_tasks in enumerate(by_stage)
    }
    return ChannelScores(arrays)


def _shares(task: str, stages: list[np.ndarray]) -> list[np.ndarray]:
    """(blocks, D) float64 of each stage; every row sums to 1."""
    block = 0
    for rows in stages:
        for row in rows:
            if not (row >= 0).all() or not row.any():
                raise InputError(
                    f"block {block}: the scores of task {quoted(task)} are all 0, or some are below 0, and do "
                    "not add up with those of other tasks; choose another criterion, or one score_task"
                )
            block += 1
    wide = [rows.astype(np.float64) for rows in stages]
    return [rows / rows.sum(axis=1, keepdims=True) for rows in wide]
