"""Made-up gradients of dense adapters."""

import numpy as np

from ict.adapter_gradients import AdapterGradients


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
