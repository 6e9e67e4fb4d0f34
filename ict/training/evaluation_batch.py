"""How many images an evaluation takes at once: on a GPU as many as a small share of its memory holds."""

import torch
from torch import nn

EVALUATION_BATCH = 64
"""Of each thread on a CPU, where larger ones are no faster; and at least, on a GPU."""
MOST = 1024
_SHARE = (
    16  # of a GPU's memory: other runs may share it, and this one's optimiser states are there too
)
_VALUES = 16  # alive at once for each token and channel: 4 of the MLP, 3 of q, k and v, the streams, copies
_OF_IMAGE = 4  # an image's bytes, its float32, what is made of them on the way
_FLOAT = 4  # bytes; half of it in bfloat16


def evaluation_batch(model: nn.Module, device: torch.device) -> int:
    """Images at once: 64 on a CPU; on a GPU a power of two from 64 to 1024.

    It follows from the model and the whole memory of the GPU, never from what is free now: another
    batch can give other last bits, and a run on one kind of GPU must always give the same.
    """
    if device.type != "cuda":
        return EVALUATION_BATCH
    per_image = image_bytes(model)
    if per_image is None:
        return EVALUATION_BATCH
    return fitting(torch.cuda.get_device_properties(device).total_memory, per_image)


def fitting(memory_bytes: int, per_image: int) -> int:
    """The largest power of two of images that takes a sixteenth of the memory at most, from 64 to 1024."""
    images = memory_bytes // (_SHARE * per_image)
    power = 1 << max(0, images.bit_length() - 1)
    return min(MOST, max(EVALUATION_BATCH, power))


def image_bytes(model: nn.Module) -> int | None:
    """What a forward pass holds for an image at its widest place; None for a model without patches.

    Tokens × channels behind the patch embedding: no later stage of a Swin has more.
    """
    embed = getattr(model, "patch_embed", None)
    tokens = getattr(embed, "num_patches", None)
    channels = getattr(getattr(embed, "proj", None), "out_channels", None)
    size = getattr(embed, "img_size", None)
    if not tokens or not channels or not size:
        return None
    height, width = size
    return int(_FLOAT * (_VALUES * tokens * channels + _OF_IMAGE * 3 * height * width))
