"""The command lines that buttons start, as words behind `ict`. Nothing here knows streamlit.

What is at the command's own default is not named, so that a line is as short as a person writes it.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from ict.analysis.made_of_words import score_command
from ict.analysis.sources import RESAMPLED
from ict.catalogue import BUNDLED, RATIO, SITE
from ict.criteria import ADAPTER_GRADIENT, CRITERION
from ict.documents.score_record import ScoreRecord

Words = tuple[str, ...]
PLACEHOLDERS = {
    "FILE": "write where the file of weights lies in place of FILE",
    "OTHER_TASK": "write the name of another task in place of OTHER_TASK",
}
_DEFAULTS: dict[str, Any] = {
    "--backbone": BUNDLED, "--criterion": CRITERION, "--site": SITE, "--replacement": "mean",
    "--random-draws": 5, "--scatter": 8, "--ratio": RATIO,
}  # fmt: skip


def line(*beginning: str, **options: Any) -> Words:
    """`beginning` and then the options that are not at their default: a list is named value by value."""
    words = list(beginning)
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        if value is True:
            words.append(flag)
        elif isinstance(value, (list, tuple)):
            words += [] if list(value) == [_DEFAULTS.get(flag)] else _each(flag, value)
        elif value is not None and value is not False and value != _DEFAULTS.get(flag):
            words += [flag, str(value)]
    return tuple(words)


def _each(flag: str, values: Iterable[Any]) -> list[str]:
    return [word for value in values for word in (flag, str(value))]


def open_places(words: Sequence[str]) -> str | None:
    """What a person has to fill in before the line can be started; None where nothing is open."""
    return next((said for word, said in PLACEHOLDERS.items() if word in words), None)


def scored_with_sums(record: ScoreRecord, site: str) -> Words:
    """Scores as `record` is of, with the sums of each image."""
    return (*score_command(record, site)[1:], "--keep-images")


def behind_scores(command: str, record: ScoreRecord, site: str) -> Words | None:
    """`ict energy` or `ict stability` of the scores of `record`; None where these cannot be recomputed."""
    if record.criterion not in RESAMPLED or record.said.get("shots"):
        return None
    words = score_command(record, site)[1:]
    options = words[2:]
    if record.backbone == BUNDLED and "--backbone" not in options:
        options = ["--backbone", BUNDLED, *options]
    if "--split" not in options:
        options += ["--split", str(record.split)]
    return (command, str(record.task), *options)


def gradients(like: ScoreRecord | None) -> Words:
    """Gradients of adapters for the task and backbone of these scores; of digits where there are none."""
    if like is None:
        return ("score", "digits", "--criterion", ADAPTER_GRADIENT)
    weights = "none" if like.is_random else None
    return line(
        "score", str(like.task), backbone=like.backbone, criterion=ADAPTER_GRADIENT, weights=weights
    )


def inspected(record: ScoreRecord, site: str) -> Words:
    """`ict inspect` of the task, weights and number of images that `record` is of."""
    said, weights = record.said, "none" if record.is_random else None
    begun = ("inspect", str(record.task), "--backbone", str(record.backbone))
    return line(
        *begun, site=site, weights=weights, limit=said.get("limit"), shots=said.get("shots")
    )
