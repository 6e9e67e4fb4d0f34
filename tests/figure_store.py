"""A store with a finished study, two scored tasks and made-up numbers, without training anything."""

import json

import numpy as np

from ict import studies
from ict.figures import collected
from ict.figures.export import FigureBundle
from ict.scores import ChannelScores, to_bytes
from ict.selection import select
from ict.store import Store, basket
from tests.result_documents import result_document

DOCUMENT = {
    "name": "k_ratio_digits",
    "title": "Accuracy on digits against K/D",
    "base": {"task": "digits", "epochs": 3},
    "grid": {"ratio": [0.0625, 0.125, 0.25], "seed": [42, 44, 82]},
    "compare": [
        {"name": "linear", "method": "linear"},
        {
            "name": "random-K",
            "criterion": "random",
            "grid": {"ratio": [0.125], "selection_seed": [0, 1, 2], "seed": [42]},
        },
    ],
}


def filled(store: Store) -> studies.Study:
    """The study, every run finished but a random draw, with scores of digits and count in the store."""
    study = studies.create(store, DOCUMENT)
    scores = {task: add_scores(store, task) for task in ("digits", "count")}
    for number, run_id in enumerate(study.run_ids[:-1]):
        run = store.run(run_id)
        fields = run.config
        own = fields["method"] == "ict" and fields["criterion"] == "class_l2"
        noise = np.random.default_rng(number).normal(0, 0.005)
        k = (fields["k"] or [0])[0]
        accuracy = 0.7 + 0.03 * np.log2(1 + k) * (1 if own else 0.8) + noise
        lines = [
            {"epoch": e, "train_loss": 2 / e, "train_accuracy": accuracy * e / 3, "val_accuracy": None,
             "lr": 0.01 / e, "seconds": 1.0, "images_per_second": 200.0}
            for e in (1, 2, 3)
        ]  # fmt: skip
        (run.path / "progress.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        score_id = scores["digits"] if own else None
        if own:
            chosen = select(stored(store, score_id), k=k)
            (run.path / "selection.json").write_text(json.dumps(chosen.to_dict()))
        result = result_document(
            run_id=run_id, test_accuracy=accuracy, test_images=797, score_id=score_id,
            adapter_parameters=12 * (k * k + k), trainable_parameters=12 * (k * k + k) + 1930,
            train_seconds=20.0, official_data=True, versions={"torch": "2.15.0"},
        )  # fmt: skip
        (run.path / "result.json").write_text(json.dumps(result))
    return study


def stored(store: Store, score_id: str) -> ChannelScores:
    from ict.scores import load_scores

    return load_scores(store.score_dir(score_id))


def add_scores(store: Store, task: str, *, images: int = 40) -> str:
    """Scores of 12 × 192 channels with per-image sums and token means of 64 tokens."""
    generator = np.random.default_rng([3, *task.encode()])
    strength = np.random.default_rng(1).normal(0, 1, (12, 192)) + generator.normal(
        0, 0.5, (12, 192)
    )
    mean = strength + 0.3 * generator.normal(size=(images, 12, 192))
    per_image = 64 * (mean**2 + generator.gamma(2, 0.2, mean.shape))
    labels = np.arange(images) % 4
    per_class = np.stack([np.sqrt(per_image[labels == c].sum(axis=0)) for c in range(4)], axis=1)
    arrays = {
        "attn.0": per_class.mean(axis=1),
        "attn.0.per_class": per_class,
        "attn.0.per_image": per_image,
        "attn.0.token_mean": mean,
    }
    score_id = f"{task}-ict_tiny-class_l2-attn-0123456789ab"
    meta = {
        "score_id": score_id, "task": task, "criterion": "class_l2", "backbone": "ict_tiny",
        "tokens": "patch", "sites": ["attn"], "keep_images": True, "tokens_per_image": 64,
        "images": images,
    }  # fmt: skip
    folder = store.score_dir(score_id)
    folder.mkdir(parents=True)
    as_float32 = {name: array.astype(np.float32) for name, array in arrays.items()}
    (folder / "scores.safetensors").write_bytes(to_bytes(ChannelScores(as_float32, meta, labels)))
    (folder / "meta.json").write_text(json.dumps(meta))
    return score_id


def collected_figures() -> dict[str, FigureBundle]:
    """What the basket of the user's store draws, by name."""
    store = Store()
    return {one.name: collected.draw(one, store) for one in basket.entries(store)}
