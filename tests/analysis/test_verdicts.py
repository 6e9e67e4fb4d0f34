"""The words of a verdict follow from its intervals, and stand in one file."""

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from ict.analysis import verdicts
from ict.analysis.differences import Difference, over_seeds
from ict.analysis.verdicts import judge, judge_family

ROOT = Path(__file__).resolve().parents[2]


def difference(mean: float, error: float, seeds: int = 5) -> Difference:
    """t(4): 95 % is ± 2.776, 90 % is ± 2.132 standard errors."""
    return replace(over_seeds([0.0] * seeds, 1000), mean=mean, standard_error=error)


@pytest.mark.parametrize(
    ("mean", "error", "words"),
    [
        (0.030, 0.010, "different"),  # 95 %: 0.002 to 0.058
        (0.027, 0.010, "not told by these data"),  # −0.001 to 0.055
        (-0.030, 0.010, "different"),
        (0.005, 0.001, "different, by less than 1 point"),  # 90 %: 0.0029 to 0.0071
        (0.002, 0.003, "equivalent within 1 point"),  # 90 %: −0.0044 to 0.0084
        (0.004, 0.003, "not told by these data"),  # 90 %: up to 0.0104
        (0.000, 0.010, "not told by these data"),
    ],
)
def test_a_verdict_by_hand(mean: float, error: float, words: str):
    verdict = judge(difference(mean, error))
    assert verdict.words == words
    assert verdict.different == words.startswith("different")
    assert verdict.equivalent == words.startswith("equivalent")


def test_the_margin_is_named_and_kept():
    verdict = judge(difference(0.002, 0.003), margin=0.02)
    assert verdict.words == "equivalent within 2 points"
    assert verdict.to_dict()["margin"] == 0.02
    assert "equivalent within 0.5 points" not in judge(difference(0.002, 0.003), margin=0.005).words


def test_one_seed_tells_nothing():
    verdict = judge(over_seeds([0.5], 1000), role=verdicts.PRIMARY)
    assert verdict.words == "not told by these data"
    assert "no interval" in verdict.sentence
    assert verdict.to_dict()["p_adjusted"] is None


def test_fewer_than_five_seeds_are_exploratory_whatever_was_declared():
    assert judge(difference(0.1, 0.01), role=verdicts.PRIMARY).role == "primary"
    few = judge(over_seeds([0.1, 0.11, 0.1, 0.12], 1000), role=verdicts.PRIMARY)
    assert (few.role, few.different) == ("exploratory", True)
    assert few.sentence.endswith("different; exploratory")


def test_a_family_is_under_holms_correction():
    alone = difference(0.030, 0.010)  # p = 0.040
    family = judge_family([alone, alone, difference(0.09, 0.01)])
    assert [verdict.words for verdict in family] == [verdicts.UNTOLD, verdicts.UNTOLD, "different"]
    assert family[0].p == pytest.approx(2 * alone.p)
    assert family[2].p == pytest.approx(3 * difference(0.09, 0.01).p)
    assert judge_family([]) == []


def test_one_without_interval_takes_no_part_in_the_correction():
    family = judge_family([over_seeds([0.5], 100), difference(0.030, 0.010)])
    assert family[1].different


def test_the_sentence_says_numbers_seeds_and_what_it_speaks_about():
    assert judge(difference(-0.03, 0.01)).sentence == (
        "−3.00 points (95 % −5.78 to −0.22, 5 seeds, these images, new seeds): different; exploratory"
    )


def test_the_words_of_verdicts_stand_in_one_file():
    """No string of program, app or pages says a verdict but by these constants."""
    words = ("equivalent within", "by less than {", "not told by these data")
    found = []
    for folder in ("ict", "app", "pages"):
        for path in (ROOT / folder).rglob("*.py"):
            if path.name == "verdicts.py":
                continue
            tree = ast.parse(path.read_text())
            docs = {
                id(node.body[0].value)
                for node in ast.walk(tree)
                if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
                and node.body
                and isinstance(node.body[0], ast.Expr)
            }
            found += [
                f"{path.relative_to(ROOT)}:{node.lineno}: {node.value!r}"
                for node in ast.walk(tree)
                if isinstance(node, ast.Constant) and isinstance(node.value, str)
                and id(node) not in docs
                and (any(one in node.value for one in words) or node.value == "different")
            ]  # fmt: skip
    assert not found, "\n".join(found)
