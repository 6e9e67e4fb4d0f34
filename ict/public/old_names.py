"""Modules of version 0.1.0 under the names that they had, so that a paper's script goes on working.

An old name gives the very module that took its place, or, where its parts went to several, whichever
has what is asked for.
"""

import importlib
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType
from typing import Any

HOMES = {
    old: tuple(homes.split())
    for old, _, homes in (
        line.partition(": ")
        for line in """
ict.adapters: ict.model.adapters ict.running.loading
ict.analysis.wanted: ict.running.missing_scores
ict.augment: ict.training.augment
ict.backbones: ict.model.backbones
ict.causal: ict.scoring.causal
ict.causal_task: ict.scoring.causal_task
ict.channel_adapter: ict.model.channel_adapter
ict.channel_sets: ict.store.channel_sets
ict.checkpoint: ict.running.checkpoint
ict.class_token: ict.model.class_token
ict.criteria.attribution: ict.scoring.attribution
ict.criteria.captum_methods: ict.scoring.captum_methods
ict.criteria.gradients: ict.scoring.gradients
ict.criteria.heads: ict.scoring.heads
ict.criteria.memory: ict.scoring.memory
ict.criteria.norms: ict.scoring.norms
ict.criteria.reading: ict.scoring.reading
ict.criteria.statistics: ict.scoring.statistics
ict.criteria.weights: ict.scoring.weight_norm
ict.figures.drawings: ict.figures.by_name
ict.figures.selections: ict.figures.overlap_curves
ict.folding: ict.model.folding ict.running.fold_run
ict.imported: ict.store.imported_results
ict.inspect_files: ict.store.inspect_files
ict.inspect_task: ict.scoring.inspect_task
ict.inspection: ict.scoring.inspection
ict.jobs: ict.store.slurm_jobs
ict.launch: ict.running.cancel ict.running
ict.launch.batch: ict.running.batch
ict.launch.child: ict.running.run_process ict.store.transitions
ict.launch.follow: ict.running.follow
ict.launch.local: ict.running.local
ict.launch.queue: ict.running.queue
ict.launch.slots: ict.running.slots
ict.launch.slurm: ict.running.slurm
ict.launch.worker: ict.running.worker
ict.live: ict.store.live
ict.loading: ict.running.loading
ict.locks: ict.store.locks
ict.pipeline: ict.running.pipeline
ict.pretrain: pretrain
ict.pretrain.__main__: pretrain.__main__
ict.pretrain.banks: pretrain.banks pretrain.glyphs pretrain.masks
ict.pretrain.generator: pretrain.generator
ict.pretrain.model: pretrain.model
ict.pretrain.targets: pretrain.targets
ict.pretrain.train: pretrain.train
ict.probe: ict.training.linear_probe
ict.replicas: ict.training.replicas
ict.run: ict.running.execute
ict.run_folder: ict.store.run_folder ict.store.transitions
ict.run_table: ict.store.index ict.analysis.groups ict.cli.runs
ict.sites: ict.model.sites
ict.step: ict.training.step
ict.studies: ict.store.studies
ict.study_plan: ict.store.run_times ict.store.studies
""".strip().splitlines()
    )
}

_PACKAGE = "ict.pretrain"
"""Stands for a package that moved whole: joined, so that its modules are found by their own old names."""


class _Joined(ModuleType):
    """Stands for an old module whose parts went to several."""

    def __init__(self, name: str, homes: Sequence[str]) -> None:
        super().__init__(name)
        self.__path__: list[str] = []  # its modules are found by their own old names
        self._homes = homes

    def __getattr__(self, name: str) -> Any:
        if f"{self.__name__}.{name}" in HOMES:
            return importlib.import_module(f"{self.__name__}.{name}")
        for home in self._homes:
            module = importlib.import_module(home)
            if hasattr(module, name):
                return getattr(module, name)
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")


class _Loader:
    """Loads the modules of `HOMES` (no subclass of importlib.abc: that costs 15 ms to import)."""

    def __init__(self) -> None:
        self._own_specs: dict[str, ModuleSpec | None] = {}

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        homes = HOMES[spec.name]
        if len(homes) > 1 or spec.name == _PACKAGE:
            return _Joined(spec.name, homes)
        module = importlib.import_module(homes[0])
        self._own_specs[spec.name] = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to run; the import system has laid the old name's spec over the module's own."""
        name = module.__spec__.name if module.__spec__ else ""
        if name in self._own_specs:
            module.__spec__ = self._own_specs.pop(name)

    def get_code(self, fullname: str) -> CodeType | None:
        """For `python -m` with an old name: workers and runs are still found by these words."""
        from importlib.util import find_spec

        home = HOMES[fullname][0]
        spec = find_spec(home)
        loader: Any = spec.loader if spec else None
        code: CodeType | None = loader.get_code(home) if loader else None
        return code


_LOADER: Any = _Loader()  # duck-typed


def spec(fullname: str) -> ModuleSpec | None:
    """How to import `fullname` if it is an old name; None otherwise."""
    if fullname not in HOMES:
        return None
    return ModuleSpec(fullname, _LOADER, is_package=fullname == _PACKAGE)


_MOVED = {
    "ict.config": {"resolve": "ict.resolve", "Resolved": "ict.resolve"},
    "ict.catalogue": {"parameter_counts": "ict.methods.counts"},
}


def moved(module: str, name: str) -> Any:
    """What `module` had in 0.1.0 as `name` and another has now; for the `__getattr__` of one that stayed.

    Raises AttributeError for any other name.
    """
    homes = _MOVED[module]
    if name not in homes:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    return getattr(importlib.import_module(homes[name]), name)
