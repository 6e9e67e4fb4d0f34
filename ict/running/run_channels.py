"""Which channels a run tunes: the top (or lowest) K of scores, computed if need be, or a draw."""

import time
from dataclasses import dataclass
from pathlib import Path

from ict.adapter_gradients import AdapterGradients
from ict.analysis.sources import tokens_per_image
from ict.config import given
from ict.criteria import ADAPTER_GRADIENT, choice
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
from ict.selection.by_gradient import select_by_gradient
from ict.selection.white import whitened
from ict.store.live import log
from ict.store.names import gradient_file
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
    how = choice(job.config.criterion)
    if how.selector == "random":
        selection = _drawn(job)
    elif how.reads_gradient:
        selection = _by_gradient(job, train)
    else:
        selection = _scored(job, train)
    if job.config.whiten:
        selection = _whitened(job, train, selection)
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
    scores, score_id = _ranking(job, train)
    order = choice(c.criterion).selector
    picked = select(scores, site=c.score_site, k=list(job.ks), blocks=c.blocks, order=order)
    site, criterion = given(c.tune_site), given(c.criterion)
    return Selection(site, picked.blocks, criterion, score_id, c.backbone)


def _ranking(job: Job, train: ImageSet) -> tuple[ChannelScores, str | None]:
    """The scores that rank channels, and their id where they are of one file."""
    c = job.config
    how = {"site": given(c.score_site), "tokens": given(c.tokens)}
    name = str(choice(c.criterion).criterion)
    requests = [_request(job, name, of=of, **how) for of in _data_of(job).items()]
    scores = {one.task: load_scores(_file(job, one, train), kinds=("",)) for one in requests}
    if is_generic(c.score_task):
        return mean_of_tasks(scores, given(c.score_site)), None
    return scores[given(c.score_task)], requests[0].score_id


def _by_gradient(job: Job, train: ImageSet) -> Selection:
    """What is read and what is written, by the gradient of a dense adapter at the tuned site."""
    c = job.config
    site = given(c.tune_site)
    how = choice(c.criterion)
    request = _request(job, ADAPTER_GRADIENT, site=site, tokens="all")
    gradients = AdapterGradients.load(gradient_file(_file(job, request, train).parent))
    picked = select_by_gradient(
        gradients,
        selector=how.selector,
        site=site,
        k=list(job.ks),
        blocks=c.blocks,
        norm=c.selector_norm,
        budget=c.budget,
        energy=None if how.by_gradient_alone else _ranking(job, train)[0],
    )
    return Selection(site, picked.blocks, given(c.criterion), request.score_id, c.backbone)


def _whitened(job: Job, train: ImageSet, selection: Selection) -> Selection:
    """With the size of each channel that is read, over all tokens of the run's own scored images."""
    site, c = selection.site, job.config
    own = (c.task, given(c.data))
    path = _file(job, _request(job, "l2", site=site, tokens="all", of=own), train)
    scores = load_scores(path, kinds=("",))
    stages = scores.site(site)
    tokens = tokens_per_image(scores.record, len(stages)) or [1] * len(stages)
    images = int(scores.meta["images"])
    return whitened(selection, stages, [images * one for one in tokens])


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


def _request(
    job: Job, criterion: str, *, site: str, tokens: str, of: tuple[str, str] | None = None
) -> ScoreRequest:
    """A score of the images that the configuration chooses channels on; `of` is a task and its fingerprint."""
    c = job.config
    task, data = of or next(iter(_data_of(job).items()))
    return ScoreRequest(
        task=task,
        backbone=c.backbone,
        weights=given(c.weights),
        data=data,
        criterion=criterion,
        sites=(site,),
        tokens=tokens,
        split=c.score_split or c.train_split,
        pixel_normalisation=c.pixel_normalisation,
        limit=c.limit,
        limit_rule=c.limit_rule,
        image_size=c.image_size,
        shots=c.shots,
        shot_seed=c.shot_seed,
    )


def _file(job: Job, request: ScoreRequest, train: ImageSet) -> Path:
    """The score file, computed unless the store has it."""
    c = job.config
    of_train = request.task == c.task and request.split == c.train_split
    path = score_task(
        job.store,
        request,
        backbone=job.backbone,
        task=job.tasks[request.task],
        weights_file=job.weights_file,
        device=job.device,
        images=train if of_train else None,
        digests=job.digests,
        progress=job.live.phase("scoring"),
    )
    log(job.run, f"scores {request.score_id}")
    return path
