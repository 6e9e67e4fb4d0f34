"""Named channel sets: kept, listed, exported, and never written over."""

import json

import pytest

from ict.errors import InputError
from ict.selection import BlockSelection, Selection
from ict.store import basket, channel_sets
from ict.store.channel_sets import ChannelSet

CHOSEN = Selection(
    "attn", (BlockSelection(0, 0, 8, (1, 5)), BlockSelection(1, 2, 16, (3,))), backbone="swin"
)


def test_a_set_is_found_again_as_it_was_saved(store):
    saved = channel_sets.save(store, ChannelSet("loud ones", CHOSEN, "digits", "sha256:00"))
    assert channel_sets.load(store, "loud ones") == saved
    assert channel_sets.list_sets(store) == [saved]
    assert saved.channels == 3
    assert saved.to_csv() == "block,stage,channel\n0,0,1\n0,0,5\n2,1,3\n"
    assert Selection.from_dict(json.loads(json.dumps(saved.to_dict()))["selection"]) == CHOSEN
    assert saved.fits(backbone="swin", weights="sha256:00", site="attn")
    assert not saved.fits(backbone="swin", weights="sha256:01", site="attn")


def test_pairs_become_blocks_of_their_stage():
    pairs = {(0, 5), (0, 1), (2, 3)}
    found = channel_sets.from_pairs(pairs, [(2, 8), (1, 16)], site="attn", backbone="swin")
    assert found == CHOSEN


@pytest.mark.parametrize("name", ["", "../up", ".hidden", "a/b", "x" * 61])
def test_no_name_leaves_the_folder(store, name):
    with pytest.raises(InputError, match="name a set with"):
        channel_sets.save(store, ChannelSet(name, CHOSEN))
    with pytest.raises(InputError, match="no readable set"):
        channel_sets.load(store, name)
    assert not store.sets_dir.exists()


def test_a_set_is_not_written_over_and_an_empty_one_is_refused(store):
    channel_sets.save(store, ChannelSet("mine", CHOSEN))
    with pytest.raises(InputError, match="already"):
        channel_sets.save(store, ChannelSet("mine", CHOSEN))
    with pytest.raises(InputError, match="no channel is marked"):
        channel_sets.save(store, ChannelSet("nothing", Selection("attn", ())))
    with pytest.raises(InputError, match="did you mean 'mine'"):
        channel_sets.remove(store, "minee")
    other = Selection("attn", CHOSEN.blocks[:1], backbone="swin")
    assert channel_sets.save(store, ChannelSet("mine", other), replace=True).channels == 2
    gone = channel_sets.remove(store, "mine")
    assert channel_sets.list_sets(store) == []
    channel_sets.restore(store, gone)
    assert channel_sets.list_sets(store) == [gone]
    with pytest.raises(InputError, match="another set 'mine' by now"):
        channel_sets.restore(store, gone)


def test_figures_that_mark_a_set_are_named(store):
    for name, marked in (("first", "mine"), ("second", "other"), ("third", None)):
        choice = {} if marked is None else {"set": marked}
        request = {"name": "score-map", "sources": [name], "choice": choice}
        basket.add(store, basket.Entry(name=name, request=request))
    assert channel_sets.figures_with(store, "mine") == ["first"]
    (store.root / "figures.json").write_text("{")
    assert channel_sets.figures_with(store, "mine") == []


def test_a_torn_file_is_left_out(store):
    channel_sets.save(store, ChannelSet("mine", CHOSEN))
    (store.sets_dir / "torn.json").write_text('{"name": "torn", "sel')
    assert [one.name for one in channel_sets.list_sets(store)] == ["mine"]
