"""All methods by their names: those of this package, and those that other packages bring in."""

import functools
from typing import Final

from ict.documents.entry_points import offered
from ict.errors import InputError, NotHereError, did_you_mean, quoted
from ict.methods.bitfit import BITFIT
from ict.methods.full import FULL
from ict.methods.ict import ICT
from ict.methods.linear import LINEAR
from ict.methods.lora import LORA
from ict.methods.method import Method

REGISTRY: Final[dict[str, Method]] = {m.name: m for m in (ICT, LINEAR, FULL, BITFIT, LORA)}


@functools.cache
def outside() -> dict[str, Method | str]:
    """Methods of other installed packages, by their entry points `ict.methods` (docs/extending.md).

    One that cannot be used has the sentence that says why in its place.
    """
    return offered("ict.methods", "method", Method, taken=REGISTRY)


def methods() -> tuple[str, ...]:
    """All names, those from outside too: for lists to choose from."""
    return (*REGISTRY, *outside())


def get_method(name: str) -> Method:
    """The named method. Raises InputError, with the nearest name, for one that is not here."""
    method = REGISTRY.get(name) or outside().get(name)
    if isinstance(method, Method):
        return method
    if method is not None:
        raise InputError(method)
    names = methods()
    raise NotHereError(
        f"no method {quoted(name)} here; there are {', '.join(names)}{did_you_mean(name, names)}"
    )


def find_method(name: object) -> Method | None:
    """The named method; None for one that is not here, of which stored runs may be all the same."""
    method = REGISTRY.get(str(name)) or outside().get(str(name))
    return method if isinstance(method, Method) else None


def titled(title: str) -> Method | None:
    """The method with this title, in whatever case."""
    methods_found = filter(None, map(find_method, methods()))
    return next((m for m in methods_found if m.title.lower() == title.lower()), None)


def title_of(name: object) -> str:
    """How tables call the method; the name itself of one that is not here."""
    method = find_method(name)
    return method.title if method else str(name)


def chooses_channels(name: object) -> bool:
    """Whether runs of the named method tune chosen channels; not known of one that is not here."""
    method = find_method(name)
    return method is not None and method.chooses_channels


def methods_reading(*names: str) -> str:
    """The methods that read one of these fields or groups, in words; those from outside too."""
    methods_found = list(filter(None, map(find_method, methods())))
    readers = [m.name for m in methods_found if set(names) & set(m.reads)]
    others = [m.name for m in methods_found if m.name not in readers]
    if len(others) == 1:
        return f"every method but {others[0]}"
    return f"method{'s' if len(readers) > 1 else ''} {', '.join(readers)}"
