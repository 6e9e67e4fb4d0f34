"""K of each block, at no more parameters than one K for all of them. NumPy only.

An adapter of K channels has K² + K parameters in its block and is worth v_b(K) there, so the question is
which K_b give the largest Σ v_b(K_b) at Σ K_b² + K_b ≤ that of the K that was asked for: a knapsack. Steps
along the concave hull of each curve are taken in the order of their worth per parameter; then one block
gives what another takes, or what is left over is taken, until no such trade gains. The same trades start
from the one K for all. Nothing is drawn.
"""

from collections.abc import Iterator, Sequence

import numpy as np

_SMALLEST = 1e-12
"""A gain below this share of the value is rounding."""


def parameters(ks: np.ndarray | Sequence[int] | int) -> np.ndarray:
    """K² + K: weights and biases of a linear layer on K channels."""
    k = np.asarray(ks)
    return np.asarray(k * k + k)


def shared_out(curves: Sequence[np.ndarray], uniform: Sequence[int]) -> tuple[int, ...]:
    """K of each block, at least 1 and at most D.

    `curves` has what 1 to D channels of each block are worth, (D,), never falling; `uniform` is the K
    of each block whose parameters must do, and what remains where nothing is worth more.
    """
    start = np.asarray(uniform)
    budget = int(parameters(start).sum())
    best, highest = start, _value(curves, start)
    for ks in (start, _by_steps(curves, budget)):
        traded = _traded(curves, ks, budget)
        value = _value(curves, traded)
        if value > highest * (1 + _SMALLEST):
            best, highest = traded, value
    return tuple(best.tolist())


def _value(curves: Sequence[np.ndarray], ks: np.ndarray) -> float:
    return float(sum(curve[k - 1] for curve, k in zip(curves, ks, strict=True)))


def _by_steps(curves: Sequence[np.ndarray], budget: int) -> np.ndarray:
    """From K = 1 everywhere along the hulls: the step of the most worth per parameter that there is room for."""
    steps = [
        (-slope, block, k) for block, curve in enumerate(curves) for slope, k in _hull(curve)
    ]  # a block's own fall, so a stable order keeps them
    ks = np.ones(len(curves), dtype=int)
    left, closed = budget - int(parameters(ks).sum()), set()
    for _, block, k in sorted(steps):
        price = int(parameters(k) - parameters(ks[block]))
        if block in closed or price > left:
            closed.add(block)
            continue
        ks[block], left = k, left - price
    return ks


def _hull(curve: np.ndarray) -> Iterator[tuple[float, int]]:
    """Steps from K = 1 along the concave hull of value over parameters: their slope, and the K they lead to."""
    price, k, slope = parameters(np.arange(1, len(curve) + 1)), 1, np.inf
    while k < len(curve):
        slopes = (curve[k:] - curve[k - 1]) / (price[k:] - price[k - 1])
        slope = min(
            slope, float(slopes.max())
        )  # rounding must not put a step before an earlier one
        k += 1 + int(np.flatnonzero(slopes >= slope * (1 - _SMALLEST))[0])
        yield slope, k


def _traded(curves: Sequence[np.ndarray], ks: np.ndarray, budget: int) -> np.ndarray:
    """After the best trades, each between two blocks, until none gains."""
    ks = ks.copy()
    least = _SMALLEST * _value(curves, ks)
    while True:
        left = budget - int(parameters(ks).sum())
        gain, give, take, lower, higher = max(
            (_trade(curves, ks, give, take, left) for give, take in _pairs(len(ks))),
            key=lambda trade: trade[0],
            default=(0.0, 0, 0, 0, 0),
        )
        if gain <= least:
            return ks
        ks[give], ks[take] = lower, higher


def _pairs(blocks: int) -> Iterator[tuple[int, int]]:
    return ((give, take) for give in range(blocks) for take in range(blocks) if give != take)


def _trade(
    curves: Sequence[np.ndarray], ks: np.ndarray, give: int, take: int, left: int
) -> tuple[float, int, int, int, int]:
    """What `take` gains at most where `give` goes down, or stays: gain, both blocks, and their new K."""
    lower = np.arange(ks[give], 0, -1)
    freed = parameters(ks[give]) - parameters(lower) + left + parameters(ks[take])
    prices = parameters(np.arange(1, len(curves[take]) + 1))
    higher = np.searchsorted(prices, freed, side="right")
    gains = curves[take][higher - 1] - curves[take][ks[take] - 1]
    gains = gains + curves[give][lower - 1] - curves[give][ks[give] - 1]
    best = int(gains.argmax())
    return float(gains[best]), give, take, int(lower[best]), int(higher[best])
