"""Which channels a run tunes: the top (or lowest) K of scores, computed if need be, or a draw."""

import time
from dataclasses import dataclass

from ict.config import given
from ict.criteria import choice
from ict.data import ImageSet
from ict.errors import IctError, quoted
from ict.files import atomic_write_json
from ict.methods.registry import chooses_channels
from ict.running.generic_scores import mean_of_tasks
from ict.running.job import Job
from ict.scores import ChannelScores, load_scores
from ict.scoring.score_request import ScoreRequest
from ict.scoring.task_scores import score_task
from ict.selection import Selection, select, select_random
from ict.store.live import log
from ict.tasks import fingerprint
from ict.tasks.others import is_generic, of_all, scored_tasks


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
    """Top K (or lowest K) of the scores that the configuration names: of one file, or of several together."""
    c = job.config
    requests = [_request(job, name, data) for name, data in _data_of(job).items()]
    scores = {request.task: _scores(job, request, train) for request in requests}
    if is_generic(c.score_task):
        together, score_id = mean_of_tasks(scores, given(c.score_site)), None
    else:
        together, score_id = scores[given(c.score_task)], requests[0].score_id
    order = choice(c.criterion).selector
    picked = select(together, site=c.score_site, k=list(job.ks), blocks=c.blocks, order=order)
    site, criterion = given(c.tune_site), given(c.criterion)
    return Selection(site, picked.blocks, criterion, score_id, c.backbone)


def _data_of(job: Job) -> dict[str, str]:
    """The fingerprints of the tasks that are scored; IctError unless others are those of the configuration."""
    c = job.config
    if not is_generic(c.score_task):
        return {given(c.score_task): given(c.data if c.score_task == c.task else c.score_data)}
    splits = (given(c.score_split),)
    found = {
        name: fingerprint(job.tasks[name], splits=splits) for name in scored_tasks(c.score_task)
    }
    if of_all(found) != c.score_data:
        raise IctError(
            f"files of the tasks of score_task={quoted(c.score_task)} changed since this run was asked for; "
            "ask anew"
        )
    return found


def _request(job: Job, task: str, data: str) -> ScoreRequest:
    """The scores of one task; those of the run's own, or of another."""
    c = job.config
    return ScoreRequest(
        task=task,
        backbone=c.backbone,
        weights=given(c.weights),
        data=data,
        criterion=str(choice(c.criterion).criterion),
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


def _scores(job: Job, request: ScoreRequest, train: ImageSet) -> ChannelScores:
    c = job.config
    own = request.task == c.task and c.score_split == c.train_split
    path = score_task(
        job.store,
        request,
        backbone=job.backbone,
        task=job.tasks[request.task],
        weights_file=job.weights_file,
        device=job.device,
        images=train if own else None,
        digests=job.digests,
        progress=job.live.phase("scoring"),
    )
    log(job.run, f"scores {request.score_id}")
    return load_scores(path, kinds=("",))
