"""Whether the steps of a run are compiled: asked for, decided at its first start, kept from then on.

`execution.json` holds `compile_asked` (auto, on or off), `compile` (on or off, once it is decided) and
`compile_why`. It is no field of the run, and its id knows nothing of it. Imports no torch.
"""

from typing import Any

from ict.store.live import log
from ict.store.run_folder import Run

AUTO = "auto"
MODES = (AUTO, "on", "off")


def at_start(run: Run, asked: str | None) -> dict[str, Any]:
    """What execution.json says of it when the run starts; `asked` None: as before, at first `auto`.

    A run that has a checkpoint goes on as it began, for its numbers would be others; one of an
    earlier version began without. Before the first checkpoint nothing is lost, and it is decided anew.
    """
    before = run.execution() or {}
    earlier = before.get("compile_asked")
    if not run.is_resumable:
        return {"compile_asked": asked or earlier or AUTO, "compile": None, "compile_why": None}
    began = before.get("compile") or "off"
    if asked not in (None, AUTO, began, earlier):
        log(run, f"{run.id} goes on with compile={began}, as it began: {asked} gives other numbers")
    return {
        "compile_asked": earlier or "off",
        "compile": began,
        "compile_why": before.get("compile_why"),
    }
