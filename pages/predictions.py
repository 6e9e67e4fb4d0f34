"""Predictions: what a run answered on its test images, and which it got wrong."""

from ict_app.common import shell
from ict_app.tune import predictions_view

shown = shell.heading(
    "Predictions", "What one run answered on its test images: which classes it mixes up, and where."
)
run_id = predictions_view.choose(shown)
if run_id is None:
    predictions_view.nothing(shown)
else:
    predictions_view.draw(shown.run(run_id))
