"""*Criteria* and *Transfer*: on every store, empty, and with numbers that are known beforehand."""

import json
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from ict.scores import load_scores
from ict.store import Store
from tests.app import fixture_store
from tests.app.conftest import STATES, Open

PAGES = ("criteria", "transfer")
SEEDS = (42, 44, 82)
BLOCKS, WIDTH = fixture_store.VIT_SMALL[0]


def add_check(store: Store, criteria: tuple[str, ...] = ("class_l2", "taylor")) -> str:
    """What `ict causal digits` leaves: two fractions, two random draws, three channels a block."""
    curves = []
    orders = [(name, "top", 0) for name in criteria] + [("random", "random", i) for i in range(2)]
    for series, order, draw in orders:
        for mode in ("deletion", "insertion"):
            for fraction in (0.5, 1.0):
                kept = fraction if mode == "insertion" else 1 - fraction
                curves.append(
                    {"series": series, "criterion": None if order == "random" else series,
                     "order": order, "seed": draw, "mode": mode, "fraction": fraction,
                     "k": [int(WIDTH * fraction)], "accuracy": 0.1 + 0.8 * kept + 0.01 * draw,
                     "log_probability": -1.0}
                )  # fmt: skip
    scatter = [
        {"block": block, "channel": channel, "effect": 0.1, "effect_size": 0.1 * channel,
         "scores": {name: float(channel) for name in criteria}}
        for block in range(BLOCKS) for channel in (3, 50, 117)
    ]  # fmt: skip
    agreement = [
        {"criterion": name, "block": block, "spearman": 1.0, "n": 3}
        for name in criteria for block in range(BLOCKS)
    ]  # fmt: skip
    folder = store.causal_dir / "digits-ict_tiny-attn-abcdef"
    folder.mkdir(parents=True)
    document = {
        "causal_id": folder.name, "task": "digits", "backbone": "ict_tiny", "site": "attn",
        "criteria": list(criteria), "replacement": "mean", "blocks": None, "accuracy": 0.9,
        "log_probability": -0.3, "validation_images": 200, "curves": curves, "scatter": scatter,
        "agreement": agreement, "notes": [], "created_at": "2026-01-01T08:00:00.000Z",
    }  # fmt: skip
    fixture_store.write(folder / "causal.json", document)
    return folder.name


def add_transfer(store: Store) -> None:
    """digits and count on each other's channels and on chance; digits loses 2, 4, 6 points."""
    losses = {"digits": (0.02, 0.04, 0.06), "count": (0.05, 0.05, 0.051)}
    for (task, lost), other in zip(losses.items(), ("count", "digits"), strict=True):
        for seed, loss in zip(SEEDS, lost, strict=True):
            best = 0.9 + seed / 10_000
            fixture_store.add_done(store, task=task, seed=seed, accuracy=best)
            fixture_store.add_done(
                store, task=task, seed=seed, accuracy=best - loss, score_task=other
            )
            off = {"criterion": "random", "score_task": None, "score_site": None}
            off |= {"score_split": None, "selection_seed": 0}
            fixture_store.add_done(store, task=task, seed=seed, accuracy=best - loss, **off)


@pytest.fixture
def filled(stores: dict[str, Store], tmp_path: Path) -> Store:
    """A store with two criteria on digits, a causal check and a transfer study, as `filled`."""
    store = Store(tmp_path / "filled")
    fixture_store.add_scores(store, criterion="class_l2", seed=0)
    fixture_store.add_scores(store, criterion="taylor", seed=5)
    add_check(store)
    add_transfer(store)
    stores["filled"] = store
    yield store
    del stores["filled"]


def score_arrays(store: Store) -> list[np.ndarray]:
    """(blocks, D) of the two criteria of `filled`."""
    ids = ("digits-ict_tiny-class_l2-000000", "digits-ict_tiny-taylor-000005")
    return [load_scores(store.score_dir(score_id)).site("attn")[0] for score_id in ids]


def figures(app: AppTest) -> list[dict]:
    return [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]


def captions(app: AppTest) -> str:
    return "\n".join(caption.value for caption in app.caption)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("state", [*STATES, "study"])
def test_page_draws_without_an_exception(open_page: Open, page: str, state: str) -> None:
    app = open_page(page, state)
    assert not app.exception
    assert [title.value for title in app.title] == [page.capitalize()]


@pytest.mark.parametrize(
    ("page", "commands"),
    [
        ("criteria", ["ict score digits --criterion taylor", "ict causal digits --criterion"]),
        ("transfer", ["ict train digits --seed 42 --set score_task=sprites_loc"]),
    ],
)
def test_empty_page_says_the_command_and_leads_to_train(
    open_page: Open, page: str, commands: list[str]
) -> None:
    app = open_page(page, "empty")
    button = app.button(key="empty_train")
    text = "\n".join(element.value for element in (*app.markdown, *app.code))
    assert all(command in text for command in commands)
    after = button.click().run()
    assert not after.exception
    assert [title.value for title in after.title] == ["Train"]


@pytest.mark.parametrize(
    ("page", "state", "command", "leads_to"),
    [
        ("transfer", "one", "ict train digits --seed 42 --set score_task=sprites_loc", "Train"),
        ("predictions", "empty", "ict train digits", "Train"),
        ("predictions", "killed", "ict resume digits", "Run"),
        ("predictions", "running", "ict runs", "Run"),
        ("compare", "empty", "ict train digits --method linear", "Train"),
    ],
)
def test_empty_page_leads_to_what_is_missing(
    open_page: Open, page: str, state: str, command: str, leads_to: str
) -> None:
    app = open_page(page, state)
    assert not app.exception
    assert command in "\n".join(element.value for element in app.code)
    after = next(b for b in app.button if str(b.key).startswith("empty_")).click().run()
    assert not after.exception
    assert [title.value for title in after.title] == [leads_to]


def test_train_opens_with_the_run_that_a_transfer_lacks(open_page: Open) -> None:
    app = open_page("transfer", "one").button(key="empty_train").click().run()
    assert app.query_params["score_on"] in ("sprites_loc", ["sprites_loc"])
    assert app.query_params["tasks"] in ("digits", ["digits"])


def test_one_run_alone_is_offered_its_controls_on_compare(open_page: Open) -> None:
    app = open_page("compare", "one")
    assert not app.exception
    assert "ict runs controls" in "\n".join(element.value for element in app.code)
    assert "Start 6 runs" in [button.label for button in app.button]


def test_matrix_and_lines_are_the_correlations_of_the_score_files(
    open_page: Open, filled: Store
) -> None:
    from scipy.stats import spearmanr

    app = open_page("criteria", "filled")
    assert not app.exception
    a, b = score_arrays(filled)
    expected = [spearmanr(one, other).statistic for one, other in zip(a, b, strict=True)]
    matrix, lines = figures(app)[:2]
    assert matrix["data"][0]["text"][0][1] == f"{np.mean(expected):.2f}"[1:]
    assert [trace["name"] for trace in lines["data"]] == ["taylor"]
    single = open_page("criteria", "filled", agree_in="3")
    assert figures(single)[0]["data"][0]["text"][0][1] == f"{expected[3]:.2f}"[1:]


def test_top_k_agreement_is_kunchevas_index(open_page: Open, filled: Store) -> None:
    app = open_page("criteria", "filled", agree="top K", kd_criteria="1/4", agree_in="0")
    assert not app.exception
    assert app.select_slider(key="kd").value == "1/4"
    tops = [set(np.argsort(-scores[0])[:48].tolist()) for scores in score_arrays(filled)]
    index = (len(tops[0] & tops[1]) * 192 - 48**2) / (48 * 144)
    assert figures(app)[0]["data"][0]["text"][0][1] == f"{index:.2f}"[1:]


def test_stages_of_a_swin_are_counted_through(open_page: Open, filled: Store) -> None:
    swin = "swin_base_patch4_window7_224.ms_in22k"
    for seed, criterion in enumerate(("class_l2", "taylor")):
        fixture_store.add_scores(
            filled, "dtd", backbone=swin, criterion=criterion, classes=47, seed=seed
        )
    app = open_page("criteria", "filled", scored=f"dtd · {swin} · train800 · 800 images")
    assert not app.exception
    assert app.selectbox(key="scored").value.startswith("dtd")
    assert figures(app)[1]["data"][0]["x"] == list(range(24))


def test_a_block_of_equal_scores_is_a_gap() -> None:
    from ict_app.channels.criteria_view import measured

    one = np.arange(12.0).reshape(2, 6)
    flat = np.stack([one[0], np.zeros(6)])
    for measure in ("spearman", "top-k"):
        values = measured({"a": [one], "b": [flat]}, measure, 0.5)
        assert values[0, 0, 1] == pytest.approx(1)
        assert np.isnan(values[1, 0, 1])


def test_causal_check_shows_curves_and_scatter(open_page: Open, filled: Store) -> None:
    app = open_page("criteria", "filled", effect_in="2")
    deletion, insertion, scatter, lines = figures(app)[2:]
    assert deletion["layout"]["shapes"][0]["label"]["text"] == "nothing replaced"
    assert {"class_l2", "taylor", "random"} <= {
        name for trace in deletion["data"] for name in str(trace.get("name")).split(" = ")
    }
    assert "replaced" in deletion["layout"]["xaxis"]["title"]["text"]
    assert "kept" in insertion["layout"]["xaxis"]["title"]["text"]
    assert scatter["data"][0]["customdata"] == [f"{c} of block 2" for c in (3, 50, 117)]
    assert [trace["name"] for trace in lines["data"]] == ["class_l2", "taylor"]
    assert captions(app).count("annot show") >= 5


def test_torn_causal_check_is_left_out(open_page: Open, filled: Store) -> None:
    (filled.causal_dir / "torn").mkdir()
    (filled.causal_dir / "torn" / "causal.json").write_text('{"curves": [')
    app = open_page("criteria", "filled")
    assert not app.exception
    assert len(figures(app)) == 6


def test_transfer_marks_what_its_interval_says(open_page: Open, filled: Store) -> None:
    app = open_page("transfer", "filled")
    assert not app.exception
    (matrix,) = figures(app)
    told, untold = matrix["data"]
    assert (told["y"], told["x"]) == (["count", "digits"], ["count", "digits", "random"])
    assert told["text"] == [["", "−5.0*", "−5.0*"], ["", "", ""]]
    assert untold["text"] == [["", "", ""], ["−4.0", "", "−4.0"]]
    table = app.dataframe[0].value
    assert set(table["n"]) == {3}
    row = table[(table["trained on"] == "digits") & (table["channels of"] == "count")].iloc[0]
    assert row["interval"] == "−8.97 to +0.97"  # 4 ± t(2) · 2 / sqrt(3)
    assert "annot show" in captions(app)


def test_foreign_runs_without_their_own_are_counted(
    open_page: Open, stores: dict[str, Store], tmp_path: Path
) -> None:
    stores["alone"] = Store(tmp_path / "alone")
    fixture_store.add_done(stores["alone"], task="digits", score_task="count")
    try:
        app = open_page("transfer", "alone")
    finally:
        del stores["alone"]
    assert not app.exception
    assert "1 run on foreign channels" in "\n".join(element.value for element in app.markdown)


def test_settings_part_the_matrix(open_page: Open, filled: Store) -> None:
    for seed in SEEDS:
        for source in ("digits", "count"):
            accuracy = 0.8 + (source == "digits") * seed / 1000
            fixture_store.add_done(
                filled, task="digits", seed=seed, lr=0.02, score_task=source, accuracy=accuracy
            )
    app = open_page("transfer", "filled")
    options = app.selectbox(key="setting").options
    assert len(options) == 2
    assert options[1].endswith("lr 0.02")
