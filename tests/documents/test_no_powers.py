"""No sentence holds a number that a program wrote: neither 1e+02 nor a hyphen for a minus sign."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from ict.analysis.outcomes import ACCURACY
from ict.analysis.power import Needed
from ict.documents.number_words import number_words

ROOT = Path(__file__).parents[2]
READ_AGAIN = {
    "ict/analysis/groups.py": "compared with K as it is written",
    "ict/analysis/named_sides.py": "a filter that can be typed",
    "ict/store/study_contrast.py": "a ratio as a study's file has it",
    "ict/config/fields.py": "limits that can be typed",
    "app/ict_app/common/fields.py": "values of a link",
}
"""Files whose numbers are read by a program again."""


@pytest.mark.parametrize(
    ("value", "form", "said"),
    [
        (99.6, ".2g", "100"),
        (123456.0, ".2g", "120,000"),
        (1e-5, "g", "0.00001"),
        (-1.5e-5, "+.2g", "−0.000015"),
        (123456.0, "+.2g", "+120,000"),
        (1.234e-9, ".2g", "1.2 × 10⁻⁹"),
        (-3e20, ".1g", "−3 × 10²⁰"),
        (0.5, "g", "0.5"),
        (float("inf"), "g", "inf"),
    ],
)
def test_a_number_is_written_as_people_write_it(value: float, form: str, said: str) -> None:
    assert number_words(value, form) == said


def test_no_number_of_two_digits_falls_into_powers_of_ten() -> None:
    forms = ("g", ".1g", ".2g", ".3g", "+.2g", ",.4g")
    values = [sign * digits * 10.0**power for sign in (1, -1) for digits in (1, 9.96, 4.25)
              for power in range(-20, 21)]  # fmt: skip
    said = [number_words(value, form) for value in values for form in forms]
    assert not [one for one in said if "e" in one or "-" in one]


def test_what_seeds_find_at_best_is_a_plain_number() -> None:
    needed = Needed(difference=0.005, images=40, over="new seeds and new images", low=None, high=None,
                    expected=None, smallest=0.996)  # fmt: skip
    assert "it shows 100 points at best" in needed.sentence
    assert ACCURACY.said(-0.012, "+.2g") == "−1.2 points"


def _written(source: str) -> Iterator[int]:
    """Lines of f-strings that format a number with g or e themselves."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FormattedValue) and isinstance(node.format_spec, ast.JoinedStr):
            last = node.format_spec.values[-1] if node.format_spec.values else None
            if isinstance(last, ast.Constant) and str(last.value)[-1:] in {"g", "e", "G", "E"}:
                yield node.lineno


def test_only_number_words_formats_with_g() -> None:
    assert list(_written('f"{x:.2g}"')) == [1]  # it can find one
    found = {
        str(path.relative_to(ROOT))
        for folder in ("ict", "app", "pages")
        for path in (ROOT / folder).rglob("*.py")
        if any(_written(path.read_text()))
    }
    assert found == set(READ_AGAIN)
