"""The model of a finished run by its id: found without torch, put together with it."""

from pathlib import Path
from typing import Any

from ict.errors import InputError, quoted
from ict.store.run_folder import Run
from ict.store.store import Store


def load(
    run: str | Path, *, store: str | Path | None = None, weights: str | Path | None = None
) -> Any:
    """The adapted timm model of a finished run, in evaluation mode, float32, on the CPU.

    `run` is an id or a run's folder. Needs the very weights that the run was trained on; `weights`
    says where they lie if they were moved. timm's `resolve_model_data_config(model)` gives the size,
    mean and std of its pixels. Raises InputError if the run is not done, and if only other weights
    are to be had.
    """
    import torch

    from ict.running.rebuild import rebuild

    if not isinstance(run, (str, Path)):
        raise InputError(f"run={quoted(run)}: give a run's id, or its folder")
    folder = Path(run)
    trained = Run(folder.absolute()) if folder.is_dir() else Store(store).run(str(run))
    if trained.result() is None:
        raise InputError(
            f"run {trained.id} is {trained.status()}, not done: there is nothing to load"
        )
    with torch.inference_mode(False):  # a model made inside it could never be trained on
        return rebuild(trained, weights=weights)
