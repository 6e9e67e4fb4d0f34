"""Numbers that are not finite: refused where they are asked for, and no result where they come out."""

import json
import math

import pytest

from ict.config import RunConfig, parse_setting, resolve
from ict.errors import IctError, InputError
from tests.promises.small_runs import a_run, finish, ict

NUMBERS = "epochs batch_size lr lr_multiplier weight_decay warmup_epochs drop_path label_smoothing " \
          "scale limit lora_rank seed selection_seed ratio k".split()  # fmt: skip


@pytest.mark.promise("NaN and infinity are refused in every field, by --set, API, TOML and store")
@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_nan_and_infinity_are_refused_everywhere(tmp_path, word):
    from ict.studies import expand, read_toml

    let_in = []
    for field in NUMBERS:
        value = float(word)
        toml = tmp_path / f"{field}.toml"
        literal = word.lower().replace("infinity", "inf")
        toml.write_text(f'[base]\ntask = "digits"\nweights = "none"\n{field} = {literal}\n')
        stored = json.dumps(RunConfig(task="digits").to_dict() | {field: value})
        ways = {
            "--set": lambda text=f"{field}={word}": parse_setting(text),
            "API": lambda f=field, v=value: resolve({"task": "digits", f: v}, weights="none"),
            "TOML": lambda path=toml: expand(read_toml(path)),
            "store": lambda text=stored: RunConfig.from_dict(json.loads(text)),
        }
        for way, ask in ways.items():
            try:
                ask()
            except InputError as error:
                assert field in str(error)  # noqa: PT017
            else:
                let_in.append(f"{field} by {way}")
    assert not let_in


@pytest.mark.promise("`--set scale=NaN` is refused (show 5)")
def test_scale_nan_from_the_command_line(store):
    words = ("train", "digits", "--weights", "none", "--set", "scale=NaN", "--wait")
    assert "scale" in ict(*words, "--limit", "8", "--set", "epochs=1", code=2)["error"]
    assert not store.root.exists()


@pytest.mark.promise("NaN is refused in options of a criterion and in an adapter's scale")
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_nan_is_refused_in_a_notebook(value):
    from ict.channel_adapter import ChannelAdapter

    from ict.scoring import ScoreRequest

    with pytest.raises(InputError, match="finite"):
        ChannelAdapter([0, 1], 4, scale=value)
    request = {"task": "digits", "backbone": "ict_tiny", "weights": "none", "data": "x"}
    with pytest.raises(InputError, match="finite"):
        ScoreRequest(**request, options={"steps": value}).score_id  # noqa: B018


@pytest.mark.promise("A run whose loss or logits are not finite is failed, with one sentence")
@pytest.mark.parametrize("split", ["train800", "train800val200"])
def test_a_diverged_run_is_failed(store, split):
    run = a_run(store, epochs=1, batch_size=8, lr=1000, lr_multiplier=1e6, warmup_epochs=0,
                train_split=split, method="full")  # fmt: skip
    with pytest.raises(IctError, match=r"NaN|infinite|nan") as raised:
        finish(run, store)
    assert run.status() == "failed"
    assert "learning rate" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.promise("A linear probe on features that are not finite is failed, with one sentence")
def test_a_probe_on_nan_is_failed(store, monkeypatch):
    import torch

    from ict import pipeline

    home = getattr(pipeline, "Pipeline", pipeline)  # in version 0.1.0 a method of a class
    name = "build_model" if home is pipeline else "_model"
    run = a_run(store, method="linear")
    build = getattr(home, name)

    def broken(self, selection):
        model = build(self, selection)
        with torch.no_grad():
            model.norm.weight.fill_(float("nan"))
        return model

    monkeypatch.setattr(home, name, broken)
    with pytest.raises(IctError, match="features of 8 of 8 images are NaN or infinite"):
        finish(run, store)
    assert run.status() == "failed"
