"""Which runs share one random choice of channels: their spread holds no spread of draws."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ict.analysis.groups import SETTINGS, Seed, draw_of, key, seed_of
from ict.store.run_rows import RunRow, as_rows


@dataclass(frozen=True, kw_only=True)
class SharedDraw:
    """A random choice of channels on which runs of several training seeds stand."""

    draw: int
    """Their selection_seed."""
    seeds: tuple[Seed, ...]


def shared_draws(rows: Iterable[RunRow]) -> list[SharedDraw]:
    """The draws that runs of one setting and different seeds share, each once.

    A draw of its own in every seed (`draws` in a study) shares none.
    """
    sharing: dict[tuple[tuple[str, ...], int], dict[Seed, None]] = defaultdict(dict)
    for row in as_rows(rows):
        draw = draw_of(row)
        if draw is not None:
            sharing[key(row, SETTINGS), draw][seed_of(row)] = None
    merged: dict[int, dict[Seed, None]] = defaultdict(dict)
    for (_, draw), seeds in sharing.items():
        if len(seeds) > 1:
            merged[draw] |= seeds
    return [SharedDraw(draw=draw, seeds=tuple(seeds)) for draw, seeds in merged.items()]


def shared_draw_words(rows: Iterable[RunRow]) -> str:
    """One sentence for captions and plans; empty where no draw is shared."""
    shared = shared_draws(rows)
    if not shared:
        return ""
    crossed = len(shared) > 1
    draws = _listed([one.draw for one in shared])
    seeds = _listed(sorted({seed for one in shared for seed in one.seeds}, key=str))
    what = (
        f"draws {draws} (selection_seed) are"
        if crossed
        else f"one draw (selection_seed {draws}) is"
    )
    sharers = (
        "draws and seeds are crossed, and n counts seeds"
        if crossed
        else "their interval holds no spread of draws"
    )
    return f"Random channels: {what} shared by seeds {seeds}: {sharers}."


def _listed(values: Sequence[Any]) -> str:
    if len(values) > 8:
        return f"{values[0]} to {values[-1]} ({len(values)})"
    return ", ".join(map(str, values))
