"""What other installed packages offer under an entry point, each usable or with the sentence why not."""

from collections.abc import Container
from typing import TYPE_CHECKING, TypeVar

from ict.errors import quoted

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

One = TypeVar("One")


def offered(
    group: str, word: str, kind: type[One], *, taken: Container[str]
) -> dict[str, One | str]:
    """Objects of `kind` by the names of their entry points in `group`, without the names `taken`.

    One that cannot be used has the sentence that says why in its place; `word` is what people call it.
    """
    from importlib.metadata import entry_points  # 50 ms that only a name from outside costs

    points = entry_points(group=group)
    return {point.name: _loaded(point, word, kind) for point in points if point.name not in taken}


def _loaded(point: "EntryPoint", word: str, kind: type[One]) -> One | str:
    package = point.dist.name if point.dist else point.value
    trouble = f"{word} {quoted(point.name)} of package {quoted(package)} cannot be used:"
    try:
        loaded = point.load()
    except Exception as error:  # whatever an outside package does, the rest stands
        return f"{trouble} {type(error).__name__}: {error}"
    if not isinstance(loaded, kind) or getattr(loaded, "name", None) != point.name:
        return f"{trouble} {quoted(point.value)} is no {kind.__name__} of that name"
    return loaded
