"""Names of tensors: nested containers made flat, names changed by rules, and listed in a sentence."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from ict.errors import shortened

State = dict[str, Tensor]


Rule = tuple[str, str | Callable[[re.Match[str]], str]]


# Wrappers that stand inside a name and say nothing: compiled, sharded and checkpointed modules.
_TRANSPARENT = re.compile(r"(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")


def rename(state: State, rules: tuple[Rule, ...]) -> State:
    """Each key through all rules in order."""
    return {_through(key, rules): tensor for key, tensor in state.items()}


def _through(key: str, rules: tuple[Rule, ...]) -> str:
    for pattern, replacement in rules:
        key = re.sub(pattern, replacement, key)
    return key


def flatten(content: Any, prefix: str = "", *, depth: int = 12) -> State:
    """The tensors of nested dictionaries under dotted names; what is no tensor, or deeper, is left out."""
    tensors: State = {}
    for key, value in content.items():
        name = prefix + str(key)
        if isinstance(value, Tensor):
            tensors[_TRANSPARENT.sub("", name)] = value.detach()
        elif isinstance(value, Mapping) and depth:
            tensors |= flatten(value, f"{name}.", depth=depth - 1)
    return tensors


def tables(names: tuple[str, ...]) -> list[str]:
    tables = Counter(name.rpartition(".")[2] if "table" in name else name for name in names)
    return [name if count == 1 else f"{name} ({count})" for name, count in tables.items()]


def grouped(names: list[str]) -> list[str]:
    groups = Counter(re.split(r"[./]", name)[0] for name in names)
    return [f"{name[:60]} ({count} tensor{'s' * (count > 1)})" for name, count in groups.items()]


def listed(words: list[str], most: int = 6) -> str:
    shown = [shortened(word, 100) for word in words[:most]]
    return ", ".join(shown) + (f" and {len(words) - most} more" if len(words) > most else "")
