"""What a choice is made of: closed forms, a slow restatement of every column, which files are beside it."""

import dataclasses
import json

import numpy as np
import pytest

from ict.analysis import chosen_sums
from ict.analysis.chosen_sums import Asked
from ict.analysis.families import Beside, beside
from ict.analysis.made_of import MadeOf, made_of, mean_of_tasks
from ict.analysis.made_of_words import same_images_words
from ict.analysis.sources import Sums
from ict.documents.score_record import ScoreRecord
from ict.errors import InputError
from ict.scores import ChannelScores, load_scores, to_bytes
from ict.store import Store

T = 5


def activations(seed: int, images: int = 23, stages=((2, 12), (1, 20))) -> list[np.ndarray]:
    """(N, T, blocks, D) a stage; every third image drives other channels, so that labels matter."""
    draw = np.random.default_rng(seed)
    return [
        draw.normal(size=shape)
        + draw.normal(size=(images, T, *shape))
        * draw.gamma(0.2, 5, (3, 1, *shape))[np.arange(images) % 3]
        for shape in stages
    ]


def scores_of(values: list[np.ndarray], labels: np.ndarray, **meta) -> ChannelScores:
    """class_l2 as it is defined, with sums and means of every image."""
    arrays, classes = {}, np.unique(labels)
    normalise = meta.get("options", {}).get("normalise", False)
    for stage, a in enumerate(values):
        squares = [(a[labels == c] ** 2).sum(axis=(0, 1)) for c in classes]
        if normalise:
            squares = [s / (T * (labels == c).sum()) for s, c in zip(squares, classes, strict=True)]
        norms = np.sqrt(np.stack(squares, axis=1))
        arrays[f"attn.{stage}"] = norms.mean(axis=1)
        arrays[f"attn.{stage}.per_class"] = norms
        arrays[f"attn.{stage}.per_image"] = (a**2).sum(axis=1)
        arrays[f"attn.{stage}.token_mean"] = a.mean(axis=1)
    sizes = np.bincount(labels).tolist()
    said = {
        "task": "one", "criterion": "class_l2", "backbone": "b", "weights": "sha256:00", "sites": ["attn"],
        "tokens": "patch", "split": "train800", "images": len(labels), "images_per_class": sizes,
        "tokens_per_image": [T] * len(values), "keep_images": True, **meta,
    }  # fmt: skip
    return ChannelScores({k: v.astype(np.float32) for k, v in arrays.items()}, said, labels)


def put(store: Store, name: str, scores: ChannelScores, *, sums: bool = True) -> ScoreRecord:
    kinds = ("", "per_class") if not sums else ("", "per_class", "per_image", "token_mean")
    kept = {k: v for k, v in scores.arrays.items() if k.partition(".")[2][2:] in kinds}
    meta = {**scores.meta, "score_id": name, "keep_images": sums}
    folder = store.score_dir(name)
    folder.mkdir(parents=True, exist_ok=True)
    whole = ChannelScores(kept, meta, scores.labels if sums else None)
    (folder / "scores.safetensors").write_bytes(to_bytes(whole))
    (folder / "meta.json").write_text(json.dumps(meta))
    return ScoreRecord.of(meta)


def table(store: Store, name: str = "one", ks=(4, 6), *, keep: Store | None = None) -> MadeOf:
    path = store.score_file(name)
    record = ScoreRecord.of(load_scores(path, kinds=()).meta, score_id=name)
    records = [ScoreRecord.of(meta) for meta in store.scores()]
    asked = Asked(record=record, path=path, site="attn", ks=ks)
    return made_of(asked, beside(record, records, site="attn"), store, keep=keep)


@pytest.fixture
def filled(store: Store) -> Store:
    """A task with sums, two others, class tokens, and files that were scored in another way."""
    labels = np.append(np.arange(21) % 3, [0, 0])
    put(store, "one", scores_of(activations(1), labels))
    put(store, "few", scores_of(activations(2, 7), labels[:7], task="two"))
    put(store, "two", scores_of(activations(3), labels, task="two"))
    put(store, "three", scores_of(activations(4, 90), np.arange(90) % 3, task="three"))
    put(store, "cls", scores_of(activations(5), labels, tokens="cls"))
    put(store, "cls-of-two", scores_of(activations(6), labels, tokens="cls", task="two"))
    for name, said in (
        ("backbone", {"backbone": "c"}), ("weights", {"weights": "none"}), ("size", {"image_size": 32}),
        ("criterion", {"criterion": "l2"}), ("pixels", {"pixel_normalisation": "imagenet"}),
        ("options", {"options": {"normed": True}}),
    ):  # fmt: skip
        put(store, name, scores_of(activations(7), labels, task=name, **said))
        put(store, f"cls-{name}", scores_of(activations(8), labels, **{"tokens": "cls", **said}))
    put(store, "cls-few", scores_of(activations(9, 7), labels[:7], tokens="cls"))
    return store


def best(scores: np.ndarray, k: int) -> set[int]:
    return set(sorted(range(len(scores)), key=lambda c: (-scores[c], c))[:k])


def test_every_column_is_what_a_slow_restatement_gives(filled):
    """From the activations themselves, channel by channel."""
    found = table(filled)
    labels = np.append(np.arange(21) % 3, [0, 0])
    own, two, three, cls = (activations(s, n) for s, n in ((1, 23), (3, 23), (4, 90), (5, 23)))
    draw = np.random.default_rng(0)
    orders = [draw.permutation(23) for _ in range(10)]

    def class_l2(a: np.ndarray, of: np.ndarray) -> np.ndarray:  # (N, T, D)
        return np.mean([np.sqrt((a[of == c] ** 2).sum(axis=(0, 1))) for c in range(3)], axis=0)

    blocks = [(0, 0, 4, 12), (0, 1, 4, 12), (1, 0, 6, 20)]
    assert (found.tasks, found.shuffles, found.same_images) == (["three", "two"], 10, [])
    assert [(row.stage, row.block, row.k, row.channels) for row in found.rows] == [
        (stage, block, k, width) for block, (stage, _, k, width) in enumerate(blocks)
    ]
    for row, (stage, within, k, _) in zip(found.rows, blocks, strict=True):
        a, b, c, d = (each[stage][:, :, within] for each in (own, two, three, cls))
        chosen = best(class_l2(a, labels), k)
        stay = []
        for order in orders:
            shuffled = np.empty(23, int)
            shuffled[order] = np.sort(labels)
            stay.append(len(chosen & best(class_l2(a, shuffled), k)))
        others = [class_l2(b, labels), class_l2(c, np.arange(90) % 3)]
        mean = np.mean([other / other.sum() for other in others], axis=0)
        energies = (a**2).sum(axis=(0, 1))
        offsets = 23 * T * a.mean(axis=(0, 1)) ** 2
        mine = sorted(chosen)
        assert row.chance == k * k / a.shape[2]
        assert row.shuffled == pytest.approx(np.mean(stay))
        assert row.l2 == len(chosen & best(energies, k))
        assert row.others == len(chosen & best(mean, k))
        assert row.cls == len(chosen & best(class_l2(d, labels), k))
        assert row.top_channel == np.argmax(energies)
        assert row.top_share == pytest.approx(energies.max() / energies.sum(), rel=1e-5)
        assert row.offset_share == pytest.approx(
            offsets[mine].sum() / energies[mine].sum(), rel=1e-4
        )
    middle = found.rows[1]  # K in every column would pass otherwise
    assert max(middle.shuffled, middle.l2, middle.others, middle.cls) < middle.k


def rows_of(per_image, labels, k: int, means=None, tokens: int = 1) -> list[chosen_sums.SumsRow]:
    """Of one block (N, D), with the scores that its own sums give."""
    squares = np.asarray(per_image, np.float32)[:, None]
    by_class = [np.sqrt(squares[labels == c].sum(axis=0)) for c in np.unique(labels)]
    mean = None if means is None else [np.asarray(means, np.float32)[:, None]]
    sums = Sums("t", labels, [squares], token_mean=mean, tokens=[tokens])
    return chosen_sums.of_sums(sums, [np.mean(by_class, axis=0)], [k], shuffles=10, seed=0)


def test_all_of_k_stays_where_every_class_has_the_same_energy():
    labels = np.arange(40) % 4
    per_image = np.tile(np.arange(10.0), (40, 1))
    (row,) = rows_of(per_image, labels, 3)
    assert (row.shuffled, row.l2, row.top_channel) == (3, 3, 9)
    assert row.top_share == pytest.approx(9 / 45)
    assert row.offset_share is None


def test_nothing_stays_where_the_classes_alone_decide():
    """Channels 0–2 have the more energy, all of it in class 0: sqrt(50·3)/2 < sqrt(50·1) of the rest.

    Shuffled, both classes have about half: sqrt(25·3) > sqrt(50·1), as for the norm without classes.
    """
    labels = np.repeat([0, 1], 50)
    per_image = np.ones((100, 6))
    per_image[:, :3] = np.where(labels == 0, 3.0, 0.0)[:, None]
    (row,) = rows_of(per_image, labels, 3)
    assert (row.shuffled, row.l2) == (0, 0)


def test_offset_share_of_a_constant_is_1_and_of_a_mean_of_0_is_0():
    labels, draw = np.arange(20) % 2, np.random.default_rng(2)
    constant = np.tile(draw.normal(size=6), (20, 1))
    (row,) = rows_of(7 * constant**2, labels, 3, constant, tokens=7)
    assert row.offset_share == pytest.approx(1)
    half = draw.normal(size=(10, 6))
    (row,) = rows_of(
        7 * np.concatenate([half, half]) ** 2, labels, 3, np.concatenate([half, -half]), 7
    )
    assert row.offset_share == pytest.approx(0, abs=1e-12)


def test_offset_share_is_of_the_chosen_channels_alone():
    labels = np.arange(4) % 2
    means = np.array([[3.0, 1.0, 0.0]] * 2 + [[3.0, -1.0, 0.0]] * 2)
    (row,) = rows_of(2 * means**2, labels, 2, means, tokens=2)
    assert row.offset_share == pytest.approx(9 / 10)
    assert row.top_share == pytest.approx(9 / 10)


@pytest.mark.parametrize("options", [{}, {"normalise": True}])
def test_without_sums_norms_of_classes_tell_the_same_of_l2_and_the_top_channel(store, options):
    labels = np.repeat([0, 1, 2], (3, 6, 14))
    scores = scores_of(activations(1), labels, options=options)
    put(store, "one", scores)
    with_sums = table(store).rows
    put(store, "one", scores, sums=False)
    without = table(store).rows
    for a, b in zip(with_sums, without, strict=True):
        assert (a.l2, a.top_channel) == (b.l2, b.top_channel)
        assert a.top_share == pytest.approx(b.top_share, rel=1e-5)
        assert (b.shuffled, b.offset_share) == (None, None)


def test_what_was_made_of_sums_stays_when_they_are_gone(filled):
    before = table(filled, keep=filled)
    files = list((filled.root / "analysis").glob("made-of-*.json"))
    assert len(files) == 1
    put(filled, "one", load_scores(filled.score_file("one")), sums=False)
    assert table(filled) == dataclasses.replace(before, record=table(filled).record)
    files[0].unlink()
    after = table(filled)
    assert {row.shuffled for row in after.rows} == {None}
    assert after.shuffles is None
    assert [row.others for row in after.rows] == [row.others for row in before.rows]


def test_scores_in_another_way_are_not_beside_and_the_fullest_file_of_a_task_is(filled):
    records = {meta["score_id"]: ScoreRecord.of(meta) for meta in filled.scores()}
    held = beside(records["one"], records.values(), site="attn")
    assert [one.score_id for one in held.tasks] == ["three", "two"]
    assert held.cls == records["cls"]
    assert beside(records["cls"], records.values(), site="attn").cls is None
    assert beside(records["one"], records.values(), site="mlp") == Beside()
    nearer = dataclasses.replace(records["few"], split="train800val200")
    assert beside(nearer, records.values(), site="attn").tasks[1].task == "three"
    drawn = dataclasses.replace(records["one"], criterion="random")
    assert (
        beside(drawn, [dataclasses.replace(drawn, score_id="r", task="x")], site="attn") == Beside()
    )


def test_a_task_of_the_same_images_is_named(store):
    labels = np.arange(23) % 3
    put(store, "one", scores_of(activations(1), labels))
    put(
        store,
        "relabelled",
        scores_of(activations(1), labels[::-1] // 2, task="relabelled"),
        sums=False,
    )
    put(store, "two", scores_of(activations(3), labels, task="two"))
    found = table(store)
    assert found.tasks == ["relabelled", "two"]
    assert same_images_words(found).startswith("relabelled has the images of one")


def test_tasks_count_the_same_however_large_their_scores_are():
    draw = np.random.default_rng(5)
    one, other = draw.random((2, 3, 8))
    np.testing.assert_allclose(
        mean_of_tasks([[one], [other]]), mean_of_tasks([[one], [900 * other]])
    )
    signed = -one  # of `lowest:`: the ranking is kept
    np.testing.assert_array_equal(np.argsort(mean_of_tasks([[signed]])[0]), np.argsort(signed))
    np.testing.assert_array_equal(mean_of_tasks([[0 * one]])[0], 0)


def test_other_channels_and_a_k_that_does_not_fit(filled):
    put(
        filled,
        "two",
        scores_of(activations(3, 40, ((2, 13), (1, 20))), np.arange(40) % 3, task="two"),
    )
    assert table(filled).tasks == ["three"]
    with pytest.raises(InputError, match="k=13: a block has 12 channels"):
        table(filled, ks=(13, 6))
