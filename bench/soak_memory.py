"""What the processes of a served app hold: memory and open descriptors, read from /proc.

Of memory the proportional share (PSS): what processes have in common counts once, and unlike the
resident set it does not grow because a file in the page cache happens to be mapped by one more process.
"""

import contextlib
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
_OF_CHROME = b"chrom"  # in the command line: chromium, chrome, and what starts it


@dataclass(frozen=True, kw_only=True)
class Held:
    """What some processes hold together."""

    processes: int
    pss_bytes: int
    private_bytes: int
    """Of no other process: what would be free without these."""
    rss_bytes: int
    descriptors: int
    kinds: Mapping[str, int]
    """Descriptors by what they are: socket, pipe, file, anon_inode:[eventpoll] …"""


def held(pids: list[int]) -> Held:
    """Of these processes; one that has gone holds nothing."""
    sums: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    alive = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            sums.update(memory((PROC / str(pid) / "smaps_rollup").read_text()))
            kinds.update(_descriptors(PROC / str(pid) / "fd"))
            alive += 1
    return Held(
        processes=alive, pss_bytes=sums["Pss"], rss_bytes=sums["Rss"],
        private_bytes=sums["Private_Clean"] + sums["Private_Dirty"],
        descriptors=kinds.total(), kinds=dict(kinds.most_common()),
    )  # fmt: skip


def memory(rollup: str) -> dict[str, int]:
    """Bytes by name of a `smaps_rollup`."""
    rows = (line.split() for line in rollup.splitlines()[1:])
    return {row[0].rstrip(":"): int(row[1]) * 1024 for row in rows if row[-1:] == ["kB"]}


def _descriptors(folder: Path) -> list[str]:
    found = []
    for one in folder.iterdir():
        with contextlib.suppress(OSError):  # closed meanwhile
            target = os.readlink(one)
            found.append("file" if target.startswith("/") else target.partition(":[")[0])
    return found


@dataclass(frozen=True)
class Tree:
    """A server's processes: its own, and those of the Chrome that draws its exports."""

    own: list[int]
    chrome: list[int]


def tree(root: int) -> Tree:
    """`root` and everything below it. What is below a Chrome is Chrome's."""
    children: dict[int, list[int]] = {}
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                stat = (folder / "stat").read_text().rpartition(")")[2].split()
                children.setdefault(int(stat[1]), []).append(int(folder.name))
    found = Tree([], [])
    ahead = [(root, False)]
    while ahead:
        pid, of_chrome = ahead.pop()
        of_chrome = of_chrome or (pid != root and _OF_CHROME in _command(pid))
        (found.chrome if of_chrome else found.own).append(pid)
        ahead += [(child, of_chrome) for child in children.get(pid, ())]
    return found


def _command(pid: int) -> bytes:
    try:
        return (PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return b""
