"""The fewest fields by which each of several things differs from all others."""

from collections import Counter
from collections.abc import Iterable, Sequence
from operator import itemgetter


def telling(columns: Iterable[tuple[str, list[str]]]) -> dict[str, list[str]]:
    """Of fields with their values, in this order: those that tell things apart that earlier ones do not."""
    kept: dict[str, list[str]] = {}
    codes, count = [0], 1
    for name, column in columns:
        codes = codes if len(codes) == len(column) else [0] * len(column)
        numbers: dict[tuple[int, str], int] = {}
        finer = [numbers.setdefault(one, len(numbers)) for one in zip(codes, column, strict=True)]
        if len(numbers) > count:
            kept[name], codes, count = column, finer, len(numbers)
    return kept


def fewest(keys: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], tuple[int, ...]]:
    """By key: places of the values that no other key has together; the last ones go first."""
    distinct = list(dict.fromkeys(keys))
    if not distinct or not distinct[0]:
        return dict.fromkeys(distinct, ())
    shared: dict[tuple[int, ...], Counter[object]] = {}

    def alone(one: tuple[str, ...], places: tuple[int, ...]) -> bool:
        if places not in shared:
            shared[places] = Counter(map(itemgetter(*places), distinct))
        return shared[places][itemgetter(*places)(one)] == 1

    found = {}
    for one in distinct:
        places = tuple(range(len(one)))
        for place in reversed(places):
            fewer = tuple(i for i in places if i != place)
            if fewer and alone(one, fewer):
                places = fewer
        found[one] = places
    return found
