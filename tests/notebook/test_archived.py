"""Archived runs are out of tables, figures and filters until they are named, and it is said how many."""

import pytest

import ict
from ict.analysis.named_sides import offered
from ict.analysis.sides import find_side
from ict.documents.labels import Change
from ict.errors import InputError
from ict.figures.asked import Choice, Request
from ict.figures.from_store import request_bundle
from ict.store import Store
from ict.store.run_labels import change_label
from tests import figure_store


@pytest.fixture
def store(tmp_path) -> Store:
    """A study of which all runs of K = 48 are archived."""
    store = Store(tmp_path / "store")
    figure_store.filled(store)
    for row in store.table():
        if row["k"] == 48:
            change_label(store.run(row["run_id"]), Change(archived=True))
    return store


def test_tables_leave_archived_runs_out_and_say_how_many(store: Store):
    everything = ict.runs(store=store.root, everything=True)
    shown = ict.runs(store=store.root)
    assert shown.attrs["archived_left_out"] == (everything["k"] == 48).sum() == 3
    assert len(shown) == len(everything) - 3
    assert 48 not in set(shown["k"])
    assert len(ict.runs(store=store.root, archived=True)) == 3
    assert len(ict.runs(store=store.root, study="k_ratio_digits")) == len(everything)


def test_figures_of_all_runs_name_the_archived_ones_and_draw_them_when_named(store: Store):
    found = request_bundle(Request("k-ratio", [], Choice()), store)
    assert len(found.provenance["left_out"]["archived"]) == 3
    assert "3 (archived)" in found.caption_text
    assert 48 not in set(found.table["k"])
    ids = [row["run_id"] for row in store.table()]
    assert 48 in set(request_bundle(Request("k-ratio", ids, Choice()), store).table["k"])


def test_filters_leave_them_out_and_rows_of_a_study_do_not(store: Store):
    side = find_side("method=ict,criterion=class_l2", store)
    assert side.archived == 3
    assert 48 not in {row.k for row in side.rows}
    assert 48 in {row.k for row in find_side("study:k_ratio_digits/grid", store).rows}
    with pytest.raises(InputError, match="names archived runs alone; `ict runs --all`"):
        find_side("k=48", store)
    groups = [one.name for one in offered(store) if not one.name.startswith("study:")]
    assert groups
    assert not any("0.25" in name for name in groups)
