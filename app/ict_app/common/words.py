"""Numbers and names as people read them. Nothing here knows streamlit."""

import math
import re
from collections.abc import Mapping
from typing import TypeGuard

from ict.documents.number_words import byte_words, number_words

NOTHING = "–"
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>$~:&^=@])")


def plain(text: object) -> str:
    """Text from a disk, so that markdown shows it and does not interpret it."""
    return _SPECIAL.sub(r"\\\1", " ".join(str(text).split()))


def sentence(error: Exception) -> str:
    """What an error says, with one stop at its end."""
    return f"{str(error).rstrip('.')}."


def percent(fraction: float | None, digits: int = 1) -> str:
    return f"{100 * float(fraction):.{digits}f} %" if _is_number(fraction) else NOTHING


def count(number: float | None) -> str:
    return f"{int(number):,}" if _is_number(number) else NOTHING


def share(part: float | None, whole: float | None) -> str:
    """A part of a whole in percent, with two digits that count, or whole percents from 10 on."""
    if not _is_number(part) or not _is_number(whole) or not whole:
        return NOTHING
    value = 100 * part / whole
    return f"{value:.0f} %" if value >= 10 else f"{number_words(value, '.2g')} %"


def duration(seconds: float | None) -> str:
    """`42 s`, `3 min 05 s`, `2 h 10 min`."""
    if not _is_number(seconds):
        return NOTHING
    whole = max(0, round(float(seconds)))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def size(number: float | None) -> str:
    """Bytes in the largest binary unit that leaves at least 1."""
    if not _is_number(number):
        return NOTHING
    return byte_words(number)


def value(of: object) -> str:
    """A field of a configuration or a result as people write it: `class_l2`, `24, 48`, `true`, −0.5."""
    if isinstance(of, bool) or of is None:
        return {True: "true", False: "false", None: NOTHING}[of]
    if isinstance(of, (list, tuple)):
        return ", ".join(map(value, of)) or NOTHING
    if isinstance(of, Mapping):
        return ", ".join(f"{name} {value(one)}" for name, one in of.items()) or NOTHING
    return number_words(of, ".6g") if isinstance(of, float) else str(of).replace("\n", " ")


def runs(number: int) -> str:
    return "1 run" if number == 1 else f"{number:,} runs"


def short_label(task: object, method: object, k: object = None) -> str:
    """What a run is, in the few words of a browser's tab: task, method, K."""
    size = f" k={'/'.join(map(str, k)) if isinstance(k, list | tuple) else k}" if k else ""
    return f"{task} · {method}{size}"


def starts(times: int, epoch: int | None) -> str | None:
    """That a run was ended and brought back, and where it went on; None where it started once."""
    if times < 2:
        return None
    if epoch is None:
        return f"Started {times} times."
    where = f"resumed at epoch {epoch}" if epoch else "begun anew"
    return f"Started {times} times, last {where}."


def unlike_images(images: Mapping[str, int | None]) -> str | None:
    """What to think of when scores of different numbers of images stand beside each other, by task."""
    known = {task: number for task, number in images.items() if number is not None}
    if len(set(known.values())) < 2:
        return None
    named = ", ".join(f"{number:,} of {plain(task)}" for task, number in known.items())
    return (
        f"The scores are of different numbers of images ({named}): norms grow with that number, and "
        "ranks from few images are noisier."
    )


def _is_number(number: float | None) -> TypeGuard[float]:
    return number is not None and not (isinstance(number, float) and not math.isfinite(number))
