"""What is said of the table of `made_of`: where something generic dominates, and what it lacks.

No threshold is a test: each says from where on a sentence is due, and the number stands in it.
"""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ict.analysis.made_of import MadeOf, MadeOfRow
from ict.analysis.sources import RESAMPLED
from ict.catalogue import BUNDLED, SITE, known
from ict.criteria import CRITERION, REGISTRY, choice
from ict.documents.score_record import ScoreRecord

STAYS = 0.9
"""Of the K: so much stays without the classes, or with other tokens, where these decide next to nothing."""
SHARED = 0.75
"""Of the K: so much is what other tasks choose too where the task itself decides the smaller part."""
JUDGED = 0.5
"""K/D up to which counts are judged: above it chance alone keeps more than half of the K."""
TOP = 0.25
"""Of the energy: with hundreds of channels an even share is below 1 %."""
OFFSET = 0.5
"""Of the energy of the K: the larger part is no signal that images, or tokens, differ in."""
ALL_IMAGES = "train800val200"  # what `ict score` scores where no split is named


@dataclass(frozen=True, kw_only=True)
class Lack:
    """Columns that the store cannot fill, and the command that changes that."""

    columns: str
    command: str


def warnings(made: MadeOf) -> list[str]:
    """One sentence for each thing that dominates, with the blocks in which it does; none, no warning."""
    rows, tasks = made.rows, listed(made.tasks)
    stays, shared = f"{100 * STAYS:.0f} %", f"{100 * SHARED:.0f} %"
    found = (
        (_where(rows, _share(lambda row: row.shuffled), STAYS),
         f"at least {stays} of the choice stays when the class labels are shuffled: the choice says little "
         "about the classes"),
        (_where(rows, _share(lambda row: row.l2), STAYS),
         f"at least {stays} of the choice is that of plain l2, the norm over all images: what the criterion "
         "adds to it changes little"),
        (_where(rows, _share(lambda row: row.others), SHARED),
         f"at least {shared} of the choice is what other tasks choose on average ({tasks}): the choice "
         "says little about this task"),
        (_where(rows, _share(lambda row: row.cls), STAYS),
         f"at least {stays} of the choice is that from class tokens: which tokens are read changes little"),
    )  # fmt: skip
    sentences = [f"{where} {words}." for where, words in found if where]
    return sentences + _of_top(rows) + _of_offset(rows)


def same_images_words(made: MadeOf) -> str:
    """A sentence on other tasks that are not other images; nothing where there are none."""
    if not made.same_images:
        return ""
    words = "has" if len(made.same_images) == 1 else "have"
    return f"{listed(made.same_images)} {words} the images of {made.record.task}: more is shared than with others."


def _share(count: Callable[[MadeOfRow], float | None]) -> Callable[[MadeOfRow], float | None]:
    """The count over K; None where there is none, or where chance keeps too many to judge it."""

    def share(row: MadeOfRow) -> float | None:
        value = count(row)
        return None if value is None or row.k > JUDGED * row.channels else value / row.k

    return share


def _of_top(rows: Sequence[MadeOfRow]) -> list[str]:
    high = [row for row in rows if (row.top_share or 0) >= TOP]
    if len(high) == 1:
        row = high[0]
        share = f"{100 * (row.top_share or 0):.0f} %"
        return [
            f"In block {row.block} one channel ({row.top_channel}) holds {share} of the energy."
        ]
    where = _where(rows, lambda row: row.top_share, TOP)
    most = max((row.top_share or 0 for row in high), default=0)
    least = f"at least {100 * TOP:.0f} % of the energy"
    return [f"{where} one channel holds {least}, up to {100 * most:.0f} %."] if where else []


def _of_offset(rows: Sequence[MadeOfRow]) -> list[str]:
    where = _where(rows, lambda row: row.offset_share, OFFSET)
    most = max((row.offset_share or 0 for row in rows), default=0)
    words = f"most of the chosen energy is a constant offset, up to {100 * most:.0f} %"
    return [f"{where} {words}: it is the same for all images and tokens."] if where else []


def _where(
    rows: Sequence[MadeOfRow], value: Callable[[MadeOfRow], float | None], least: float
) -> str:
    """The blocks in which `value` is `least` or more, in words; nothing where there is none."""
    blocks = [row.block for row in rows if (value(row) or 0) >= least - 1e-9]
    if not blocks:
        return ""
    if len(blocks) == len(rows):
        return f"In all {len(rows)} blocks" if len(rows) > 1 else "In the only block"
    if len(blocks) <= 3:
        return f"In block{'s' if len(blocks) > 1 else ''} {listed(blocks)}"
    return f"In {len(blocks)} of {len(rows)} blocks"


def listed(values: Sequence[object]) -> str:
    """`1`, `1 and 2`, `1, 2 and 3`."""
    words = [str(value) for value in values]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def lacking(made: MadeOf, *, site: str) -> list[Lack]:
    """What the store cannot tell of this choice though another score file would."""
    record, rows = made.record, made.rows
    if record.task is None or choice(record.criterion).criterion is None:
        return []
    lacks = []
    if record.criterion in RESAMPLED and any(row.offset_share is None for row in rows):
        columns = "constant offset"
        if record.criterion == CRITERION and made.shuffles is None:
            columns = "shuffled class labels; constant offset"
        lacks.append((columns, [*score_command(record, site), "--keep-images"]))
    if not made.tasks:
        lacks.append(("other tasks", score_command(record, site, task="OTHER_TASK")))
    if made.beside.cls is None and record.tokens != "cls" and _has_class_token(record):
        lacks.append(("class tokens", score_command(record, site, tokens="cls")))
    return [Lack(columns=columns, command=shlex.join(command)) for columns, command in lacks]


def _has_class_token(record: ScoreRecord) -> bool:
    """False only for a backbone of the catalogue whose blocks read nothing but patches."""
    return all(one.prefix_tokens > 0 for one in known() if one.name == record.backbone)


def score_command(
    record: ScoreRecord, site: str, *, task: str | None = None, tokens: str | None = None
) -> list[str]:
    """The words of `ict score` that score `task` (its own by default) as `record` was scored.

    A file of weights is named FILE: only what is in it is known, not where it lies.
    """
    said, criterion = record.said, str(record.criterion)
    options = [
        ("--backbone", record.backbone, None),
        ("--weights", _weights(record), None),
        ("--criterion", criterion, CRITERION),
        ("--site", site, SITE),
        ("--tokens", tokens or record.tokens, _own_tokens(criterion)),
        ("--split", record.split, ALL_IMAGES),
        ("--limit", said.get("limit"), None),
        ("--shots", said.get("shots"), None),
        ("--shot-seed", said.get("shot_seed"), 0),
        ("--image-size", record.image_size, None),
        ("--pixel-normalisation", record.pixel_normalisation, "native"),
    ]
    words = ["ict", "score", task or str(record.task)]
    for name, value, default in options:
        words += [] if value in (None, default) else [name, str(value)]
    for name, value in (said.get("options") or {}).items():
        words += ["--option", f"{name}={value}"]
    return words


def _own_tokens(criterion: str) -> str | None:
    """Those that need not be named; None for a criterion of another package, which may not be here."""
    name = choice(criterion).criterion
    return REGISTRY[name].default_tokens if name in REGISTRY else None


def _weights(record: ScoreRecord) -> str | None:
    if record.is_random:
        return "none"
    own = str(record.weights).startswith("sha256:") and record.backbone != BUNDLED
    return "FILE" if own else None
