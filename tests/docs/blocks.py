"""The code of the documentation: its blocks, what is said about each, and the commands in its text.

A comment in the line above a block says how it is treated:

    <!-- long: NAME -->              takes minutes; what it printed is docs/output/NAME.txt
    <!-- output: NAME -->            the same of one that tests run
    <!-- long: NAME; tests: epochs = 1, limit = 40 -->   tests run it with these fields in [base] of its studies
    <!-- elsewhere: REASON -->       cannot run here; its commands are parsed
    <!-- needs: chrome -->           runs where that is installed
    <!-- vtab -->                    runs with $ICT_VTAB_ROOT set to 19 small folders

A block with title="NAME", or below a line such as "`NAME`:", is a file.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TEXTS = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "assets" / "backbones" / "MODEL_CARD.md"]
_FENCE = re.compile(r"```(\w*)(.*)")
_MARK = re.compile(r"<!-- (.*) -->")
_TITLE = re.compile(r'title="([^"]+)"')
_NAMED = re.compile(r"`([\w.-]+\.(?:py|toml|sh))`[^`]*:")
_COMMAND = re.compile(r"(?:^|[|&;(]|\s)((?:ict) [^|;&)>]*)")


@dataclass(frozen=True)
class Block:
    """One fenced block; `line` counts from 1."""

    page: Path
    line: int
    language: str
    text: str
    file: str | None = None
    marks: dict[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks_of(page: Path) -> list[Block]:
    """All fenced blocks of a page, in order."""
    lines = page.read_text(encoding="utf-8").splitlines()
    found: list[Block] = []
    start: int | None = None
    for number, line in enumerate(lines):
        if line.startswith("```") and start is None:
            start = number
        elif line.startswith("```") and start is not None:
            found.append(_block(page, lines, start, number))
            start = None
    assert start is None, f"{page}: a block has no end"
    return found


def _block(page: Path, lines: list[str], start: int, end: int) -> Block:
    fence = _FENCE.fullmatch(lines[start])
    assert fence is not None, f"{page}:{start + 1}"
    above = next((line for line in reversed(lines[:start]) if line.strip()), "")
    mark, title, named = _MARK.fullmatch(above), _TITLE.search(fence[2]), _NAMED.match(above)
    file = title[1] if title else named[1] if named else None
    text = "\n".join(lines[start + 1 : end]) + "\n"
    return Block(page, start + 1, fence[1], text, file, _marks(mark[1] if mark else ""))


def _marks(words: str) -> dict[str, str]:
    """`long: NAME; tests: …` → {"long": "NAME", "tests": "…"}."""
    parts = (part.partition(":") for part in words.split(";") if part.strip())
    return {name.strip(): value.strip() for name, _, value in parts}


def commands(text: str) -> Iterator[list[str]]:
    """The words of every `ict …` in lines of a shell, comments left out."""
    for line in text.replace("\\\n", " ").splitlines():
        plain = re.sub(r"(^|\s)#.*", "", line)
        for match in _COMMAND.finditer(plain):
            try:
                yield shlex.split(match[1])
            except ValueError:  # a quote that another command closes
                continue


def typed(page: Path) -> Iterator[tuple[str, list[str], bool]]:
    """Place, words, and whether it is whole: every `ict …` of blocks, indented lines and the text."""
    text = page.read_text(encoding="utf-8")
    for block in blocks_of(page):
        if block.language in ("bash", "sh", ""):
            for words in commands(block.text):
                yield block.place, words, block.language == "bash"
    outside = re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)
    for match in re.finditer(r"^ {4}.*?(ict .*)$", outside, flags=re.M):
        if not re.match(r" {4}python", match[0]):
            for words in commands(match[1]):
                yield page.name, words, False
    for match in re.finditer(r"`([^`]*)`", outside):
        for words in commands(" ".join(match[1].split())):
            yield page.name, words, False
