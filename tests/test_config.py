"""What is asked for, checked and identified."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ict import weights as weight_files
from ict.catalogue import BUNDLED_WEIGHTS, get_backbone
from ict.config import ABOUT, DEFAULTS, FIELDS, NEUTRAL, RunConfig, parse_setting, run_id
from ict.errors import InputError
from ict.resolve import resolve
from tests.asked import VIT, resolved


def test_the_defaults_are_those_of_the_paper_and_visible():
    config = resolved().config
    assert (config.criterion, config.tokens, config.score_site, config.tune_site) == (
        "class_l2",
        "patch",
        "attn",
        "attn",
    )
    assert config.k == (24,)
    assert config.ratio is None
    assert (config.train_split, config.score_split, config.select_by) == (
        "train800",
        "train800",
        "last",
    )
    assert config.seed == 42


def test_the_same_question_has_the_same_id_however_it_is_put():
    assert resolved(ratio=0.125).run_id == resolved(k=24).run_id == resolved(k=(24,)).run_id
    assert resolved(k=24).run_id.startswith("digits-ict_tiny-ict-k24-")


@given(
    st.sampled_from(
        ["seed", "lr", "epochs", "scale", "init", "tune_site", "blocks", "criterion", "k"]
    )
)
def test_whatever_changes_the_result_changes_the_id(field):
    other = {
        "seed": 43,
        "lr": 0.123,
        "epochs": 7,
        "scale": 0.5,
        "init": "zero",
        "tune_site": "block",
        "blocks": (0, 1),
        "criterion": "l2",
        "k": 12,
    }
    assert resolved().run_id != resolved(**{field: other[field]}).run_id


def test_what_a_method_does_not_read_is_null_and_cannot_change_its_id():
    linear = resolved(method="linear")
    assert {linear.config.k, linear.config.criterion, linear.config.lr, linear.config.epochs} == {
        None
    }
    assert linear.run_id == resolved(method="linear", lr=3.0, k=5, criterion="l2").run_id
    full = resolved(method="full")
    assert full.config.tune_site is None
    assert full.config.lr is not None
    random = resolved(criterion="random")
    assert random.config.score_site is None
    assert random.run_id != resolved(criterion="random", selection_seed=1).run_id
    assert resolved().run_id == resolved(selection_seed=1).run_id


@pytest.mark.parametrize(
    ("words", "spelling"),
    [
        ({"selector": "random"}, {"criterion": "random"}),
        ({"selector": "lowest"}, {"criterion": "lowest"}),
        ({"selector": "lowest", "criterion": "taylor"}, {"criterion": "lowest:taylor"}),
        ({"selector": "lowest", "criterion": "lowest:taylor"}, {"criterion": "lowest:taylor"}),
        ({"selector": "top", "criterion": "taylor"}, {"criterion": "taylor"}),
        ({"selector": "random", "criterion": "taylor"}, {"criterion": "random"}),
        ({"criterion": "lowest:class_l2"}, {"criterion": "lowest"}),
    ],
)
def test_one_choice_of_channels_has_one_id_however_it_is_spelled(words, spelling):
    assert resolved(**words) == resolved(**spelling)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"selector": "botom"}, "top, lowest, random"),
        ({"selector": "top", "criterion": "lowest:taylor"}, "two choices"),
        ({"selector": "lowest", "criterion": "random"}, "two choices"),
        ({"selector": 3.5}, "selector"),
    ],
)
def test_a_selector_that_is_none_is_one_sentence(words, said):
    with pytest.raises(InputError, match=said):
        resolved(**words)


def test_every_field_says_what_it_means_and_who_reads_it():
    for name, one in ABOUT.items():
        assert one.help.endswith("."), name
        assert one.read_by.words(name), name
        default = DEFAULTS[name]
        if one.choices and default is not None:
            assert default in one.choices, name
        if isinstance(default, float):
            assert one.limits[0] <= default <= one.limits[1], name
        if one.is_later and one.choices:
            assert one.neutral in one.choices, name
            assert one.now in (None, *one.choices), name


def test_id_is_12_hex_digits_of_the_canonical_json():
    import hashlib
    import json

    config = resolved().config
    canonical = json.dumps(config.to_dict(), sort_keys=True, separators=(",", ":"))
    assert run_id(config).endswith("-" + hashlib.sha256(canonical.encode()).hexdigest()[:12])


def test_a_stored_configuration_reads_back():
    config = resolved(blocks=(3, 1)).config
    assert config.blocks == (1, 3)
    assert RunConfig.from_dict(config.to_dict()) == config
    with pytest.raises(InputError, match="no field 'novelty'"):
        RunConfig.from_dict({**config.to_dict(), "novelty": 1})


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"task": "digit"}, "did you mean 'digits'"),
        ({"backbone": "ict_tinny"}, "did you mean 'ict_tiny'"),
        ({"tune_site": "atn"}, "did you mean 'attn'"),
        ({"criterion": "class_12"}, "did you mean 'class_l2'"),
        ({"method": "loro"}, "did you mean 'lora'"),
        ({"k": 900}, "k=900: a block has 192 channels; choose 1 to 192"),
        ({"ratio": 1.5}, "more than 0 and at most 1"),
        ({"ratio": 0.1, "k": 3}, "both k and ratio"),
        ({"blocks": (12,)}, "blocks 0 to 11"),
        ({"epochs": 0}, "epochs=0"),
        ({"lr": "fast"}, "lr='fast': give a number"),
        ({"epochs": 2.5}, "epochs=2.5: give a whole number"),
        ({"drop_path": 1.5}, "drop_path=1.5"),
        ({"lrr": 1}, "did you mean 'lr'"),
        ({"train_split": "train1000"}, "choose one of train800, train800val200"),
        ({"select_by": "val", "train_split": "train800val200"}, "val200 must not be trained on"),
        ({"select_by": "val", "score_split": "train800val200"}, "scores must not see val200"),
        ({"score_task": "digitz"}, "no task 'digitz'"),
    ],
)
@pytest.mark.usefixtures("timm_here")
def test_bad_input_is_one_sentence(asked, sentence):
    with pytest.raises(InputError, match=sentence.replace("(", r"\(")) as error:
        resolved(**asked)
    assert "\n" not in str(error.value)


def test_weights_of_the_hub_that_are_not_here_are_explained():
    with pytest.raises(
        InputError, match=r"not on this machine.*--weights FILE.*--weights none"
    ) as error:
        resolve({"task": "digits", "backbone": VIT})
    assert "\n" not in str(error.value)


def test_weights_are_named_by_content_not_by_place(tmp_path):
    first, second = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    first.write_bytes(b"the same")
    second.write_bytes(b"the same")
    assert resolved(weights=first).run_id == resolved(weights=second).run_id
    second.write_bytes(b"another")
    assert resolved(weights=first).run_id != resolved(weights=second).run_id
    with pytest.raises(InputError, match="no such file"):
        resolved(weights=tmp_path / "none.safetensors")
    with pytest.raises(InputError, match="ends in"):
        resolved(weights=Path(__file__))


def test_bundled_weights_are_found():
    config = resolve({"task": "digits"}).config
    assert BUNDLED_WEIGHTS.is_file()
    assert config.weights.startswith("sha256:")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("epochs=5", ("epochs", 5)),
        ("lr=1e-3", ("lr", 0.001)),
        ("lr=1", ("lr", 1.0)),
        ("blocks=[0,3]", ("blocks", (0, 3))),
        ("scale_on_x=true", ("scale_on_x", True)),
        ("select_by=val", ("select_by", "val")),
        ("ratio=null", ("ratio", None)),
        ("test_curve=true", ("report_best_test", True)),
    ],
)
def test_settings_of_the_command_line(text, expected):
    assert parse_setting(text) == expected


def test_settings_that_cannot_be_read():
    with pytest.raises(InputError, match="write field=value"):
        parse_setting("epochs")
    with pytest.raises(InputError, match="epochs=True"):
        parse_setting("epochs=true")
    with pytest.raises(InputError, match=r"k=\[\]: give a list of whole numbers"):
        parse_setting("k=[]")


def test_every_field_is_in_the_stored_configuration():
    assert (
        set(resolved().config.to_dict()) | set(NEUTRAL)
        == set(FIELDS)
        == {f.name for f in dataclasses.fields(RunConfig)}
    )


@pytest.mark.parametrize("name", ["schema", "data", "score_data"])
def test_what_follows_from_the_rest_cannot_be_set(name):
    with pytest.raises(InputError, match="is not to be set"):
        parse_setting(f"{name}=2")


def test_a_backbone_without_known_weights_does_not_get_the_bundled_ones():
    name = "vit_giant_patch16_gap_224.in22k_ijepa"
    assert not weight_files.on_this_machine(get_backbone(name))
    with pytest.raises(InputError, match="give a file with --weights FILE"):
        resolve({"task": "digits", "backbone": name}, fetch=False)
    assert resolve({"task": "digits", "backbone": name}, weights="none").config.weights == "none"


ODD_VALUES = (
    None, True, False, 0, 1, -1, 1.0, 0.0, 2**63, 10**400, float("nan"), float("inf"), "", "x",
    "attn", "a\nb", "x" * 5000, [], [1], [True], [1.0], ["1"], [[1]], [2**63], {}, {"a": 1},
)  # fmt: skip


def outcome(check: Callable[[Any], object], record: Any) -> str:
    """What a check says of a record: a sentence, or nothing."""
    try:
        check(record)
    except InputError as error:
        return f"{type(error).__name__}: {error}"
    return ""


@pytest.mark.parametrize("name", [*FIELDS, "of_a_newer_version"])
def test_a_stored_configuration_is_checked_as_it_is_read(name):
    """Whatever was checked before: values that are equal and of other types are told apart."""
    record = resolve({"task": "digits", "k": [24]}).config.to_dict()
    for value in (*ODD_VALUES, *reversed(ODD_VALUES)):
        odd = {**record, name: value}
        assert outcome(RunConfig.check_stored, odd) == outcome(RunConfig.from_dict, odd), value
    without = {key: value for key, value in record.items() if key != name}
    assert outcome(RunConfig.check_stored, without) == outcome(RunConfig.from_dict, without)


@pytest.mark.parametrize("record", [None, [], "x", {}, {"tasks": "digits"}])
def test_what_is_no_configuration_is_checked_as_it_is_read(record):
    said = outcome(RunConfig.check_stored, record)
    assert said == outcome(RunConfig.from_dict, record) != ""
