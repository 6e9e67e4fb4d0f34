"""Run: one run by link, live while it runs."""

from ict_app.common import shell
from ict_app.tune import run_view

shown = shell.heading("Run", "One run: what it does now, its curves, and what came out.")
run_id = run_view.choose(shown)
if run_id is None:
    shell.empty(
        "No run yet. A digits run takes about a minute.", button="Start a run", page="train"
    )
else:
    run_view.draw(shown.run(run_id), shown)
