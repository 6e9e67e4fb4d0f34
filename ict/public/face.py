"""A package's face: a table of public names, each loaded from its module when it is first used."""

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def face(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of `package`; `homes` maps a public name to the module that has it."""

    def load(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(homes[name]), name)

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes})

    return load, names


def late(module: str, name: str) -> Any:
    """`name` of a module of a higher room, found when a method of a notebook is called."""
    return getattr(importlib.import_module(module), name)


def table(lines: str) -> dict[str, str]:
    """Public name → module, from lines of `module: name name …`."""
    split = [line.split(":") for line in lines.strip().splitlines()]
    return {name: module.strip() for module, names in split for name in names.split()}
