"""Which channels a run tunes: the top (or lowest) K of a score file, computed if need be, or a draw."""

import time
from dataclasses import dataclass
from pathlib import Path

from ict.adapter_gradients import AdapterGradients
from ict.analysis.sources import tokens_per_image
from ict.config import given
from ict.criteria import ADAPTER_GRADIENT, choice
from ict.data import ImageSet
from ict.files import atomic_write_json
from ict.methods.registry import chooses_channels
from ict.running.job import Job
from ict.scores import load_scores
from ict.scoring.score_request import ScoreRequest
from ict.scoring.task_scores import score_task
from ict.selection import Selection, select, select_random
from ict.selection.by_gradient import select_by_gradient
from ict.selection.white import whitened
from ict.store.live import log
from ict.store.names import gradient_file


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
    """Top K (or lowest K) of the score file that the configuration names."""
    c = job.config
    order, ranked_by = choice(c.criterion)
    request = _request(job, str(ranked_by), site=given(c.score_site), tokens=given(c.tokens))
    scores = load_scores(_file(job, request, train), kinds=("",))
    picked = select(scores, site=c.score_site, k=list(job.ks), blocks=c.blocks, order=order)
    site, criterion = given(c.tune_site), given(c.criterion)
    return Selection(site, picked.blocks, criterion, request.score_id, c.backbone)


def _by_gradient(job: Job, train: ImageSet) -> Selection:
    """What is read and what is written, by the gradient of a dense adapter at the tuned site."""
    c = job.config
    site = given(c.tune_site)
    how = choice(c.criterion)
    request = _request(job, ADAPTER_GRADIENT, site=site, tokens="all")
    gradients = AdapterGradients.load(gradient_file(_file(job, request, train).parent))
    energy = None
    if not how.by_gradient_alone:
        own = _request(job, str(how.criterion), site=given(c.score_site), tokens=given(c.tokens))
        energy = load_scores(_file(job, own, train), kinds=("",))
    picked = select_by_gradient(
        gradients,
        selector=how.selector,
        site=site,
        k=list(job.ks),
        blocks=c.blocks,
        norm=c.selector_norm,
        energy=energy,
    )
    return Selection(site, picked.blocks, given(c.criterion), request.score_id, c.backbone)


def _whitened(job: Job, train: ImageSet, selection: Selection) -> Selection:
    """With the size of each channel that is read, over all tokens of the scored images."""
    site = selection.site
    scores = load_scores(
        _file(job, _request(job, "l2", site=site, tokens="all"), train), kinds=("",)
    )
    stages = scores.site(site)
    tokens = tokens_per_image(scores.record, len(stages)) or [1] * len(stages)
    images = int(scores.meta["images"])
    return whitened(selection, stages, [images * one for one in tokens])


def _request(job: Job, criterion: str, *, site: str, tokens: str) -> ScoreRequest:
    """A score of the images that the configuration chooses channels on."""
    c = job.config
    return ScoreRequest(
        task=given(c.score_task),
        backbone=c.backbone,
        weights=given(c.weights),
        data=given(c.data if c.score_task == c.task else c.score_data),
        criterion=criterion,
        sites=(site,),
        tokens=tokens,
        split=given(c.score_split),
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
