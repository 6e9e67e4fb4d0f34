"""What the adapter of a block is worth at every K, from sets that grow with K. NumPy only.

For K of its own in each block (`ict.selection.budget`) a choice is needed at every K from 1 to D, so these
are quick ones: the first K of a few orders of the channels, each one pass over the pairs. They are worth at
most what the search of `ict.selection.terms` finds, and mostly the same within a few percent.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from ict.scores import ranked
from ict.selection.terms import Terms


def same_set_curve(terms: Terms, worth: Terms) -> np.ndarray:
    """(D,): what the best of some sets of 1 to D channels, read and written alike, is worth.

    Sets are chosen by `terms` and counted in `worth`, of the same block in another norm or the same.
    """
    orders = _same_orders(terms)
    return _rising(np.max([_alike(worth, order) for order in orders], axis=0))


def read_write_curve(terms: Terms, worth: Terms) -> np.ndarray:
    """The same of K channels to read and K to write, with the best writes for each of the reads."""
    orders = _read_orders(terms)
    return _rising(np.max([_written(terms, worth, order) for order in orders], axis=0))


def reads_curve(terms: Terms, worth: Terms, reads: Sequence[int] | np.ndarray) -> np.ndarray:
    """The same where the first K of `reads`, all D channels in an order, are read; exact."""
    return _rising(_written(terms, worth, np.asarray(reads)))


def _alike(worth: Terms, order: np.ndarray) -> np.ndarray:
    """(D,): the first K of an order, read and written."""
    pairs = worth.pairs[np.ix_(order, order)].cumsum(axis=0).cumsum(axis=1)
    return np.asarray(worth.bias[order].cumsum() + np.diagonal(pairs))


def _written(terms: Terms, worth: Terms, reads: np.ndarray) -> np.ndarray:
    """(D,): the first K of `reads`, and the K channels that are best to write for them."""
    rows = terms.bias[:, None] + terms.pairs[:, reads].cumsum(axis=1)  # (D, K)
    best = np.argsort(-rows, axis=0, kind="stable")
    counted = worth.bias[:, None] + worth.pairs[:, reads].cumsum(axis=1)
    return np.diagonal(np.take_along_axis(counted, best, axis=0).cumsum(axis=0))


def _same_orders(terms: Terms) -> Iterator[np.ndarray]:
    """By their own pair, by all pairs, grown one by one, and shrunk one by one."""
    own = terms.bias + np.diagonal(terms.pairs)
    between = terms.pairs + terms.pairs.T
    np.fill_diagonal(between, 0)
    yield ranked(own)
    yield ranked(own + between.sum(axis=1))
    yield _grown(own, between)
    yield _shrunk(own, between)


def _read_orders(terms: Terms) -> Iterator[np.ndarray]:
    yield ranked(terms.pairs.sum(axis=0))
    yield _grown_reads(terms)
    yield _shrunk_reads(terms)
    yield from _same_orders(terms)


def _grown(own: np.ndarray, between: np.ndarray) -> np.ndarray:
    """Each time the channel that adds most to those before it."""
    gain, left = own.copy(), np.ones(len(own), dtype=bool)
    order = np.empty(len(own), dtype=int)
    for place in range(len(own)):
        best = int(np.where(left, gain, -np.inf).argmax())
        order[place], left[best] = best, False
        gain += between[best]
    return order


def _shrunk(own: np.ndarray, between: np.ndarray) -> np.ndarray:
    """Backwards: each time the channel that takes least with it leaves the others."""
    loss, left = own + between.sum(axis=1), np.ones(len(own), dtype=bool)
    order = np.empty(len(own), dtype=int)
    for place in reversed(range(len(own))):
        worst = int(np.where(left, loss, np.inf).argmin())
        order[place], left[worst] = worst, False
        loss -= between[worst]
    return order


def _grown_reads(terms: Terms) -> np.ndarray:
    """From the largest pair on: the best read for the writes so far, then the best write for the reads."""
    D = terms.width
    order = np.empty(D, dtype=int)
    unread, unwritten = np.ones(D, dtype=bool), np.ones(D, dtype=bool)
    rows, columns = terms.bias.copy(), np.zeros(D)
    read = int((terms.bias + terms.pairs.T).max(axis=1).argmax())
    for place in range(D):
        order[place], unread[read] = read, False
        rows += terms.pairs[:, read]
        write = int(np.where(unwritten, rows, -np.inf).argmax())
        unwritten[write] = False
        columns += terms.pairs[write]
        read = int(np.where(unread, columns, -np.inf).argmax())
    return order


def _shrunk_reads(terms: Terms) -> np.ndarray:
    """Backwards: the read that is worth least for the writes left, then the write for the reads left."""
    D = terms.width
    order = np.empty(D, dtype=int)
    unread, unwritten = np.zeros(D, dtype=bool), np.zeros(D, dtype=bool)
    rows, columns = terms.bias + terms.pairs.sum(axis=1), terms.pairs.sum(axis=0)
    for place in reversed(range(D)):
        read = int(np.where(unread, np.inf, columns).argmin())
        order[place], unread[read] = read, True
        rows -= terms.pairs[:, read]
        write = int(np.where(unwritten, np.inf, rows).argmin())
        unwritten[write] = True
        columns -= terms.pairs[write]
    return order


def _rising(values: np.ndarray) -> np.ndarray:
    """No K is worth less than a smaller one: the rest could be left at zero."""
    return np.maximum.accumulate(values)
