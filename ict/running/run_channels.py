"""Which channels a run tunes: the top (or lowest) K of a score file, computed if need be, or a draw."""

import time
from dataclasses import dataclass

from ict.config import given
from ict.criteria import choice
from ict.data import ImageSet
from ict.files import atomic_write_json
from ict.methods.registry import chooses_channels
from ict.running.job import Job
from ict.scores import load_scores
from ict.scoring.score_request import ScoreRequest
from ict.scoring.task_scores import score_task
from ict.selection import Selection, select, select_random
from ict.store.live import log


@dataclass(frozen=True)
class Chosen:
    """None for a method that tunes no channels. `seconds` of scoring and choosing."""

    selection: Selection | None
    seconds: float = 0.0


def choose_channels(job: Job, train: ImageSet) -> Chosen:
    """The selection, written to the run's folder. `train` serves the scores where they are of these images."""
    if not chooses_channels(job.config.method):
        return Chosen(None)
    started = time.perf_counter()
    drawn = choice(job.config.criterion).selector == "random"
    selection = _drawn(job) if drawn else _scored(job, train)
    atomic_write_json(job.run.selection_path, selection.to_dict())
    return Chosen(selection, time.perf_counter() - started)


def _drawn(job: Job) -> Selection:
    c = job.config
    return select_random(
        job.backbone.stages,
        site=given(c.tune_site),
        ks=job.ks,
        blocks=c.blocks,
        seed=given(c.selection_seed),
        backbone=c.backbone,
        task=c.task if c.draws_by_task else None,
    )


def _scored(job: Job, train: ImageSet) -> Selection:
    """Top K (or lowest K) of the score file that the configuration names."""
    c = job.config
    order, ranked_by = choice(c.criterion)
    own_task = c.score_task == c.task
    request = ScoreRequest(
        task=given(c.score_task),
        backbone=c.backbone,
        weights=given(c.weights),
        data=given(c.data if own_task else c.score_data),
        criterion=str(ranked_by),
        sites=(given(c.score_site),),
        tokens=given(c.tokens),
        split=given(c.score_split),
        pixel_normalisation=c.pixel_normalisation,
        limit=c.limit,
        limit_rule=c.limit_rule,
        image_size=c.image_size,
        shots=c.shots,
        shot_seed=c.shot_seed,
    )
    path = score_task(
        job.store,
        request,
        backbone=job.backbone,
        task=job.tasks[request.task],
        weights_file=job.weights_file,
        device=job.device,
        images=train if own_task and c.score_split == c.train_split else None,
        digests=job.digests,
        progress=job.live.phase("scoring"),
    )
    log(job.run, f"scores {request.score_id}")
    scores = load_scores(path, kinds=("",))
    picked = select(scores, site=c.score_site, k=list(job.ks), blocks=c.blocks, order=order)
    site, criterion = given(c.tune_site), given(c.criterion)
    return Selection(site, picked.blocks, criterion, request.score_id, c.backbone)
