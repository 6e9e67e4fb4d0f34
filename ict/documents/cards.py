"""Short HTML tables for notebooks."""

from collections.abc import Sequence
from html import escape


def card(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A title above a table of a few rows; names in it are text, not markup."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        f"<table><caption>{escape(title)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )
