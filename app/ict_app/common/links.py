"""What a link says, looked at before any field reads it.

What no field could have written is taken out of the link, and named once. Nothing here knows streamlit.
"""

from collections.abc import Mapping

from ict.documents.bounded import number, odd_word
from ict.documents.identity import is_id
from ict.errors import quoted

LONGEST = 201  # a run's id; a share or a seed is shorter
MOST = 200  # values of one field; rows of a table that were picked may be more
NUMBERS = {
    "epochs",
    "lr",
    "batch",
    "limit",
    "shots",
    "shot_seed",
    "image_size",
    "block",
    "channel",
    "smooth",
    "k",
    "sheet",
}
LISTS = {
    "tasks",
    "methods",
    "shares",
    "ks",
    "seeds",
    "among",
    "columns",
    "filter_by",
    "group_by",
    "axes",
}  # an emptied one is empty in the link
_ROWS = "pick"


def refused(named: Mapping[str, list[str]]) -> dict[str, str]:
    """Which names of a link are too long, too much, or no number where one belongs, and why."""
    return {key: why for key, values in named.items() if (why := trouble(key, values))}


def trouble(key: str, values: list[str]) -> str:
    """Why a field called `key` cannot have written `values`, or ""."""
    if odd_word(key) or len(key) > LONGEST:
        return "has no name of a field"
    if key == _ROWS:
        return "" if all(map(is_id, values)) else "names what is no run"
    if len(values) > MOST:
        return f"has {len(values)} values, more than {MOST}"
    listed = key in LISTS or key.startswith("only_")
    for value in values:
        if not value and not listed:
            return "is empty"
        if len(value) > LONGEST:
            return f"has {len(value)} characters, more than {LONGEST}"
        if odd := odd_word(value):
            return odd
        if key in NUMBERS and number(value) is None:
            return f"is {quoted(value)}, which is no number"
    return ""


def sentence(refused: dict[str, str]) -> str:
    """What was left out of the link and why: the first three."""
    named = [f"{quoted(key[:40])} {why}" for key, why in list(refused.items())[:3]]
    more = f", and {len(refused) - 3} more" if len(refused) > 3 else ""
    return f"Left out of the link: {'; '.join(named)}{more}."
