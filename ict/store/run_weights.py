"""Where the weights lie that a run was made with, or that there are only others."""

from pathlib import Path

from ict.catalogue import BUNDLED, Backbone, as_backbone
from ict.errors import InputError
from ict.store.run_folder import Run
from ict.weights import find_again


def weights_of(
    run: Run, *, given: str | Path | None = None, backbone: Backbone | None = None
) -> Path | None:
    """The file of the weights that the run is of, or None for random ones; see `find_again`.

    `backbone` is the run's, where it was looked up before.
    """
    sources = run.record.get("sources") or {}
    recorded = sources.get("weights_file")
    try:
        return find_again(
            as_backbone(backbone or run.config.get("backbone") or BUNDLED),
            run.config.get("weights"),
            recorded=Path(recorded) if recorded else None,
            given=given,
            digest=sources.get("weights_sha256"),
        )
    except InputError as error:
        raise InputError(f"run {run.id}: {error}") from error
