"""Ids hold for ever, and zero is a value."""

import dataclasses
import json
import math
from pathlib import Path

import pytest

from ict.config import ABOUT, NEUTRAL, RunConfig, parse_setting, ran_otherwise, run_id
from ict.documents.identity import REQUESTS, canonical, check_finite, digest
from ict.errors import InputError
from ict.resolve import resolve
from ict.scoring import ScoreRequest
from ict.scoring.causal import Plan
from ict.scoring.causal_task import CausalRequest
from ict.scoring.inspect_task import InspectRequest
from ict.tasks import fingerprint
from ict.tasks.limits import RULES
from tests.golden.make import TASK, make_folder

NOW = {name: one.now for name, one in ABOUT.items() if one.now is not None}
ROOT = Path(__file__).resolve().parents[1]
GOLDEN, EXAMPLE = ROOT / "tests/golden", ROOT / "tests/example_0_1_0"


def stored(pattern: str, *folders: Path) -> list:
    paths = [path for folder in folders for path in sorted(folder.glob(pattern))]
    return [pytest.param(path, id=path.parent.name) for path in paths]


def golden_config(part: str) -> dict:
    (path,) = GOLDEN.glob(f"runs/golden-ict_tiny-{part}/config.json")
    return json.loads(path.read_text())["config"]


def request(kind: type, meta: dict):
    """The request that a stored file of 0.1.0 tells of."""
    names = [field.name for field in dataclasses.fields(kind)]
    later = [name for name in REQUESTS if name in names]
    assert [name for name in names if name not in meta] == later
    fields = {name: meta[name] for name in names if name in meta}
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()})


@pytest.mark.parametrize("path", stored("runs/*/config.json", EXAMPLE, GOLDEN))
def test_a_run_of_0_1_0_keeps_its_id(path):
    config = RunConfig.from_dict(json.loads(path.read_text())["config"])
    assert run_id(config) == path.parent.name
    assert config.to_dict() == json.loads(path.read_text())["config"]
    config.check_total()


@pytest.mark.parametrize("path", stored("scores/*/meta.json", EXAMPLE, GOLDEN))
def test_a_score_of_0_1_0_keeps_its_id(path):
    assert request(ScoreRequest, json.loads(path.read_text())).score_id == path.parent.name


@pytest.mark.parametrize("path", stored("inspect/*/meta.json", EXAMPLE))
def test_an_inspection_of_0_1_0_keeps_its_id(path):
    assert request(InspectRequest, json.loads(path.read_text())).inspect_id == path.parent.name


@pytest.mark.parametrize("path", stored("causal/*/causal.json", EXAMPLE))
def test_a_causal_check_of_0_1_0_keeps_its_id(path):
    meta = json.loads(path.read_text())
    made = request(CausalRequest, meta | {"plan": request(Plan, meta)})
    assert made.causal_id == path.parent.name


def test_there_are_as_many_golden_files_as_the_promise_says():
    assert len(stored("runs/*/config.json", EXAMPLE)) == 18
    assert len(stored("scores/*/meta.json", EXAMPLE)) == 9
    assert len(stored("runs/*/config.json", GOLDEN)) == 5
    assert len(stored("scores/*/meta.json", GOLDEN)) == 2


def test_the_data_of_a_folder_keeps_its_fingerprint(tmp_path):
    make_folder(tmp_path)
    for path in GOLDEN.glob("*/*/*.json"):
        record = json.loads(path.read_text())
        assert fingerprint(TASK, root=tmp_path) == record.get("config", record)["data"]


@pytest.mark.parametrize("field", NEUTRAL)
def test_a_later_field_stays_out_of_the_id_at_its_neutral_value_alone(field):
    config = RunConfig(task="digits")
    assert getattr(config, field) == NEUTRAL[field]
    assert field not in config.to_dict()
    assert RunConfig.from_dict(config.to_dict()) == config
    chosen = {
        "zeros": "as_written",
        "schedule": "released",
        "head_init": "uniform",
        "head_lr": 0.1,
        "image_size": 32,
        "shots": 4,
        "shot_seed": 1,
        "selector_norm": "sign",
        "whiten": True,
        "budget": "unit",
    }
    other = {**NOW, **chosen}[field]
    assert other != NEUTRAL[field]
    changed = dataclasses.replace(config, **{field: other})
    assert changed.to_dict()[field] == other
    assert run_id(changed) != run_id(config)
    assert RunConfig.from_dict(changed.to_dict()) == changed


READ = {
    "limit_rule": {"limit": 64},
    "draws_by_task": {"criterion": "random"},
    "probe_version": {"method": "linear"},
}
"""What makes a run read a later field."""


@pytest.mark.parametrize("field", NOW)
def test_a_new_request_has_the_value_of_now_where_it_reads_the_field(field):
    unread = resolve({"task": "digits", field: NOW[field]}, weights="none").config
    assert field not in unread.to_dict()
    now = resolve({"task": "digits", **READ[field]}, weights="none").config
    assert now.to_dict()[field] == NOW[field]
    then = resolve({"task": "digits", **READ[field], field: NEUTRAL[field]}, weights="none").config
    assert field not in then.to_dict()
    assert run_id(then) != run_id(now)


@pytest.mark.parametrize("kind", [ScoreRequest, InspectRequest, CausalRequest])
def test_the_rule_of_a_limit_is_part_of_every_id_but_the_old_ones(kind):
    more = {"criteria": ("l2",), "plan": Plan()} if kind is CausalRequest else {}
    asked = {"task": "digits", "backbone": "ict_tiny", "weights": "none", "data": "x", **more}
    name = {"ScoreRequest": "score_id", "InspectRequest": "inspect_id"}.get(kind.__name__)
    ids = [getattr(kind(**asked, limit=9, limit_rule=rule), name or "causal_id") for rule in RULES]
    assert ids[0] != ids[1]
    assert "limit_rule" not in canonical(dataclasses.asdict(kind(**asked)), REQUESTS)


@pytest.mark.parametrize("kind", [ScoreRequest, InspectRequest, CausalRequest])
def test_the_size_of_images_is_part_of_every_id_but_that_of_the_backbones_own(kind):
    more = {"criteria": ("l2",), "plan": Plan()} if kind is CausalRequest else {}
    asked = {"task": "digits", "backbone": "ict_tiny", "weights": "none", "data": "x", **more}
    name = {"ScoreRequest": "score_id", "InspectRequest": "inspect_id"}.get(kind.__name__)
    ids = {getattr(kind(**asked, image_size=s), name or "causal_id") for s in (None, 24, 32)}
    assert len(ids) == 3
    assert "image_size" not in canonical(dataclasses.asdict(kind(**asked)), REQUESTS)


def test_a_run_at_the_backbones_own_size_is_the_run_without_one():
    asked = {"task": "digits", "limit": 100}  # a part of the images, for which no recipe has a size
    own = resolve({**asked, "image_size": 64}, weights="none")
    assert own.run_id == resolve(asked, weights="none").run_id
    assert own.run_id != resolve({**asked, "image_size": 32}, weights="none").run_id


def test_canonical_leaves_out_what_is_neutral_and_nothing_else():
    record = {"a": None, "b": None, "shots": 4, "selector": "top"}
    assert canonical(record, {"b": None, "shots": None, "selector": "top"}) == {
        "a": None,
        "shots": 4,
    }


def test_a_number_that_is_not_finite_has_no_digest():
    assert digest({"a": [1.0, {"b": 2}]}) == digest({"a": [1.0, {"b": 2}]})
    with pytest.raises(InputError, match=r"b=nan: give a finite number"):
        digest({"a": [1.0, {"b": math.nan}]})
    with pytest.raises(InputError, match="a=-inf"):
        check_finite({"a": (1, -math.inf)})


ZEROS = [
    ({"scale": 0}, "scale=0 ran as 1 under 0.1.0"),
    ({"scale": -0.0}, "scale=0 ran as 1 under 0.1.0"),
    ({"lr_multiplier": 0}, "lr_multiplier=0 ran as 1 under 0.1.0"),
    ({"lr_multiplier": 0, "method": "full"}, "lr_multiplier=0 ran as 1 under 0.1.0"),
    ({"lr": 0}, "lr=0 ran with a warm-up from 1e-6 under 0.1.0"),
]


@pytest.mark.parametrize(("asked", "ran"), ZEROS)
def test_a_zero_that_0_1_0_ran_as_another_value_has_another_id_now(asked, ran):
    now = resolve({"task": "digits", **asked}, weights="none").config
    then = dataclasses.replace(now, zeros=None)  # what 0.1.0 resolved the same question to
    assert run_id(now) != run_id(then)
    assert ran_otherwise(now.to_dict()) is None
    assert ran_otherwise(then.to_dict()) == ran
    assert now.as_run() == now
    field = next(iter(asked))
    assert getattr(then.as_run(), field) == (0 if field == "lr" else 1)


@pytest.mark.parametrize(
    "asked",
    [{}, {"weight_decay": 0}, {"drop_path": 0}, {"warmup_epochs": 0}, {"label_smoothing": 0},
     {"seed": 0}, {"lr": 0, "warmup_epochs": 0}, {"method": "linear", "scale": 0, "lr": 0}],
)  # fmt: skip
def test_a_zero_that_0_1_0_ran_as_zero_keeps_its_id(asked):
    config = resolve({"task": "digits", **asked}, weights="none").config
    assert config.zeros is None
    assert ran_otherwise(config.to_dict()) is None
    assert config.as_run() == config


@pytest.mark.parametrize(
    ("part", "ran"),
    [("ict-k24-fdf471b9449b", "scale=0 ran"), ("bitfit-*", "lr_multiplier=0 ran"),
     ("lora-*", "lr=0 ran"), ("ict-k24-804ea3f8e64a", None), ("full-*", None)],
)  # fmt: skip
def test_a_stored_zero_of_0_1_0_is_told(part, ran):
    told = ran_otherwise(golden_config(part))
    assert told is None if ran is None else str(told).startswith(ran)


@pytest.mark.parametrize("odd", ["0", None, [], {}, True, False])
def test_an_odd_stored_value_is_no_zero(odd):
    assert ran_otherwise({"scale": odd, "lr": odd, "warmup_epochs": odd}) is None


DEFAULTS = dataclasses.asdict(RunConfig(task="digits"))
NUMBERS = [name for name, value in DEFAULTS.items() if type(value) in (int, float)]
NUMBERS += ["ratio", "k", "limit"]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("field", NUMBERS)
def test_no_field_takes_nan_or_infinity(field, value):
    if field != "schema":
        with pytest.raises(InputError, match=field):
            resolve({"task": "digits", field: value}, weights="none")
        text = {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
        with pytest.raises(InputError, match=field):
            parse_setting(f"{field}={text}")
    record = RunConfig(task="digits").to_dict() | {field: value}
    with pytest.raises(InputError, match=field):
        RunConfig.from_dict(json.loads(json.dumps(record)))


def test_a_configuration_made_by_hand_takes_no_nan_either():
    with pytest.raises(InputError, match="scale=nan: give a finite number"):
        RunConfig(task="digits", scale=math.nan)


@pytest.mark.parametrize("value", [1e4, -1e4, 10**400], ids=["large", "small", "400 digits"])
def test_scale_has_limits(value):
    with pytest.raises(InputError, match="scale="):
        resolve({"task": "digits", "scale": value}, weights="none")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [({"schema": 2}, "schema 2, this version reads 1: a newer version of ict wrote it"),
     ({"prompts": 4}, "no field 'prompts' in a run's configuration: a newer version"),
     ({"zeros": "as_dreamt"}, "zeros='as_dreamt' is not known: a newer version"),
     ({"limit_rule": "wise"}, "limit_rule='wise' is not known: a newer version")],
)  # fmt: skip
def test_a_configuration_of_a_newer_version_says_so(change, sentence):
    with pytest.raises(InputError, match=sentence):
        RunConfig.from_dict(RunConfig(task="digits").to_dict() | change)


def test_a_configuration_that_lacks_what_its_method_reads_is_refused():
    config = resolve({"task": "digits"}, weights="none").config
    config.check_total()
    for field in ("weights", "data", "k", "tune_site", "score_split", "scale", "lr", "batch_size"):
        with pytest.raises(InputError, match=f"lacks {field}, which method ict reads"):
            dataclasses.replace(config, **{field: None}).check_total()
    with pytest.raises(InputError, match="lacks score_data"):
        dataclasses.replace(config, score_task="count").check_total()


@pytest.mark.parametrize("field", ["schema", "data", "score_data", "zeros"])
def test_what_follows_from_the_task_and_the_program_cannot_be_asked_for(field):
    with pytest.raises(InputError, match=f"{field} is not to be set"):
        resolve({"task": "digits", field: 1}, weights="none")
