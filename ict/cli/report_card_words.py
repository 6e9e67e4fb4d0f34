"""A report card for people: an aligned table with its legend, Markdown, and CSV."""

import csv
import io
import textwrap
from collections.abc import Iterator

from ict.analysis.report_card import FILE_KIND, SELECTOR_KIND, CardRow, ReportCard
from ict.cli.common import table
from ict.criteria import named
from ict.documents.number_words import number_words

FORMATS = ("csv", "md")
_FACTS = ("task", "backbone", "weights", "site", "split", "images", "device")
_NONE = "–"
_WIDTH = 100
_INDENT = 10


def text(card: ReportCard) -> str:
    """The table, what its columns are, and what has to be said."""
    said = [_wrapped(word, words) for word, words in legend(card)]
    return "\n".join([title(card), "", table(cells(card)), "", *said])


def content(card: ReportCard, kind: str) -> bytes:
    """The file of a card: every column with what was measured on (csv), or the table to read (md)."""
    return (_csv(card) if kind == "csv" else _markdown(card)).encode()


def title(card: ReportCard) -> str:
    """Of what the card is."""
    sizes = ", ".join(f"{k} of {d}" for k, d in zip(card.k, card.channels, strict=True))
    each = f"each of {card.blocks} blocks" if len(card.k) == 1 else "the blocks of each stage"
    return (
        f"{card.task} on {card.backbone}, site {card.site}: K = {sizes} channels in {each}, {card.images} images of "
        f"{card.split}"
    )


def cells(card: ReportCard) -> list[dict[str, str]]:
    """One row each, as it is shown: per cent without decimals."""
    return [
        {
            "chosen by": _name(row),
            "regret, unit %": _ranged(
                row.regret_unit, row.regret_unit_lowest, row.regret_unit_highest
            ),
            "regret, sign %": _ranged(
                row.regret_sign, row.regret_sign_lowest, row.regret_sign_highest
            ),
            "fidelity": _NONE if row.fidelity is None else f"{row.fidelity:.2f}",
            "stable %": _both(row.stability_read, row.stability_write),
            "as l2 %": _both(row.l2_read, row.l2_write),
            "seconds": _NONE if row.seconds is None else f"{row.seconds:.1f}",
            "× class_l2": _NONE
            if row.seconds_over_class_l2 is None
            else f"{row.seconds_over_class_l2:.1f}",
        }
        for row in card.rows
    ]


def legend(card: ReportCard) -> Iterator[tuple[str, str]]:
    """What each column is, in its unit, and what has to be said."""
    chance = f"chance {number_words(100 * card.rows[0].chance, '.3g')} %"
    first, second = card.images_of_halves
    yield (
        "regret",
        "1 − held-out gain of a first step ÷ that of the best read and write sets found (range over halvings): 0 is "
        "as good, 100 gains nothing; for a step of length 1 (unit), and of one size in every weight (sign)",
    )
    if card.fidelity_spread is not None:
        yield (
            "fidelity",
            f"Spearman of a channel's score and the size of what replacing it does on {card.check_images} images of "
            f"{card.check_split}: {card.check_channels} channels a block, mean over blocks; 0 ± "
            f"{card.fidelity_spread:.2f} where ranks say nothing",
        )
    yield (
        "stable",
        f"share of K chosen on both halves of the images ({first} and {second}), scored apart; {chance}; "
        "read/write where these are two sets",
    )
    yield "as l2", f"share of K that plain l2 chooses too; {chance}"
    yield "seconds", "scoring both halves and choosing, in this process; over those of class_l2"
    yield from (("note", note) for note in card.notes)


def _name(row: CardRow) -> str:
    if row.kind == FILE_KIND:
        return f"{row.name} (your file)"
    return named(row.name) if row.kind == SELECTOR_KIND else row.name


def _wrapped(word: str, words: str) -> str:
    return textwrap.fill(
        f"{word:{_INDENT}}{words}", _WIDTH, subsequent_indent=" " * _INDENT, break_long_words=False
    )


def _ranged(value: float | None, lowest: float | None, highest: float | None) -> str:
    """`53 (40–66)`."""
    middle = _percent(value)
    same = lowest is None or highest is None or _percent(lowest) == _percent(highest)
    return middle if same else f"{middle} ({_percent(lowest)}–{_percent(highest)})"


def _percent(value: float | None) -> str:
    return _NONE if value is None else f"{round(100 * value)}"  # never -0


def _both(read: float | None, write: float | None) -> str:
    one, other = _percent(read), _percent(write)
    return one if one == other else f"{one}/{other}"


def _markdown(card: ReportCard) -> str:
    rows = cells(card)
    names = list(rows[0])
    lines = [f"| {' | '.join(names)} |", "|---|" + "---:|" * (len(names) - 1)]
    lines += [f"| {' | '.join(row.values())} |" for row in rows]
    said = [f"- **{word}**: {words}" for word, words in legend(card)]
    return "\n".join([title(card), "", *lines, "", *said, ""])


def _csv(card: ReportCard) -> str:
    facts = {name: getattr(card, name) for name in _FACTS}
    facts["k"] = " ".join(map(str, card.k))
    facts["channels"] = " ".join(map(str, card.channels))
    rows = [facts | row.to_dict() for row in card.rows]
    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()
