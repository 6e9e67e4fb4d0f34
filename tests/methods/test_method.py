"""What a method says of itself holds for the model that it prepares, and a slip in it is one sentence."""

import dataclasses

import pytest
from torch import nn

from ict.catalogue import BUNDLED, get_backbone
from ict.config import ABOUT, FIELDS, check_method
from ict.errors import InputError
from ict.methods import registry
from ict.methods.method import GROUPS
from ict.model.adapters import count_parameters
from ict.model.backbones import load_backbone
from ict.model.class_token import reads_class_token_alone
from ict.resolve import resolve
from ict.selection import select_random
from ict.training.methods import prepare
from tests.asked import resolved
from tests.tiny_models import tiny_vit

LORA = registry.REGISTRY["lora"]


def bundled(classes: int = 10) -> nn.Module:
    return load_backbone(BUNDLED, weights="none", weights_file=None, classes=classes, seed=0)


@pytest.mark.parametrize("name", registry.REGISTRY)
def test_the_count_of_the_architecture_is_what_the_model_trains(name):
    resolved = resolve({"task": "digits", "method": name}, weights="none")
    config = resolved.config
    selection = None
    if registry.chooses_channels(name):
        stages = get_backbone(BUNDLED).stages
        selection = select_random(stages, site="attn", ks=list(config.k), seed=0, blocks=None)
    model = prepare(bundled(), config, selection)
    found = count_parameters(model, adds=registry.REGISTRY[name].adds)
    assert found == resolved.counts()


@pytest.mark.parametrize(
    ("slip", "sentence"),
    [
        ({"name": "Lo RA"}, "name='Lo RA': give small letters, digits and _"),
        ({"title": "Lo RA"}, "title='Lo RA': give one word"),
        ({"colour": "green"}, "colour='green': give #rrggbb"),
        ({"symbol": "cube"}, "symbol='cube': choose one of circle"),
        ({"tuning": "lora.py"}, "tuning='lora.py': give module:function"),
        ({"reads": ("seed",)}, "give either training or probe_version"),
    ],
)
def test_a_slip_in_what_a_method_says_is_one_sentence(slip, sentence):
    with pytest.raises(InputError, match=sentence):
        dataclasses.replace(LORA, **slip)


def test_a_field_that_does_not_exist_is_told_before_anything_is_resolved(monkeypatch):
    slips = {"reads": ("training", "lora_rnk"), "quick": {"learning_rate": 1.0}}
    for what, value in slips.items():
        wrong = dataclasses.replace(LORA, name="odd", **{what: value})
        monkeypatch.setattr(registry, "outside", lambda wrong=wrong: {"odd": wrong})
        monkeypatch.setattr(
            "ict.config.fields.About.all_choices", (*ABOUT["method"].choices, "odd")
        )
        with pytest.raises(InputError, match=rf"method 'odd': {what} names no field 'l"):
            check_method("odd")


def test_methods_read_groups_and_fields_that_exist_and_look_apart():
    for method in registry.REGISTRY.values():
        assert set(method.reads) <= {*GROUPS, *FIELDS}
        assert set(method.quick) <= set(FIELDS)
    looks = {(m.colour, m.symbol, m.dash) for m in registry.REGISTRY.values()}
    assert len(looks) == len(registry.REGISTRY)


def test_the_quick_rate_follows_from_k_as_in_version_0_1_0():
    assert resolved(method="full", k=24).config.lr == 0.0005
    assert resolved(method="full", k=(24,)).config.lr == 0.02  # odd, and ids follow from it
    assert resolved(k=(48,)).config.lr == resolved(k=48).config.lr == 0.01


class MeanOfTokens(nn.Module):
    """A module from outside that mixes tokens, beside an MLP."""

    def __init__(self, mlp: nn.Module) -> None:
        super().__init__()
        self.mlp = mlp

    def forward(self, x):
        return self.mlp(x) + x.mean(dim=1, keepdim=True)


def test_the_last_block_is_computed_whole_where_a_module_from_outside_is_in_it():
    model = tiny_vit(num_classes=3).eval()
    assert reads_class_token_alone(model)
    model.blocks[-1].mlp = MeanOfTokens(model.blocks[-1].mlp)
    assert not reads_class_token_alone(model)
