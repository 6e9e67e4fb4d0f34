"""Which channels to read and which to write, given what each pair of them is worth. NumPy only.

An adapter that reads R and writes S is worth the sum of its own terms,

    value(R, S) = Σ_{s ∈ S} (b_s + Σ_{r ∈ R} A[s, r]),

A and b not negative. The best S for a given R, and the best R for a given S, are exact: the K highest
sums. Both at once, or one set for both, is a quadratic problem without a fast exact solution (the
densest subgraph of K vertices is one of its kind), so these are searched from several starts until no
exchange helps, and held against an upper bound. Nothing here is drawn: the same terms give the same sets.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ict.scores import ranked
from ict.selection.sizes import check_k

_STARTS = 12
"""Single channels that a search starts from, besides its other starts."""
_NEAR = 12
"""Channels on each side of the K-th place that are exchanged in pairs with all writes chosen anew."""
_FINALISTS = 4
"""Of what the starts lead to, the best, on which exchanges in pairs are tried."""
_SMALLEST = 1e-12
"""A gain below this share of the value is rounding."""

Sets = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Terms:
    """A (D, D) of pairs, row: written, column: read, and b (D,) of writing; float64, none negative."""

    pairs: np.ndarray
    bias: np.ndarray

    @property
    def width(self) -> int:
        return len(self.bias)

    def value(self, reads: Sequence[int] | np.ndarray, writes: Sequence[int] | np.ndarray) -> float:
        """Σ over `writes` of b, and over all pairs of A."""
        rows, columns = np.asarray(writes), np.asarray(reads)
        return float(self.bias[rows].sum() + self.pairs[np.ix_(rows, columns)].sum())


def writes_for(terms: Terms, reads: Sequence[int] | np.ndarray, k: int) -> np.ndarray:
    """The K channels, ascending, that are best to write where `reads` are read; exact."""
    check_k(k, terms.width)
    return _highest(terms.bias + terms.pairs[:, np.asarray(reads)].sum(axis=1), k)


def same_set(terms: Terms, k: int) -> np.ndarray:
    """K channels, ascending, to read and write alike.

    No exchange of one channel is better; among starts the best, and of equal ones the lower channels.
    """
    check_k(k, terms.width)
    own = terms.bias + np.diagonal(terms.pairs)
    between = terms.pairs + terms.pairs.T
    np.fill_diagonal(between, 0)
    starts = {tuple(start.tolist()): start for start in _same_starts(own, between, k)}
    found = (_exchanged(start, own, between) for start in starts.values())
    return _best((terms.value(one, one), (one, one)) for one in found)[0]


def _same_starts(own: np.ndarray, between: np.ndarray, k: int) -> Iterator[np.ndarray]:
    """Sets to begin with: the best channels alone and with all others, and grown around single ones."""
    with_all = own + between.sum(axis=1)
    yield _highest(own, k)
    yield _highest(with_all, k)
    yield _shrunk(own, between, k)
    yield _grown(own, between, k)
    for seed in ranked(with_all)[:_STARTS]:
        beside = own + between[seed]
        beside[seed] = np.inf
        yield _highest(beside, k)


def _grown(own: np.ndarray, between: np.ndarray, k: int) -> np.ndarray:
    """Greedy: the channel that adds most, one after the other."""
    gain = own.copy()
    chosen = []
    for _ in range(k):
        best = int(gain.argmax())
        chosen.append(best)
        gain += between[best]
        gain[chosen] = -np.inf
    return np.sort(chosen)


def _shrunk(own: np.ndarray, between: np.ndarray, k: int) -> np.ndarray:
    """Greedy from the other side: the channel that takes least with it leaves, the higher of equal ones."""
    width = len(own)
    loss = own + between.sum(axis=1)
    left = np.ones(width, dtype=bool)
    for _ in range(width - k):
        worst = width - 1 - int(loss[::-1].argmin())
        left[worst] = False
        loss -= between[worst]
        loss[worst] = np.inf
    return np.flatnonzero(left)


def _exchanged(start: np.ndarray, own: np.ndarray, between: np.ndarray) -> np.ndarray:
    """The set after the best exchanges of one channel, until none gains; `between` has no diagonal."""
    chosen = np.zeros(len(own), dtype=bool)
    chosen[start] = True
    worth = own + between[:, start].sum(axis=1)  # (D,) what each channel has with the chosen ones
    least = _SMALLEST * worth[start].sum()
    while True:
        # no gain is above worth[enters] − worth[leaves], so few channels can be exchanged
        highest = worth[~chosen].max(initial=-np.inf)
        ins = np.flatnonzero(chosen & (worth < highest))
        outs = np.flatnonzero(~chosen & (worth > worth[chosen].min()))
        gains = worth[outs] - worth[ins, None] - between[np.ix_(ins, outs)]
        place = int(gains.argmax()) if gains.size else -1
        if place < 0 or gains.flat[place] <= least:
            return np.flatnonzero(chosen)
        leaves, enters = ins[place // len(outs)], outs[place % len(outs)]
        chosen[leaves], chosen[enters] = False, True
        worth += between[enters] - between[leaves]


def read_write(terms: Terms, k: int) -> Sets:
    """K channels to read and K to write, each ascending, as (R, S).

    Each is the best for the other, and no exchange of a read channel near the K-th place is better with
    the writes chosen anew. Of equal ones the lower channels.
    """
    check_k(k, terms.width)
    settled = (_alternated(terms, reads, k) for reads in _read_starts(terms, k))
    distinct = {tuple(sets[0].tolist()): (value, sets) for value, sets in settled}
    finalists = sorted(distinct.values(), key=lambda one: -one[0])[:_FINALISTS]
    return _best(_improved(terms, value, sets, k) for value, sets in finalists)


def _read_starts(terms: Terms, k: int) -> Iterator[np.ndarray]:
    """Read sets to begin with: of all channels, of the best ones to write, of single ones, one set for both."""
    yield _highest(terms.pairs.sum(axis=0), k)
    rows = terms.bias + terms.pairs.sum(axis=1)
    yield _highest(terms.pairs[_highest(rows, k)].sum(axis=0), k)
    for row in ranked(rows)[:_STARTS]:
        yield _highest(terms.pairs[row], k)
    yield same_set(terms, k)


def _improved(terms: Terms, value: float, sets: Sets, k: int) -> tuple[float, Sets]:
    """Value and sets after exchanges of a read with the writes chosen anew, until none gains."""
    while (other := _exchanged_read(terms, sets, k)) is not None:
        new, found = _alternated(terms, other, k)
        if new <= value * (1 + _SMALLEST):
            break
        value, sets = new, found
    return value, sets


def _alternated(terms: Terms, reads: np.ndarray, k: int) -> tuple[float, Sets]:
    """Writes for the reads, reads for the writes, until the value stays."""
    value = -1.0
    while True:
        writes = writes_for(terms, reads, k)
        columns = terms.pairs[writes].sum(axis=0)
        reads = _highest(columns, k)
        new = float(columns[reads].sum() + terms.bias[writes].sum())
        if new <= value * (1 + _SMALLEST):
            return new, (reads, writes)
        value = new


def _exchanged_read(terms: Terms, sets: Sets, k: int) -> np.ndarray | None:
    """Reads after the best exchange of one near the K-th place; None where there is none to exchange."""
    reads, writes = sets
    order = ranked(terms.pairs[writes].sum(axis=0))
    ins, outs = order[max(k - _NEAR, 0) : k], order[k : k + _NEAR]
    if not len(outs):
        return None
    rows = terms.bias + terms.pairs[:, reads].sum(axis=1)
    entering, leaving = terms.pairs[:, None, outs], terms.pairs[:, ins, None]
    changed = rows[:, None, None] - leaving + entering  # (D, leaves, enters)
    values = np.partition(changed, len(rows) - k, axis=0)[len(rows) - k :].sum(axis=0)
    leaves, enters = np.unravel_index(int(values.argmax()), values.shape)
    return np.sort([*reads[reads != ins[leaves]], outs[enters]])


def bound_read_write(terms: Terms, reads: int, writes: int) -> float:
    """No sets of so many channels are worth more: each row, or column, with its own best others."""
    rows = terms.bias + _largest(terms.pairs, reads, axis=1)
    columns = _largest(terms.pairs, writes, axis=0)
    by_row = _largest(rows, writes, axis=0)
    by_column = _largest(columns, reads, axis=0) + _largest(terms.bias, writes, axis=0)
    return float(min(by_row, by_column))


def bound_same(terms: Terms, k: int) -> float:
    """No set of K channels, read and written alike, is worth more. Each has its own pair, and K − 1 others."""
    others = terms.pairs.copy()
    np.fill_diagonal(others, 0)
    own = terms.bias + np.diagonal(terms.pairs)
    each = (
        _largest(others, k - 1, axis=1),
        _largest(others, k - 1, axis=0),
        _largest(others + others.T, k - 1, axis=1) / 2,
    )
    bounds = [float(_largest(own + one, k, axis=0)) for one in each]
    return min(*bounds, bound_read_write(terms, k, k))


def _highest(values: np.ndarray, k: int) -> np.ndarray:
    """Indices of the K highest, ascending; a tie goes to the lower index."""
    return np.sort(ranked(values)[:k])


def _largest(values: np.ndarray, k: int, *, axis: int) -> np.ndarray:
    """The sum of the K largest along `axis`; 0 ≤ K ≤ its length."""
    width = values.shape[axis]
    parts = np.partition(values, min(width - k, width - 1), axis=axis)
    return np.asarray(np.take(parts, range(width - k, width), axis=axis).sum(axis=axis))


def _best(found: Iterable[tuple[float, Sets]]) -> Sets:
    """The sets of the highest value; of equal ones, up to rounding, those of lower channels."""
    listed = list(found)
    highest = max(value for value, _ in listed)
    equal = [sets for value, sets in listed if value >= highest * (1 - _SMALLEST)]
    return min(equal, key=lambda sets: [one.tolist() for one in sets])
