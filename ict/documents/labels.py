"""What people call a run and say of it: a name, a note, tags, archived or not.

None of it is part of what a run is: ids, fingerprints and numbers never read it.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

from ict.documents.shapes import Check, fields, flag, list_of, shown, text, wrong
from ict.errors import InputError, quoted

LONGEST_NAME: Final = 120  # characters
LONGEST_NOTE: Final = 10_000
LONGEST_TAG: Final = 40
MOST_TAGS: Final = 50


@dataclass(frozen=True, kw_only=True)
class Label:
    """The label of one run; the neutral one is that of a run that nobody labelled."""

    name: str = ""
    note: str = ""
    tags: tuple[str, ...] = ()
    """In alphabetical order, each once."""
    archived: bool = False

    @classmethod
    def from_dict(cls, document: Any) -> "Label":
        """The label in a label.json. Raises InputError for what is none."""
        check_label(document, "")
        return cls(
            name=document.get("name") or "",
            note=document.get("note") or "",
            tags=_sorted(document.get("tags") or ()),
            archived=bool(document.get("archived")),
        )

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "tags": list(self.tags)}

    def columns(self) -> dict[str, Any]:
        """What a row of a table has of it: only what was said."""
        return {name: value for name, value in self.to_dict().items() if value}


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change of a label: only the fields that it names, so that two people's changes both stand."""

    name: str | None = None
    """None: as it is; "" takes it away."""
    note: str | None = None
    tag: tuple[str, ...] = ()
    untag: tuple[str, ...] = ()
    archived: bool | None = None
    seen: Label | None = None
    """What the one who changes it had before their eyes; None: nothing, the change is meant as it is."""

    def __post_init__(self) -> None:
        for name, longest in (("name", LONGEST_NAME), ("note", LONGEST_NOTE)):
            value = getattr(self, name)
            if value is not None:
                lines = value.splitlines() if name == "note" else [value]
                cleaned = "\n".join(_printed(line, f"the {name}") for line in lines).strip()
                _no_longer(cleaned, f"the {name}", longest)
                object.__setattr__(self, name, cleaned)
        for name in ("tag", "untag"):
            object.__setattr__(self, name, _sorted(map(_tag, getattr(self, name))))
        if both := set(self.tag) & set(self.untag):
            raise InputError(
                f"tag {quoted(min(both))} is to be added and taken away; say one of them"
            )

    def of(self, label: Label) -> Label:
        """`label`, changed. Raises InputError where that would undo what somebody else wrote meanwhile."""
        for name in ("name", "note"):
            self._check_unchanged(name, getattr(label, name))
        tags = _sorted(({*label.tags} - {*self.untag}) | {*self.tag})
        if len(tags) > MOST_TAGS:
            raise InputError(f"that makes {len(tags)} tags; a run has at most {MOST_TAGS}")
        return Label(
            name=label.name if self.name is None else self.name,
            note=label.note if self.note is None else self.note,
            tags=tags,
            archived=label.archived if self.archived is None else self.archived,
        )

    def _check_unchanged(self, field: str, now: str) -> None:
        wanted = getattr(self, field)
        if wanted is None or self.seen is None or now in (wanted, getattr(self.seen, field)):
            return
        raise InputError(
            f"the {field} was changed meanwhile to {quoted(now)}: look at it, then change it again"
        )


def changes(seen: Label, wanted: Label) -> Change:
    """The change that makes `wanted` of `seen`: it names what differs, nothing else."""
    return Change(
        name=None if wanted.name == seen.name else wanted.name,
        note=None if wanted.note == seen.note else wanted.note,
        tag=tuple({*wanted.tags} - {*seen.tags}),
        untag=tuple({*seen.tags} - {*wanted.tags}),
        archived=None if wanted.archived == seen.archived else wanted.archived,
        seen=seen,
    )


def _at_most(longest: int) -> Check:
    def check(value: Any, name: str) -> None:
        text(value, name)
        if len(value) > longest:
            raise wrong(f"{len(value)} characters", name, f"at most {longest}")

    return check


check_label: Final = fields(
    {},
    {
        "name": _at_most(LONGEST_NAME),
        "note": _at_most(LONGEST_NOTE),
        "tags": list_of(_at_most(LONGEST_TAG)),
        "archived": flag,
    },
)


def _tag(tag: str) -> str:
    cleaned = _printed(tag, "a tag").strip()
    _no_longer(cleaned, "a tag", LONGEST_TAG)
    if not cleaned or "," in cleaned:
        raise InputError(f"a tag is {quoted(tag)}; write a word, without a comma")
    return cleaned


def _printed(value: str, what: str) -> str:
    """`value`, tabs as spaces; raises InputError for what no terminal should print."""
    plain = value.replace("\t", " ")
    if not plain.isprintable():
        raise InputError(
            f"{what} has characters that cannot be printed: {quoted(shown(value)[:60])}"
        )
    return plain


def _no_longer(value: str, what: str, longest: int) -> None:
    if len(value) > longest:
        raise InputError(f"{what} has {len(value):,} characters; write at most {longest:,}")


def _sorted(tags: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(tags)))
