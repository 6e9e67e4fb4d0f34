"""What is said of a choice's making: warnings with their blocks, and commands for what is not known."""

import dataclasses

import numpy as np

from ict.analysis import made_of_words
from ict.analysis.families import Beside
from ict.analysis.made_of import MadeOf, MadeOfRow
from ict.cli.scoring import COMMANDS
from ict.documents.score_record import ScoreRecord
from tests.analysis.test_made_of import activations, filled, put, scores_of, table

__all__ = ["filled"]


def row(block: int = 0, **more) -> MadeOfRow:
    bare = dict.fromkeys(
        ("shuffled", "l2", "others", "cls", "top_channel", "top_share", "offset_share")
    )
    place = {"task": "t", "stage": 0, "block": block, "k": 10, "channels": 80, "chance": 1.25}
    return MadeOfRow(**{**bare, **place, **more})


def said(*rows: MadeOfRow, tasks=()) -> list[str]:
    held = Beside(tasks=[ScoreRecord(task=task) for task in tasks])
    return made_of_words.warnings(
        MadeOf(rows=rows, record=ScoreRecord(task="t"), beside=held, same_images=(), shuffles=10)
    )


def test_warnings_name_the_blocks_in_which_something_dominates():
    many = [row(b, shuffled=9.0 if b < 4 else 8.9) for b in range(6)]
    assert said(*many) == [
        "In 4 of 6 blocks at least 90 % of the choice stays when the class labels are shuffled: the "
        "choice says little about the classes."
    ]
    few = said(row(0, l2=10), row(1, l2=8), row(2, l2=9), row(3))
    assert few[0].startswith("In blocks 0 and 2 at least 90 % of the choice is that of plain l2")
    others = said(*[row(b, others=8) for b in range(5)], tasks=("a", "b", "c"))
    assert others[0].startswith("In all 5 blocks at least 75 % of the choice is what other tasks")
    assert "(a, b and c)" in others[0]
    assert said(row(0, cls=9), row(1, cls=8))[0].startswith("In block 0 at least 90 % ")
    top = said(row(0, top_channel=7, top_share=0.52), row(1, top_channel=7, top_share=0.249))
    assert top == ["In block 0 one channel (7) holds 52 % of the energy."]
    tops = said(*[row(b, top_channel=b, top_share=0.3 + b / 10) for b in range(2)])
    assert tops == ["In all 2 blocks one channel holds at least 25 % of the energy, up to 40 %."]
    offset = said(row(0, offset_share=0.5), row(1, offset_share=0.83), row(2, offset_share=0.49))
    assert offset[0].startswith(
        "In blocks 0 and 1 most of the chosen energy is a constant offset, up to 83 %"
    )


def test_no_warning_without_numbers_below_the_thresholds_or_where_chance_keeps_most():
    assert said(row(0), row(1)) == []
    assert said(row(0, shuffled=8.9, l2=8, others=7, cls=8, top_share=0.2, offset_share=0.4)) == []
    everything = {"shuffled": 41.0, "l2": 41, "others": 41, "cls": 41}
    assert said(row(0, k=41, chance=21.0, **everything)) == []
    assert len(said(row(0, k=40, chance=20.0, **dict.fromkeys(everything, 40)))) == 4


def test_the_command_for_what_is_lacking_asks_for_the_same_scores(store):
    labels = np.arange(23) % 3
    asked = {
        "backbone": "vit_base_patch16_224.augreg_in21k", "limit": 23, "image_size": 64,
        "pixel_normalisation": "imagenet", "weights": "none", "options": {"normed": True},
    }  # fmt: skip
    put(store, "one", scores_of(activations(1), labels, **asked), sums=False)
    lacks = {
        one.columns: one.command.split() for one in made_of_words.lacking(table(store), site="attn")
    }
    assert list(lacks) == ["shuffled class labels; constant offset", "other tasks", "class tokens"]
    for columns, command in lacks.items():
        assert command[:2] == ["ict", "score"]
        given = COMMANDS["score"].make_context("score", command[2:]).params
        assert given["task"] == ("OTHER_TASK" if columns == "other tasks" else "one")
        assert given["keep_images"] == ("offset" in columns)
        assert given["tokens"] == ("cls" if columns == "class tokens" else None)
        fields = ("backbone", "limit", "image_size", "pixel_normalisation", "weights")
        assert [given[name] for name in fields] == [asked[name] for name in fields]
        assert (given["split"], given["options"]) == ("train800", ("normed=True",))


def test_nothing_is_lacking_that_no_command_gives(filled):
    assert made_of_words.lacking(table(filled), site="attn") == []
    bare = table(filled, "cls")
    assert [one.columns for one in made_of_words.lacking(bare, site="attn")] == []
    swin = dataclasses.replace(
        bare.record, backbone="swin_base_patch4_window7_224.ms_in22k", tokens="patch"
    )
    held = dataclasses.replace(bare, record=swin, beside=Beside(tasks=bare.beside.tasks))
    assert made_of_words.lacking(held, site="attn") == []  # a Swin has no class token
    drawn = dataclasses.replace(bare.record, criterion="random")
    assert made_of_words.lacking(dataclasses.replace(held, record=drawn), site="attn") == []
