"""The training loop and what each method trains. Needs torch when a name is first used."""

from ict.public.face import face, table

__getattr__, __dir__ = face(
    __name__,
    table("""
        ict.training.loop: Forward Settings EpochReport Evaluation Trainer learning_rate evaluate pooled_features halve_frozen_layers EVALUATION_BATCH
        ict.training.methods: prepare
        ict.training.step: Step make_step ReplicaStep GraphStep autocast make_repeatable
        """),
)
