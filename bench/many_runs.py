"""A store of thousands of finished runs, written as the program writes them: step by step, atomically."""

import numpy as np

from ict.config import run_id
from ict.store import Store, transitions
from tests.app import fixture_store
from tests.result_documents import result_document

TASKS = ("digits", "sprites_loc", "sprites_ori", "count")
KS = (3, 6, 12, 24, 48, 96, 192)
EPOCHS = 20


def write_runs(store: Store, count: int, *, answered: int = 100) -> None:
    """`count` runs: tasks × K × seeds; the last `answered` of them on digits keep what they answered."""
    noise = np.random.default_rng(3)
    on_digits = [i for i in range(count) if TASKS[i % len(TASKS)] == "digits"]
    with_answers = set(on_digits[-answered:])
    for i in range(count):
        k = KS[i // len(TASKS) % len(KS)]
        wanted = fixture_store.config(
            task=TASKS[i % len(TASKS)], k=(k,), seed=42 + i // (len(TASKS) * len(KS)), epochs=EPOCHS
        )
        created = f"2026-01-{1 + i // 1440 % 28:02d}T{i // 60 % 24:02d}:{i % 60:02d}:00.000+00:00"
        record = {"run_id": run_id(wanted), "config": wanted.to_dict(), "created_at": created}
        run = store.create_run({**record, "recipe": "quick", "recipe_fields": [], "sources": {}})
        transitions.begin(run, {"threads": 2, "device": "cpu", "slots": 1, "tries": 1})
        fixture_store.add_progress(run, EPOCHS)
        accuracy = float(min(0.6 + 0.05 * np.log2(k / 3) + noise.normal(0, 0.01), 0.99))
        transitions.finish(run, result_document(
            run_id=run.id, test_accuracy=accuracy, val_accuracy=accuracy - 0.01, test_images=797,
            train_accuracy=0.97, test_loss=0.31, majority_accuracy=0.1, selected_epoch=EPOCHS,
            test_balanced_accuracy=accuracy, adapter_parameters=12 * (k * k + k), epochs=EPOCHS,
            head_parameters=1930, trainable_parameters=12 * (k * k + k) + 1930,
            backbone_parameters=5_370_000, train_seconds=68.2, score_seconds=3.1, device="cpu",
            images_per_second=236.0, peak_memory_bytes=812_000_000, threads=2, official_data=True,
            versions={"ict": "0.1.0", "torch": "2.9.0"}, started_at=created, finished_at=created,
        ))  # fmt: skip
        if i in with_answers:
            fixture_store.add_answers(run, wrong=1 - accuracy)
