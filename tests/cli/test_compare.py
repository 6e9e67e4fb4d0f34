"""`ict compare` and its four figures as a shell meets them."""

import json
import shlex

import numpy as np
import pytest
from click.testing import CliRunner

from ict.analysis.comparing import compare
from ict.analysis.sides import find_side
from ict.cli import main
from ict.store import Store
from tests.answered_runs import run_of, wrong_at

LABELS = np.arange(300) % 10


def ict(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, list(words))
    assert result.exit_code == code, result.output + str(result.exception)
    return result.stdout if code == 0 or "--json" in words else result.output


@pytest.fixture
def runs(store: Store) -> dict[str, list[str]]:
    """Run ids of two methods, five seeds each."""
    asked = {"ict": {"method": "ict", "ratio": 0.125}, "bitfit": {"method": "bitfit"}}
    return {
        name: [
            run_of(
                store,
                wrong_at(LABELS, np.random.default_rng([seed, len(name)]), share),
                LABELS,
                seed=seed,
                **fields,
            )
            for seed in (42, 44, 82, 100, 800)
        ]
        for (name, fields), share in zip(asked.items(), (0.05, 0.2), strict=True)
    }


def test_json_is_what_the_package_says(store, runs):
    told = json.loads(ict("compare", "method=ict", "method=bitfit", "--json"))
    found = compare(find_side("method=ict", store), find_side("method=bitfit", store), store)
    assert told == json.loads(json.dumps(found.to_dict()))
    assert [v["verdict"] for v in told["verdicts"]] == ["different", "different"]
    assert told["margin"] == 0.01


def test_losses_are_told_in_nats(store, runs):
    from ict.analysis.outcomes import LOSS

    better = run_of(store, LABELS, LABELS, seed=1, losses=np.full(300, 0.25), method="lora")
    worse = run_of(store, LABELS, LABELS, seed=1, losses=np.full(300, 0.75), method="full")
    text = ict("compare", better, worse, "--outcome", "loss")
    assert "digits: A 0.250 nats, B 0.750 nats, 300 test images" in text
    assert "−0.500 nats (no interval" in text
    assert "; lower is better" in text
    words = ("compare", "method=ict", "method=bitfit", "--outcome", "loss")
    told = json.loads(ict(*words, "--margin", "0.2", "--json"))
    sides = (find_side(f"method={name}", store) for name in ("ict", "bitfit"))
    found = compare(*sides, store, outcome=LOSS, margin=0.2)
    assert told == json.loads(json.dumps(found.to_dict()))
    assert (told["outcome"], told["unit"], told["margin"]) == ("loss", "nats", 0.2)
    plain = json.loads(ict("compare", "method=ict", "method=bitfit", "--json"))
    assert (plain["outcome"], plain["unit"]) == ("accuracy", "fraction")


def test_a_forest_of_losses_is_drawn_in_nats_and_redrawn(store, runs, tmp_path):
    from ict.figures.asked import Choice
    from ict.figures.from_store import bundle, look_up

    found = look_up(["method=ict", "method=bitfit"], store)
    drawn = bundle("compare", found, Choice(outcome="loss"))
    assert drawn.figure.layout.xaxis.title.text.endswith("(nats of test loss; lower is better)")
    assert "the band is ± 0.05 nats" in drawn.caption_text
    assert "point" not in drawn.caption_text
    band = drawn.figure.layout.shapes[0]
    assert (band.x0, band.x1) == (-0.05, 0.05)
    assert (drawn.provenance["outcome"], drawn.provenance["unit"]) == ("loss", "nats")
    assert "--outcome=loss" in drawn.provenance["command"]
    words = ("figure", "power", "method=ict", "method=bitfit", "--outcome", "loss")
    said = ict(*words, "--out", str(tmp_path / "x.html"), "--json", code=2)
    assert "this figure is of accuracies" in json.loads(said)["error"]


def test_two_runs_print_both_discordant_counts_and_classes(runs):
    a, b = runs["ict"][0], runs["bitfit"][0]
    text = ict("compare", a, b, "--by", "class")
    flips = json.loads(ict("compare", a, b, "--json"))["tasks"][0]["flips"]
    assert f"{flips['lost']} of 300 test images are right under A alone" in text
    assert f"{flips['gained']} under B alone" in text
    assert text.count("class ") >= 10
    assert "One seed each" in text


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["method=ict"], "needs two"),
        (["method=ict", "method=bitfit", "--margin", "0"], "above 0"),
        (["method=ict", "method=bitfit", "--margin", "nan"], "nan"),
        (["method=ict", "method=bitfit", "--margin", "0", "--outcome", "loss"], "nats above 0"),
        (["method=ict", "method=bitfit", "--outcome", "los"], "los"),
        (["no-such-run", "method=bitfit"], "no run"),
        (["method=ict", "method=ict"], "the same runs"),
    ],
)
def test_bad_input_is_one_sentence(runs, words, sentence):
    told = json.loads(ict("compare", *words, "--json", code=2))
    assert sentence in told["error"]
    assert "\n" not in told["error"]


@pytest.mark.parametrize(
    ("figure", "of"),
    [
        ("compare", ["method=ict", "method=bitfit"]),
        ("flips", ["ict:0", "bitfit:0"]),
        ("agreement-methods", ["ict:0", "bitfit:0", "ict:1"]),
        ("power", ["method=ict", "method=bitfit"]),
        ("confusion", ["ict:0"]),
        ("class-accuracy", ["bitfit:1"]),
    ],
)
def test_a_figure_is_redrawn_by_its_own_command(runs, tmp_path, figure, of):
    sources = [runs[s.split(":")[0]][int(s.split(":")[1])] if ":" in s else s for s in of]
    out = tmp_path / "one.json"
    ict("figure", figure, *sources, "--out", str(out))
    told = json.loads(out.read_text())
    provenance = told["meta"] if "meta" in told and "command" in told["meta"] else told
    words = shlex.split(provenance["command"])[1:]
    again = tmp_path / "two.json"
    words = [w for w in words if not w.startswith("--out")] + ["--out", str(again)]
    ict(*words)
    assert json.loads(again.read_text())["run_ids"] == provenance["run_ids"]
    of_few = {"flips": 2, "agreement-methods": 3, "confusion": 1, "class-accuracy": 1}
    assert len(provenance["run_ids"]) == of_few.get(figure, 10)


def test_the_forest_draws_what_compare_says(store, runs, tmp_path):
    out = tmp_path / "forest.csv"
    ict("figure", "compare", "method=ict", "method=bitfit", "--out", str(out))
    header, first, *_ = [line.split(",") for line in out.read_text().splitlines()]
    found = compare(find_side("method=ict", store), find_side("method=bitfit", store), store)
    row = dict(zip(header, first, strict=False))
    assert float(row["difference"]) == pytest.approx(found.verdicts[0].difference.mean)
    assert float(row["low"]) == pytest.approx(found.verdicts[0].difference.interval()[0])


def test_a_figure_of_two_refuses_other_numbers_of_sources(runs, tmp_path):
    for sources in ([], runs["ict"][:1], runs["ict"][:3]):
        said = ict(
            "figure", "compare", *sources, "--out", str(tmp_path / "x.html"), "--json", code=2
        )
        assert "this figure is of A and B" in json.loads(said)["error"]


def test_a_study_alone_tells_its_contrasts(store):
    from ict.store import studies
    from tests.analysis.test_study_contrasts import DOCUMENT, finish

    finish(store, studies.create(store, DOCUMENT))
    text = ict("compare", "study:three")
    assert text.startswith("The primary contrast, grid − random-K at K/D = 1/8")
    told = json.loads(ict("compare", "study:three", "--margin", "2", "--json"))
    assert told["primary"]["verdicts"][0]["margin"] == 0.02
    assert len(told["family"]) == 2
    assert len(told["exploratory"]) == 6
    told = json.loads(ict("compare", "study:three", "--outcome", "loss", "--json"))
    assert (told["unit"], told["primary"]["verdicts"][0]["margin"]) == ("nats", 0.05)
