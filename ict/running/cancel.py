"""Ways to start runs: workers on this machine, Slurm. Each offers submit, cancel and alive."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ict.files import refuse_published

if TYPE_CHECKING:
    from ict.store.store import Store


def cancel(store: "Store", ids: Iterable[str]) -> list[str]:
    """Cancels runs wherever they wait or run; gives the ids of those that had not ended."""
    from ict.running import local, slurm

    refuse_published()
    run_ids = list(ids)
    jobs = {run_id: job for run_id in run_ids if (job := slurm.job_of(store.run(run_id)))}
    local_ids = [run_id for run_id in run_ids if run_id not in jobs]
    cancelled = {*local.cancel(store, local_ids), *slurm.cancel(store, jobs)}
    return [run_id for run_id in run_ids if run_id in cancelled]
