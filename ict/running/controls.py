"""The controls of one run: the same with random channels, and a linear probe, which say what its choice is worth.

They are runs of their own, asked for with the fields of the run and its recipe, and go through the queue
of all runs. Nothing here imports torch.
"""

from typing import Any

from ict.config import ABOUT, RunConfig
from ict.errors import InputError
from ict.files import refuse_published
from ict.methods.registry import chooses_channels
from ict.resolve import Resolved, resolve
from ict.running import local
from ict.store.run_folder import Run
from ict.store.run_weights import weights_of
from ict.store.same_images import ask
from ict.store.store import Store
from ict.store.study_file import MOST_DRAWS
from ict.store.study_grid import selection_seed

DRAWS = 5


def controls_of(run: Run, *, draws: int = DRAWS, linear: bool = True) -> list[Resolved]:
    """`draws` random choices of as many channels at the run's seed, and a linear probe; each run once.

    What the run's recipe set is set by it anew: a probe has a rate of its own. A draw is that of a
    study's row with draws, so that both share their runs. Raises InputError for a run that chooses
    no channels, and for one whose inputs are no longer here.
    """
    config = RunConfig.from_dict(run.config)
    if not chooses_channels(config.method):
        raise InputError(
            f"run {run.id} is of method {config.method}, which chooses no channels: it has no controls"
        )
    if not 0 <= draws <= MOST_DRAWS:
        raise InputError(f"draws={draws}: choose 0 to {MOST_DRAWS}")
    asked = _asked(run, config)
    chosen = {"selector": "random", "criterion": None, "tokens": None, "whiten": None}
    seeds = [selection_seed(int(config.seed or 0), draw) for draw in range(draws)]
    wanted = [{**asked, **chosen, "selection_seed": seed} for seed in seeds]
    wanted += [{**asked, "method": "linear"}] if linear else []
    weights = "none" if config.weights == "none" else weights_of(run)
    recipe = str(run.record.get("recipe") or "quick")
    made = [resolve(fields, recipe=recipe, weights=weights) for fields in wanted]
    return list({one.run_id: one for one in made}.values())


def _asked(run: Run, config: RunConfig) -> dict[str, Any]:
    """The fields of the run that its recipe did not set."""
    by_recipe = {*(run.record.get("recipe_fields") or ()), "weights"}
    said = {name: value for name, value in config.to_dict().items() if ABOUT[name].settable}
    return {name: v for name, v in said.items() if v is not None and name not in by_recipe}


def add_controls(
    store: Store, run: Run, *, draws: int = DRAWS, linear: bool = True, command: str | None = None
) -> list[str]:
    """Asks for the controls of a run and queues those that are not done; gives the ids of all."""
    refuse_published()
    ids = [
        one.id for one in ask(store, controls_of(run, draws=draws, linear=linear), command=command)
    ]
    local.submit(store, ids)
    return ids
