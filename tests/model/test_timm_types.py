"""The one place where a module is taken for one of timm's."""

import pytest
from torch import nn

from ict.errors import InputError
from ict.model.backbones import block_stages, classification_head
from ict.model.timm_types import linear_layer, timm_model
from tests.tiny_models import tiny_swin, tiny_vit


def test_a_model_of_timm_is_itself_and_another_is_refused():
    model = tiny_vit(num_classes=3)
    assert timm_model(model) is model
    assert classification_head(model) is model.head
    with pytest.raises(
        InputError, match=r"^Sequential is not a model of timm: it has no get_classif"
    ):
        classification_head(nn.Sequential(nn.Linear(2, 2)))


@pytest.mark.parametrize("model", [tiny_vit(), tiny_swin()])
def test_blocks_are_the_models_own_in_their_order(model):
    own = [module for module in model.modules() if type(module).__name__.endswith("Block")]
    found = [block for stage in block_stages(model) for block in stage]
    assert [id(block) for block in found] == [id(block) for block in own]


def test_another_layer_than_a_linear_one_is_named():
    layer = nn.Linear(2, 2)
    assert linear_layer(layer, "mlp.fc2") is layer
    with pytest.raises(TypeError, match=r"^mlp\.fc2 is a Conv2d, not a linear layer$"):
        linear_layer(nn.Conv2d(2, 2, 1), "mlp.fc2")
