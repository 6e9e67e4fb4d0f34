"""One execution of a run: what its folder asks for, looked up once, before anything is computed."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from ict.catalogue import Backbone, get_backbone
from ict.config import RunConfig, given, ran_otherwise
from ict.errors import IctError, quoted
from ict.running.kept import Kept
from ict.store.live import Live, log
from ict.store.run_folder import Run
from ict.store.run_weights import weights_of
from ict.store.same_images import UNRECORDED, Reading, check_run, recorded
from ict.store.store import Store
from ict.tasks import Split, Task, fingerprint, get_task, load_split
from ict.tasks.decoded.tally import Tally
from ict.tasks.digests import ImageDigests
from ict.tasks.limits import TRAIN800, Shots, Subset, said, said_of_shots
from ict.tasks.others import scored_tasks
from ict.training.settings import WARMUP_LR, Forward, Settings


@dataclass(frozen=True, kw_only=True)
class Job:
    """A run with everything that its computation reads, resolved."""

    run: Run
    store: Store
    config: RunConfig
    """With the values to compute with (`RunConfig.as_run`)."""
    backbone: Backbone
    """At the run's image size."""
    tasks: Mapping[str, Task]
    """Those that the run reads, by name."""
    weights_file: Path | None
    device: str
    threads: int
    started_at: str
    digests: ImageDigests
    live: Live
    kept: Kept
    """What earlier runs of this process left for it."""
    notes: list[str] = field(default_factory=list)
    """What a user of the result should know, in the order found; only added to."""
    tally: Tally = field(default_factory=Tally)
    """How many of the run's images are decoded."""

    @classmethod
    def of(cls, run: Run, store: Store, execution: Mapping[str, Any], kept: Kept) -> Self:
        """Raises InputError for a configuration that lacks a field, IctError where inputs changed.

        `execution` is what `execution.json` holds: device and threads of the first start.
        """
        stored = RunConfig.from_dict(run.config)
        stored.check_total()
        config = stored.as_run()
        backbone = get_backbone(config.backbone)
        data_root = (run.record.get("sources") or {}).get("data_root")
        root = Path(data_root) if data_root else None
        notes = []
        if ran := ran_otherwise(stored.to_dict()):
            notes.append(f"asked for by version 0.1.0: {ran}, and so it runs here")
        names = dict.fromkeys((config.task, *scored_tasks(config.score_task)))
        tasks = {name: get_task(name, root=root) for name in names}
        digests = ImageDigests()
        data = fingerprint(tasks[str(config.task)], root=root, splits=config.splits)
        _check_data(run, store, config, data, Reading.of_run(config, tasks, digests))
        if config.weights == "none":
            notes.append("random backbone weights (weights=none)")
        return cls(
            run=run,
            store=store,
            config=config,
            backbone=backbone.at(config.image_size),
            tasks=tasks,
            weights_file=None if config.weights == "none" else weights_of(run, backbone=backbone),
            device=execution["device"],
            threads=execution["threads"],
            started_at=execution["first_started_at"],
            digests=digests,
            live=Live(run.live_path, config.epochs),
            kept=kept,
            notes=notes,
        )

    def whole(self, name: str) -> Split:
        """All images of a split; what is short, or left out by the run's shots and `limit`, is noted."""
        whole = load_split(self.task, name)
        self.notes.extend(note for note in whole.notes if note not in self.notes)
        if self.shots is not None and name == TRAIN800:
            self.notes.extend(said_of_shots(whole, self.shots))
        limit, rule = self.config.limit, self.config.limit_rule
        there = len(replace(self.subset(name), limit=None).of(whole))
        if limit is not None and limit < there:
            self.notes.append(f"{name}: {said(rule, limit, there)}")
        return whole

    @property
    def task(self) -> Task:
        """The one that it is trained on."""
        return self.tasks[self.config.task]

    @property
    def shots(self) -> Shots | None:
        """What few-shot training leaves of train800."""
        return Shots.of(self.config.shots, self.config.shot_seed)

    def subset(self, split: str) -> Subset:
        """Which images of a split the run's shots and `limit` leave."""
        return Subset.asked(self.config, self.task, split)

    @property
    def ks(self) -> tuple[int, ...]:
        """K of each stage."""
        k = self.config.k
        return (k,) if isinstance(k, int) else given(k)

    @property
    def forward(self) -> Forward:
        return forward_of(self.config, self.backbone, self.threads)

    @property
    def settings(self) -> Settings:
        """Of training, for every method but the probe."""
        return settings_of(self.config, self.forward)


def forward_of(c: RunConfig, sized: Backbone, threads: int) -> Forward:
    """How images go through the model of a run; `sized` is its backbone at its image size."""
    mean, std = sized.pixels(c.pixel_normalisation)
    return Forward(precision=c.precision, mean=mean, std=std, threads=threads)


def settings_of(c: RunConfig, forward: Forward) -> Settings:
    """Of a run's training."""
    lr = given(c.lr) * given(c.lr_multiplier)
    meant = lr == 0 and c.zeros is not None  # otherwise version 0.1.0's: see RunConfig.zeros
    return Settings(
        **vars(forward),
        epochs=given(c.epochs),
        batch_size=given(c.batch_size),
        lr=lr,
        weight_decay=given(c.weight_decay),
        warmup_epochs=given(c.warmup_epochs),
        warmup_lr=0.0 if meant else WARMUP_LR,
        label_smoothing=given(c.label_smoothing),
        seed=c.generator_seed,
        augment=_augmentation(c.augment),
        schedule=c.schedule,
        head_lr=c.head_lr,
    )


def _check_data(run: Run, store: Store, config: RunConfig, data: str, reading: Reading) -> None:
    """Raises IctError unless the data are those that the id was made from."""
    if data != config.data:
        raise IctError(
            f"the files of task {quoted(config.task)} changed since this run was asked for; ask anew"
        )
    check_run(store, run, reading)
    if recorded(run.record) is None:
        log(run, UNRECORDED)


def _augmentation(name: str | None) -> Any:
    if name != "randaugment":
        return None
    from ict.training.augment import randaugment

    return randaugment
