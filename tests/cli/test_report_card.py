"""`ict criteria report` as a shell meets it: a user's file beside two criteria, refusals, the files it writes."""

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ict.analysis.report_card import CardRow, ReportCard
from ict.cli import main
from ict.cli.report_card_words import content, text
from tests.outside_package import documented


def ict(*words: str, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["criteria", "report", *words])
    assert result.exit_code == code, result.output + str(result.exception)
    return result


@pytest.mark.slow
def test_a_file_of_ones_own_stands_beside_two_criteria_and_the_selectors(tmp_path):
    ((name, program),) = documented("class_spread", "criteria-report.md").items()
    file, out = tmp_path / name, tmp_path / "card.csv"
    file.write_text("print('mine')\n" + program)
    small = ("--limit", "40", "--image-size", "32", "--scatter", "3", "--file", str(file))
    result = ict("digits", "--criterion", "l2", *small, "--out", str(out), "--json")
    card = json.loads(result.stdout)  # one document, whatever the file prints
    names = [row["name"] for row in card["rows"]]
    assert names[:3] == ["class_l2", "l2", "class_spread"]
    assert names[3:] == [
        "gradient:adapter_gradient", "gradient_rw:adapter_gradient",
        "energy_read_gradient_write:class_l2", "random",
    ]  # fmt: skip
    assert (card["path"], card["images"], card["images_of_halves"]) == (str(out), 40, [20, 20])
    assert (card["k"], card["channels"], card["check_images"]) == ([24], [192], 64)
    for row in card["rows"][:3]:
        assert row["regret_unit"] > 0 < row["regret_sign"]
        assert -1 <= row["fidelity"] <= 1
        assert 0 < row["stability_read"] <= 1
        assert row["seconds"] > 0
    table = list(csv.DictReader(out.open()))
    assert [one["name"] for one in table] == names
    assert {one["task"] for one in table} == {"digits"}
    assert float(table[2]["l2_read"]) == card["rows"][2]["l2_read"]


def one_row(**more) -> CardRow:
    plain = dict.fromkeys(CardRow.__dataclass_fields__)
    sure = {"name": "taylor", "kind": "criterion", "fidelity_blocks": 12, "chance": 0.125}
    return CardRow(**{**plain, **sure, **more})


def card_of(*rows: CardRow, **more) -> ReportCard:
    plain = {
        "task": "digits", "backbone": "ict_tiny", "weights": "none", "site": "attn", "k": (24,), "channels": (192,),
        "blocks": 12, "split": "train800", "images": 200, "images_of_halves": (100, 100),
        "check_split": "val200", "check_images": 64, "check_channels": 8, "device": "cpu", "notes": (),
    }  # fmt: skip
    return ReportCard(rows=rows, **{**plain, **more})


FULL = {
    "regret_unit": 0.436, "regret_unit_lowest": 0.31, "regret_unit_highest": 0.552, "regret_sign": -0.004,
    "regret_sign_lowest": -0.004, "regret_sign_highest": -0.004, "fidelity": 0.444, "stability_read": 0.72,
    "stability_write": 0.24, "l2_read": 0.4, "l2_write": 0.4, "seconds": 12.06, "seconds_over_class_l2": 2.3,
}  # fmt: skip


def test_the_table_is_aligned_with_units_and_says_what_is_not_known():
    own = one_row(name="mine", kind="file")
    two = one_row(name="gradient_rw:adapter_gradient", kind="selector")
    said = text(card_of(one_row(**FULL), own, two, notes=("fisher is left out: why",)))
    title, _, head, *rows = said.splitlines()[:6]
    assert title == (
        "digits on ict_tiny, site attn: K = 24 of 192 channels in each of 12 blocks, 200 images of train800"
    )
    assert [one.split() for one in rows] == [
        ["taylor", "44", "(31–55)", "0", "0.44", "72/24", "40", "12.1", "2.3"],
        ["mine", "(your", "file)", *"–––––––"],
        ["gradient,", "two", "sets", *"–––––––"],
    ]
    assert {line.index("–", 20) for line in rows[1:]} == {head.index("regret, unit %")}
    of_stages = text(card_of(one_row(), k=(12, 24), channels=(96, 192)))
    assert "K = 12 of 96, 24 of 192 channels in the blocks of each stage" in of_stages
    assert "chance 12.5 %" in said
    assert "8 channels a block, mean over blocks; 0 ± 0.11 where" in " ".join(said.split())
    assert "note      fisher is left out: why" in said
    assert max(map(len, said.splitlines())) <= 115
    assert "fidelity  " not in text(card_of(one_row(), check_channels=0)).split("\n\n")[2]


def test_markdown_is_a_table_and_csv_has_every_column():
    card = card_of(one_row(**FULL), one_row(name="random", kind="selector"))
    lines = content(card, "md").decode().splitlines()
    assert lines[2].startswith("| chosen by | regret, unit % |")
    assert lines[4] == "| taylor | 44 (31–55) | 0 | 0.44 | 72/24 | 40 | 12.1 | 2.3 |"
    assert len({line.count("|") for line in lines[2:6]}) == 1
    (first, second) = csv.DictReader(content(card, "csv").decode().splitlines())
    assert {name: first[name] for name in FULL} == {name: str(v) for name, v in FULL.items()}
    assert (second["name"], second["regret_unit"], second["k"]) == ("random", "", "24")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("digitz",), "did you mean 'digits'"),
        (("digits", "--criterion", "tailor"), "did you mean 'taylor'"),
        (("digits", "--criterion", "random"), "no criterion 'random'"),
        (("digits", "--criterion", "adapter_gradient"), "is no ranking of channels"),
        (("digits", "--site", "atn"), "site"),
        (("digits", "--k", "300"), "a block has 192 channels"),
        (("digits", "--k", "3", "--ratio", "0.1"), "choose one"),
        (("digits", "--ratio", "1.5"), "choose more than 0 and at most 1"),
        (("digits", "--scatter", "2"), "choose 3 or more, or 0"),
        (("digits", "--limit", "0"), "choose 1 to"),
        (("digits", "--image-size", "33"), "multiples of 8 pixels"),
        (("digits", "--out", "card.xlsx"), "ends in .csv or .md"),
        (("digits", "--out", "nowhere/card.csv"), "there is no such folder"),
        (("digits", "--out", "kept.csv"), "overwrite it with --force"),
        (("digits", "--file", "nowhere.py"), "nowhere.py: no such file"),
        (("digits", "--file", "kept.csv"), "kept.csv: no Python file"),
        (("digits", "--file", "bad.py"), "bad.py, line 1: cannot be loaded: NameError"),
        (("digits", "--file", "fisher.py"), "'fisher' is the name of another criterion"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_before_anything_is_computed(
    words, sentence, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Path("kept.csv").write_text("mine")
    Path("bad.py").write_text("nothing")
    Path("fisher.py").write_text("def compute(name, model, batches, request): ...")
    assert sentence in json.loads(ict(*words, "--json", code=2).stdout)["error"]
    assert not (tmp_path / "store").exists()
    assert Path("kept.csv").read_text() == "mine"


@pytest.mark.slow
def test_what_fails_in_a_file_is_told_before_built_in_criteria_are_scored(tmp_path, store):
    file = tmp_path / "mine.py"
    file.write_text("def compute(name, model, batches, request):\n    return model.no_such_part\n")
    words = ("digits", "--limit", "20", "--image-size", "32", "--file", str(file))
    error = json.loads(ict(*words, "--json", code=2).stdout)["error"]
    assert f"{file}, line 2: compute failed: AttributeError" in error
    assert store.scores() == []
