"""All channels in one table: each column against plain loops, what sorts and words find, and `ict channels`."""

import json
import math
import statistics
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from ict.analysis import selectivity
from ict.analysis.channel_search import Search, matches
from ict.analysis.channel_table import SORTS, ChannelTable, channel_table
from ict.analysis.channel_table_files import table_of_file
from ict.analysis.selectivity import ClassColumns, class_columns
from ict.analysis.sources import Sums
from ict.cli import main
from ict.errors import InputError
from ict.scores import ChannelScores
from ict.selection import select
from tests import figure_store

COUNTS = (4, 1, 3, 0)
TOKENS = 5
LABELS = np.repeat(np.arange(4), COUNTS)
SHAPES = ((2, 6), (1, 9))  # two stages, as a Swin has them
KS = (2, 3)


def activations(seed: int) -> list[np.ndarray]:
    """(N, T, blocks, D) of each stage, with signs and offsets."""
    draw = np.random.default_rng(seed)
    return [
        draw.normal(draw.normal(0, 2, (1, 1, *shape)), 1, (len(LABELS), TOKENS, *shape))
        for shape in SHAPES
    ]


def scored(seed: int, task: str, **options: bool) -> ChannelScores:
    """class_l2 of `activations`, as `ict score` defines it."""
    arrays = {}
    for s, values in enumerate(activations(seed)):
        squares = np.array([(values[k == LABELS] ** 2).sum((0, 1)) for k in range(4)])  # (C, L, D)
        if options.get("normalise"):
            squares /= np.maximum(np.array(COUNTS) * TOKENS, 1)[:, None, None]
        norms = np.sqrt(squares)
        norms[3] = np.nan
        arrays[f"attn.{s}.per_class"] = norms.transpose(1, 0, 2)
        arrays[f"attn.{s}"] = np.nanmean(norms, axis=0)
    meta = {"task": task, "criterion": "class_l2", "images_per_class": list(COUNTS)}
    return ChannelScores(arrays, {**meta, "options": options})


def sums(seed: int) -> Sums:
    values = activations(seed)
    return Sums(
        "a", LABELS,
        [(stage**2).sum(axis=1) for stage in values],
        token_mean=[stage.mean(axis=1) for stage in values],
        tokens=[TOKENS] * len(values),
    )  # fmt: skip


def classes() -> ClassColumns:
    """Of `scored(0, "a")`, with the class shares of the same activations."""
    told = class_columns(scored(0, "a"), site="attn")
    share = np.concatenate([one.ravel() for one in selectivity.class_shares(sums(0))])
    return replace(told, class_share=share, lacking={})


def tabled(**more: object) -> ChannelTable:
    own = scored(0, "a")
    picked = select(own, site="attn", k=list(KS))
    return channel_table(own, site="attn", picked=picked, ks=KS, **more)  # type: ignore[arg-type]


def channels() -> list[tuple[int, int, int, int]]:
    """Place, stage, block of the stage, and channel of all, in the order of a table."""
    places = [
        (s, b, c) for s, (blocks, D) in enumerate(SHAPES) for b in range(blocks) for c in range(D)
    ]
    return [(i, *place) for i, place in enumerate(places)]


@pytest.mark.parametrize("normalise", [False, True])
def test_selectivity_is_morcos_index_of_root_mean_squares(normalise):
    scores = scored(0, "a", normalise=normalise)
    found = selectivity.of_scores(scores, scores.record, "attn")
    for _, s, b, c in channels():
        values = activations(0)[s][:, :, b, c]
        active = [math.sqrt(statistics.fmean((values[k == LABELS] ** 2).ravel())) for k in range(3)]
        top = max(range(3), key=active.__getitem__)
        rest = statistics.fmean(one for k, one in enumerate(active) if k != top)
        assert found[s].top_class[b, c] == top
        assert found[s].index[b, c] == pytest.approx((active[top] - rest) / (active[top] + rest))


def test_selectivity_has_its_ends():
    alone, alike = np.array([[3.0], [0.0], [0.0]]), np.array([[2.0], [2.0], [2.0]])
    assert selectivity.of_activities(alone).index == 1
    assert selectivity.of_activities(alike).index == 0
    one_class = np.array([[3.0], [np.nan]])
    assert np.isnan(selectivity.of_activities(one_class).index)
    assert np.isnan(selectivity.of_activities(np.zeros((3, 1))).index)


def test_class_share_is_epsilon_squared_of_the_image_means():
    found = selectivity.class_shares(sums(0))
    N, groups = len(LABELS), [k for k in range(4) if COUNTS[k]]
    for _, s, b, c in channels():
        means = activations(0)[s][:, :, b, c].mean(axis=1)
        total = sum((x - means.mean()) ** 2 for x in means)
        within = sum(((means[k == LABELS] - means[k == LABELS].mean()) ** 2).sum() for k in groups)
        expected = (total - within - (len(groups) - 1) * within / (N - len(groups))) / total
        assert found[s][b, c] == pytest.approx(expected)


def test_every_column_is_that_of_plain_loops_over_blocks():
    own, others = scored(0, "a"), {"b": scored(1, "b"), "c": scored(2, "c")}
    table = tabled(others=others, against=others["b"], classes=classes())
    starts = [0, 2]

    def best(scores: ChannelScores, s: int, b: int) -> list[int]:
        row = scores.site("attn")[s][b].tolist()
        return sorted(range(len(row)), key=lambda c: -row[c])

    def z(scores: ChannelScores, s: int, b: int, c: int) -> float:
        row = scores.site("attn")[s][b].tolist()
        return (row[c] - statistics.fmean(row)) / statistics.pstdev(row)

    for i, s, b, c in channels():
        row = table.row(i)
        assert (row.block, row.channel) == (starts[s] + b, c)
        assert row.score == own.site("attn")[s][b, c]
        assert row.rank == best(own, s, b).index(c) + 1
        assert row.other_rank == best(others["b"], s, b).index(c) + 1
        assert row.z == pytest.approx(z(own, s, b, c))
        assert row.difference == pytest.approx(z(own, s, b, c) - z(others["b"], s, b, c))
        have = [c in best(one, s, b)[: KS[s]] for one in (own, *others.values())]
        assert (row.chosen, row.tasks) == (have[0], sum(have))
    assert table.of_tasks == ("a", "b", "c")
    assert table.lacking == {}


@pytest.mark.parametrize("by", [name for name in SORTS if name not in ("rank", "block")])
def test_sorted_from_the_highest_on_and_the_other_way_round(by):
    table = tabled(others={"b": scored(1, "b")}, against=scored(1, "b"), classes=classes())
    column = np.abs(getattr(table, by)) if by == "difference" else getattr(table, by)
    assert (np.diff(column[table.order(by)].astype(float)) <= 0).all()
    assert (np.diff(column[table.order(by, reverse=True)].astype(float)) >= 0).all()
    assert sorted(table.order(by)) == list(range(len(column)))


def test_what_is_not_told_comes_last_and_a_column_that_lacks_says_why():
    own = scored(0, "a")
    own.arrays["attn.0.per_class"][:, :, 3] = 0
    picked, told = select(own, site="attn", k=[2, 3]), class_columns(own, site="attn")
    table = channel_table(own, site="attn", picked=picked, ks=KS, classes=told)
    silent = {3, 9}
    for reverse in (False, True):
        assert set(table.order("selectivity", reverse=reverse)[-2:]) == silent
    assert table.row(3).selectivity is None
    for by, said in (
        ("tasks", "no other task"),
        ("difference", "no B"),
        ("class_share", "--keep-"),
    ):
        with pytest.raises(InputError, match=said):
            table.order(by)
    with pytest.raises(InputError, match="choose one of z, selectivity"):
        table.order("loudest")
    of_gradients = ChannelScores(own.arrays, {**own.meta, "criterion": "taylor"})
    with pytest.raises(InputError, match="taylor keeps no norms of classes"):
        selectivity.of_scores(of_gradients, of_gradients.record, "attn")
    unsaid = ChannelScores(own.arrays, {**own.meta, "images_per_class": []})
    with pytest.raises(InputError, match="how many images each class has"):
        selectivity.of_scores(unsaid, unsaid.record, "attn")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("b1 c3", {(1, 3)}),
        ("block 1 channel 3", {(1, 3)}),
        ("B1C3", {(1, 3)}),
        ("3", {(0, 3), (1, 3), (2, 3)}),
        ("b0-1 c 4-5", {(0, 4), (0, 5), (1, 4), (1, 5)}),
        ("b2 c8, c0", {(2, 8), (2, 0)}),
        ("b 7", set()),
    ],
)
def test_words_find_channels(words, expected):
    table = tabled()
    places = matches(table, Search.of(words), table.order("z"))
    assert {(table.block[i], table.channel[i]) for i in places} == expected
    assert list(places) == [i for i in table.order("z") if i in set(places)]
    inside = matches(table, Search.of(words, within=[1], chosen_only=True), table.order("z"))
    assert set(inside) == {i for i in places if table.block[i] == 1 and table.chosen[i]}


def test_words_that_name_no_channel_are_refused_with_an_example():
    with pytest.raises(InputError, match=r"'loud' names no channel: write b3 c17"):
        Search.of("b1 loud")
    with pytest.raises(InputError, match="200 at most"):
        Search.of("1 " * 500)


def test_scores_of_other_backbones_are_not_held_together():
    own, narrow = scored(0, "a"), scored(1, "b")
    narrow.arrays["attn.1"] = narrow.arrays["attn.1"][:, :-1]
    with pytest.raises(InputError, match="B has other blocks or channels"):
        tabled(against=narrow)
    assert own.site("attn")[1].shape == (1, 9)


def test_command_gives_the_table_of_the_store(store):
    a, b = (figure_store.add_scores(store, task) for task in ("count", "digits"))
    words = ["channels", a, "--sort", "difference", "--against", b, "--k", "9", "--top", "3"]
    said = json.loads(CliRunner().invoke(main, [*words, "--find", "b2-4", "--json"]).stdout)
    path, other = (store.score_file(name) for name in (a, b))
    table = table_of_file(path, store, k=[9], against=other)
    places = [i for i in table.order("difference") if 2 <= table.block[i] <= 4]
    assert said["channels"] == len(places) == 3 * 192
    assert said["rows"] == [table.row(i).to_dict() for i in places[:3]]
    assert said["of_tasks"] == ["count", "digits"]
    assert table.class_share is not None
    text = CliRunner().invoke(main, words).stdout
    assert "3 of 2,304 channels" in text
    wrong = CliRunner().invoke(main, ["channels", a, "--find", "loud", "--json"])
    assert (wrong.exit_code, "names no channel" in wrong.stdout) == (2, True)
