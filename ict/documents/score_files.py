"""What a score file may hold: names, types and shapes of its tensors, and its meta."""

import re
from typing import Any

from ict.documents.shapes import (
    Check,
    fields,
    flag,
    list_of,
    maybe,
    number,
    shown,
    table,
    table_of,
    text,
    whole,
)
from ict.documents.tensor_files import check_floats, check_shape, header, shapes
from ict.errors import InputError

_NAME = re.compile(r"[a-z_]+\.\d{1,2}(\.|$)")  # site.stage, with a kind behind it


def check(file: Any) -> dict[str, Any]:
    """The meta of an open score file; raises InputError unless names, types and shapes are those of one.

    Reads the header alone.
    """
    by_name = shapes(file)
    names = sorted(name for name in by_name if name != "labels")
    if not names or not all(_NAME.match(name) for name in names):
        held = ", ".join(map(shown, names[:3])) or "nothing"
        raise InputError(f"not a score file; it holds {held}")
    images = check_shape(by_name, "labels", (None,))[0] if "labels" in by_name else None
    for name in names:
        site, stage, kind = (*name.split(".", 2), "")[:3]
        first = check_shape(by_name, f"{site}.0", (None, None))
        blocks, width = check_shape(by_name, f"{site}.{stage}", (None, None))
        check_floats(file, name)
        if not (blocks and width and first):
            raise InputError(f"{name} holds no channel")
        if kind == "per_class":
            check_shape(by_name, name, (blocks, None, width))
        elif kind in ("write", "read"):
            check_shape(by_name, name, (blocks, width))
        elif kind in ("per_image", "token_mean"):
            check_shape(by_name, name, (images, blocks, width))
    meta = header(file)
    META(meta, "")
    return meta


def _tokens(value: Any, name: str) -> None:
    (list_of(whole()) if isinstance(value, list) else whole())(value, name)


_TEXTS = (
    "task", "criterion", "backbone", "weights", "data", "split", "tokens", "site", "score_id",
    "pixel_normalisation", "precision", "device", "statistic", "limit_rule",
)  # fmt: skip
META: Check = fields(
    {},
    {
        **dict.fromkeys(_TEXTS, text),
        **dict.fromkeys(
            (
                "images",
                "classes",
                "limit",
                "seed",
                "image_size",
                "shots",
                "shot_seed",
                "peak_memory_bytes",
            ),
            whole(),
        ),
        "sites": list_of(text),
        "images_per_class": list_of(whole()),
        "class_names": list_of(text),
        "stages": list_of(list_of(whole(), length=2)),
        "options": table,
        "versions": table_of(maybe(text)),
        "tokens_per_image": _tokens,
        "keep_images": flag,
        "seconds": number,
    },
)
