"""Help behind every score, index, ceiling and interval; a finding and one kind of numbers on each page."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from ict_app.common.terms import TERMS
from streamlit.testing.v1 import AppTest

from ict.store import Store
from tests.app import fixture_store
from tests.app.conftest import Open
from tests.app.test_more_pages import add_check, add_transfer

EXPLAINED = re.compile(
    r"\b(score(?! (?:task|site|data|split))|rank|index|ceiling|interval|chance|points|verdict|stronger|gain|regret|± test set|mean of)\b",
    re.IGNORECASE,
)
VIEWS: tuple[tuple[str, dict[str, str]], ...] = (
    ("run", {}),
    ("curves", {"as": "Means over seeds"}),
    ("channels", {"with": "sprites_loc-ict_tiny-class_l2-000000"}),
    ("criteria", {}),
    ("overlap", {}),
    ("transfer", {}),
    ("inspect", {}),
    ("ablation", {"ablation": "Paired differences"}),
    ("benchmark", {}),
    ("train", {}),
)
FINDINGS = ("curves", "criteria", "overlap", "transfer", "ablation", "benchmark")


@pytest.fixture
def full(stores: dict[str, Store], tmp_path: Path) -> Iterator[str]:
    """A store that fills every page."""
    store = stores["full"] = Store(tmp_path / "full")
    fixture_store.tiny_study(store)
    add_check(store)
    add_transfer(store)
    yield "full"
    del stores["full"]


def helps(app: AppTest) -> dict[str, str]:
    """Help by label, of every metric and every column of a table; "" without any."""
    found = {metric.label: metric.help or "" for metric in app.metric}
    for table in app.dataframe:
        config = json.loads(table.proto.columns or "{}")
        for name in table.value.columns:
            of_column = config.get(str(name)) or {}
            found[str(of_column.get("label") or name)] = str(of_column.get("help") or "")
    return found


@pytest.mark.parametrize(("page", "query"), VIEWS)
def test_every_such_word_has_help_with_a_formula(
    open_page: Open, full: str, page: str, query: dict[str, str]
) -> None:
    app = open_page(page, full, **query)
    assert not app.exception
    texts = [term.help for term in TERMS.values()]
    explained = {label: text for label, text in helps(app).items() if EXPLAINED.search(label)}
    assert {
        label for label, text in explained.items() if not text.startswith(tuple(texts))
    } == set()
    if page in ("channels", "transfer", "inspect", "ablation", "benchmark"):
        assert explained, "the walk found nothing to look at"


@pytest.mark.parametrize("page", FINDINGS)
def test_the_finding_is_one_sentence_at_the_top(open_page: Open, full: str, page: str) -> None:
    app = open_page(page, full)
    bold = [one.value for one in app.markdown if one.value.startswith("**")]
    assert bold[0].endswith(r"\.**")
    assert "told" in bold[0] or "different" in bold[0] or "equivalent" in bold[0] or page in (
        "overlap", "criteria", "benchmark",
    )  # fmt: skip


def test_terms_have_a_formula_a_sentence_and_a_source() -> None:
    for name, term in TERMS.items():
        assert term.sentence.endswith("."), name
        assert term.formula, name
        assert term.source, name
