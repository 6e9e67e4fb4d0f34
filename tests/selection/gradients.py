"""Made-up gradients of dense adapters."""

import json

import numpy as np

from ict.adapter_gradients import AdapterGradients
from ict.scores import ChannelScores, to_bytes


def drawn(stages=((2, 8),), *, parts=6, images=10, seed=0, site="attn", noise=1.0, **meta):
    """Gradients of `parts` that share a signal; each part has its own noise, and `images` images."""
    generator = np.random.default_rng(seed)
    arrays = {}
    for stage, (blocks, width) in enumerate(stages):
        for kind, shape in (("G", (blocks, width, width)), ("g", (blocks, width))):
            signal = generator.normal(size=shape) ** 3
            for part in range(parts):
                own = signal + noise * generator.normal(size=shape)
                arrays[f"{site}.{stage}.{kind}.{part}"] = own.astype(np.float32)
    return AdapterGradients(arrays, (images,) * parts, meta)


def one_block(weight, bias=None, **meta):
    """Gradients of one block and one part."""
    weight = np.asarray(weight, np.float32)
    bias = np.zeros(len(weight), np.float32) if bias is None else np.asarray(bias, np.float32)
    return AdapterGradients({"attn.0.G.0": weight[None], "attn.0.g.0": bias[None]}, (10,), meta)


def uneven(stages=((2, 8), (2, 16)), *, seed=0, site="attn"):
    """`drawn` with blocks of very different size: 0.2, 0.5, 1 and 3 times, in an order of the seed."""
    factors = np.resize(
        np.random.default_rng(seed).permutation([0.2, 0.5, 1, 3]), sum(n for n, _ in stages)
    )
    gradients = drawn(stages, seed=seed, site=site)
    arrays, before = dict(gradients.arrays), 0
    for stage, (blocks, _) in enumerate(stages):
        own = factors[before : before + blocks]
        before += blocks
        for name in (n for n in arrays if n.startswith(f"{site}.{stage}.")):
            scale = own.reshape(-1, *[1] * (arrays[name].ndim - 1))
            arrays[name] = (scale * arrays[name]).astype(np.float32)
    return AdapterGradients(arrays, gradients.images)


def add_to_store(store, *, stages=((2, 16),), task="digits", criteria=("class_l2", "taylor")):
    """Score folders of one task: a ranking by each of `criteria`, and gradients of adapters.

    Gives the ids, that of the gradients first.
    """
    same = {"task": task, "backbone": "ict_tiny", "weights": "sha256:00", "split": "train800"}
    same |= {"images": 60, "site": "attn", "tokens": "patch"}
    ids = []
    for place, criterion in enumerate(("adapter_gradient", *criteria)):
        generator = np.random.default_rng(place)
        arrays = {
            f"attn.{stage}": generator.lognormal(size=shape).astype(np.float32)
            for stage, shape in enumerate(stages)
        }
        score_id = f"{task}-ict_tiny-{criterion}-{place:06x}"
        meta = {"score_id": score_id, "criterion": criterion, **same}
        folder = store.score_dir(score_id)
        folder.mkdir(parents=True)
        (folder / "scores.safetensors").write_bytes(to_bytes(ChannelScores(arrays, meta)))
        (folder / "meta.json").write_text(json.dumps(meta))
        ids.append(score_id)
    gradients = drawn(stages, task=task, score_id=ids[0])
    gradients.save(store.score_dir(ids[0]) / "adapter_gradient.safetensors")
    return ids
