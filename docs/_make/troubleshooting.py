"""The table of all error sentences with what to do, for the page Troubleshooting.

`python -m docs._make.troubleshooting` prints it; the hook of the site puts it in the page's place for it, so
that it is never older than the code.
"""

import re
import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from docs._make.sentences import Sentence, sentences

PLACE = "<!-- every sentence -->"
_VERBS = (
    "add allow ask attach be begin bring check choose close compare convert copy count cut delete detach do draw "
    "drop export fetch fill free get give install keep leave let link load look lower make mend move name narrow "
    "number open pass pick point press put raise read remove rename repeat resume run save say scale score "
    "see select send set split start take tell train try turn type unset update use wait write"
).split()
_ASKS = re.compile(
    rf"(?:[;:,(–.]|\b(?:or|and|first|then|again|to))\s+`?(?:{'|'.join(_VERBS)})\b|ict \w|\s--\w",
    re.I,
)
_FIRST = re.compile(rf"(?:{'|'.join(_VERBS)})\b", re.I)
ROOMS = {
    "ict/cli": "The command line",
    "ict/tasks": "Data sets",
    "ict/config": "Fields of a run", "ict/resolve": "Fields of a run", "ict/recipes": "Fields of a run",
    "ict/catalogue": "Backbones and weights", "ict/model": "Backbones and weights",
    "ict/weights": "Backbones and weights",
    "ict/criteria": "Criteria and scores", "ict/scoring": "Criteria and scores", "ict/scores": "Criteria and scores",
    "ict/selection": "Criteria and scores", "ict/adapter": "Criteria and scores",
    "ict/training": "Training and methods", "ict/methods": "Training and methods",
    "ict/running": "Running, devices, Slurm", "ict/machine": "Running, devices, Slurm",
    "ict/store": "The store and studies", "ict/files": "The store and studies", "ict/plain": "The store and studies",
    "ict/documents": "Files", "ict/data": "Data sets", "ict/errors": "The command line",
    "ict/analysis": "Comparisons and overlaps",
    "ict/figures": "Figures and reports", "ict/notebook": "In a notebook",
    "app": "The app", "pages": "The app",
}  # fmt: skip


def remedy(said: Sentence) -> str | None:
    """What to do: "" where the sentence says it itself, None where nobody does."""
    if _FIRST.match(said.text) or _ASKS.search(said.text):
        return ""
    for pattern, below, words in _written():
        if said.module.startswith(below) and pattern.search(said.text):
            return words
    return None


def without(all_of_them: Sequence[Sentence]) -> list[Sentence]:
    """The sentences that leave a reader alone."""
    return [said for said in all_of_them if remedy(said) is None]


@cache
def _written() -> tuple[tuple[re.Pattern[str], str, str], ...]:
    text = Path(__file__).with_name("remedies.toml").read_text(encoding="utf-8")
    rows = tomllib.loads(text)["remedy"]
    return tuple((re.compile(row["pattern"]), row.get("in", ""), row["do"]) for row in rows)


def room(module: str) -> str:
    """The heading under which a file's sentences stand."""
    return next((title for start, title in ROOMS.items() if module.startswith(start)), "Others")


def tables() -> str:
    """Every sentence, by room, as Markdown."""
    found: dict[str, dict[str, str]] = {title: {} for title in dict.fromkeys(ROOMS.values())}
    for said in sentences():
        found.setdefault(room(said.module), {})[said.text] = remedy(said) or ""
    parts = []
    for title, rows in found.items():
        if rows:
            lines = [
                f"| {_cell(text)} | {do or 'as it says'} |" for text, do in sorted(rows.items())
            ]
            parts.append(
                "\n".join([f"### {title}\n", "| sentence | what to do |", "|---|---|", *lines])
            )
    return "\n\n".join(parts)


def _cell(text: str) -> str:
    """Plain text in a table: what Markdown would read otherwise is escaped."""
    return re.sub(r"([\\`*_{}\[\]<>#|])", r"\\\1", text)


if __name__ == "__main__":
    print(tables())
