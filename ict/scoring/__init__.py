"""Scores of channels, causal checks and inspections. Needs torch when a name is first used."""

from ict.public.face import face, table

__getattr__, __dir__ = face(
    __name__,
    table("""
        ict.scoring.model_scores: score
        ict.scoring.score_request: ScoreRequest request_for
        ict.scoring.task_scores: score_task
        ict.catalogue: IMAGENET pixel_statistics
        ict.provenance: package_versions peak_memory_bytes
        """),
)
