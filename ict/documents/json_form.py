"""Frozen dataclasses with a JSON form: what a command prints, a table exports and a store keeps."""

from dataclasses import fields
from typing import Any, Self

from ict.errors import InputError


class JsonForm:
    """A frozen dataclass of plain values; its JSON form is a table of its fields, in their order.

    A field that would be a word of Python ends in an underscore (`class_`), which the form drops.
    """

    def to_dict(self) -> dict[str, Any]:
        return {name: getattr(self, field) for field, name in _names(type(self)).items()}

    @classmethod
    def from_dict(cls, form: Any) -> Self:
        """The record of a form; raises InputError unless it has exactly the fields of one."""
        names = _names(cls)
        if not isinstance(form, dict) or form.keys() != set(names.values()):
            raise InputError(f"not the fields of a {cls.__name__}: {', '.join(names.values())}")
        return cls(**{field: form[name] for field, name in names.items()})


def _names(kind: Any) -> dict[str, str]:
    """The name in the JSON form of each field of a dataclass."""
    return {field.name: field.name.rstrip("_") for field in fields(kind)}
