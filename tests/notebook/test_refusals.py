"""What a notebook may hand over by mistake: one sentence, and the model stays as it was."""

import copy

import numpy as np
import peft
import pytest
import torch
from torch import nn

import ict
from ict.errors import InputError
from ict.selection import BlockSelection
from tests.tiny_models import images_of, tiny_eva, tiny_vit

IMAGES, LABELS = images_of()
DATA = [(IMAGES, LABELS)]
SCORES = ict.score(tiny_vit(depth=2), DATA)
CHOSEN = ict.select(SCORES, k=4)
FAR = LABELS.clone()
FAR[0] = 40_000


def classifier() -> nn.Module:
    return tiny_vit(depth=2, num_classes=3)


def state(model: nn.Module) -> tuple:
    """All of a model that a failed call could have changed."""
    return (
        list(model.state_dict()),
        [p.requires_grad for p in model.parameters()],
        [(m.training, len(m._forward_hooks), len(m._forward_pre_hooks)) for m in model.modules()],
        sorted(set(model.__dict__) - set(nn.Module().__dict__)),
    )


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"criterion": None}, "criterion=None: give a name"),
        ({"site": ()}, r"site=\(\): give a name, or a list of names"),
        ({"site": 3}, "site=3: give a name"),
        ({"normed": "no"}, "normed='no': give true or false"),
        ({"tokens": "some"}, "tokens='some': choose one of patch, cls, all, head"),
        ({"classes": 0}, "classes=0: give a whole number from 1 to"),
        ({"classes": -3}, "classes=-3: give a whole number"),
        ({"classes": 3.0}, "classes=3.0: give a whole number"),
        ({"classes": "3"}, "classes='3': give a whole number"),
        ({"classes": 2}, "labels from 0 to 2: give 0 to 1"),
    ],
)
def test_words_of_score_that_mean_nothing(changes, sentence):
    """0.1.0: StopIteration for no site, TypeError for `classes="3"`; tokens "some" were all tokens."""
    model = tiny_vit(depth=1).train()
    before = state(model)
    with pytest.raises(InputError, match=sentence):
        ict.score(model, DATA, **changes)
    assert state(model) == before


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (None, "the data are None: give batches of images and labels"),
        (IMAGES, "each batch must be a pair"),
        ((IMAGES, LABELS), "each batch must be a pair"),
        ([{"pixel_values": IMAGES}], "has the keys 'pixel_values'; name its parts images and labels"),
        ([(IMAGES, LABELS.to("meta"))], "labels are on the device meta, which holds no numbers"),
        ([(IMAGES.to("meta"), LABELS)], "images are on the device meta, which holds no numbers"),
        ([(IMAGES, FAR)], "labels go up to 40000, and only 4 are used: number the classes from 0"),
        ([(IMAGES, FAR * 10**8)], "labels go up to 4000000000000, and only 4 are used"),
    ],
)  # fmt: skip
def test_data_that_are_none(data, sentence):
    """0.1.0: TypeError, RuntimeErrors about meta; 40,001 classes, or "can't allocate" eight terabytes."""
    with pytest.raises(InputError, match=sentence):
        ict.score(tiny_vit(depth=1), data)


def test_classes_that_are_given_may_be_unused():
    found = ict.score(tiny_vit(depth=1), [(IMAGES, FAR)], classes=np.int64(40_001))
    assert found.site("attn", "per_class")[0].shape == (1, 40_001, 24)


@pytest.mark.filterwarnings("ignore:Complex modules")
def test_a_model_without_numbers():
    """0.1.0 attached to them; scores: "Tensor on device cpu is not on the expected device meta!"."""
    for model, sentence in (
        (classifier().to("meta"), r"no weights yet \(device meta\)"),
        (classifier().to(torch.complex64), "complex64 weights"),
    ):
        with pytest.raises(InputError, match=sentence):
            ict.score(model, DATA)
    with pytest.raises(InputError, match=r"no weights yet .*: load them, then attach"):
        ict.attach(classifier().to("meta"), CHOSEN)


def test_a_site_that_is_named_twice_is_scored_once():
    """0.1.0: "stack expects a non-empty TensorList"."""
    twice, once = (ict.score(tiny_vit(depth=1), DATA, site=s) for s in (["attn", "attn"], "attn"))
    assert np.array_equal(twice.stacked("attn"), once.stacked("attn"))


def test_each_module_comes_back_in_the_mode_that_it_was_in():
    """0.1.0 put all modules into the mode of the whole model: a frozen block's dropout began to drop."""
    model = classifier().train()
    model.blocks[0].eval()
    before = state(model)
    ict.score(model, DATA)
    assert state(model) == before
    with pytest.raises(InputError, match="head='none': choose one of probe, ncm"):
        ict.score(model, DATA, criterion="taylor", tokens="all", head="none")
    assert state(model) == before


def out_of_range() -> ict.Selection:
    first = BlockSelection(0, 0, 24, (1, 2))
    return ict.Selection("attn", (first, BlockSelection(0, 1, 24, (1, 99))))


@pytest.mark.parametrize(
    ("selection", "how", "sentence"),
    [
        (CHOSEN, {"init": "ones"}, "init='ones': choose one of trunc_normal, zero"),
        (CHOSEN, {"scale": float("nan")}, "scale=nan: give a finite number"),
        (CHOSEN, {"scale": "2"}, "scale='2': give a finite number"),
        (CHOSEN, {"seed": "a"}, "seed='a': give a whole number"),
        (out_of_range(), {}, "2 channel indices: choose different ones from 0 to 23"),
        (
            ict.Selection("attn", ()),
            {},
            r"the selection has the blocks \[\]: give each that is to be tuned",
        ),
        (ict.Selection("attn", CHOSEN.blocks[:1] * 2), {}, r"has the blocks \[0, 0\]: give each"),
        (ict.Selection("stream", CHOSEN.blocks), {}, "no site 'stream'; there are attn"),
        (SCORES, {}, "attach needs a Selection, as ict.select gives, not ChannelScores"),
    ],
)
def test_what_cannot_be_attached_changes_nothing(selection, how, sentence):
    """0.1.0 took any `init` for zeros, and after a channel that is none left the blocks before it adapted."""
    model = classifier()
    before = state(model)
    with pytest.raises(InputError, match=sentence):
        ict.attach(model, selection, **how)
    assert state(model) == before
    eva = tiny_eva()
    before = state(eva)
    with pytest.raises(InputError, match="q, k and v are out of reach"):
        ict.attach(eva, ict.Selection("q", CHOSEN.blocks))
    assert state(eva) == before


def test_a_failed_attach_does_not_decide_what_detach_gives_back():
    model = classifier()
    with pytest.raises(InputError):
        ict.attach(model, ict.Selection("stream", CHOSEN.blocks))
    with torch.no_grad():
        model.head.weight.add_(1)
    trained = model(IMAGES)
    ict.detach(ict.attach(model, CHOSEN))
    assert torch.equal(model(IMAGES), trained)


def test_peft_around_adapters_is_taken_off_first():
    """0.1.0 took them off below LoRA and left all frozen that was trainable before."""
    model = ict.attach(classifier(), CHOSEN)
    before = copy.deepcopy(model)(IMAGES)
    wrapped = peft.get_peft_model(model, peft.LoraConfig(target_modules=["qkv"]))
    trainable = [p.requires_grad for p in wrapped.parameters()]
    with pytest.raises(InputError, match=r"layers of PEFT.*model.unload\(\)"):
        ict.detach(wrapped)
    assert [p.requires_grad for p in wrapped.parameters()] == trainable
    plain = wrapped.unload()
    assert torch.equal(plain(IMAGES), before)
    assert torch.equal(ict.detach(plain)(IMAGES), classifier()(IMAGES))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:torch.quantize")
def test_a_quantized_head_is_one_sentence():
    """0.1.0 attached, and left the head out of what is trained without a word."""
    model = torch.ao.quantization.quantize_dynamic(classifier(), {nn.Linear}, dtype=torch.qint8)
    assert ict.score(model, DATA).stacked("attn").shape == (2, 24)
    with pytest.raises(
        InputError, match="head is quantized, so it cannot be trained: attach before"
    ):
        ict.attach(model, CHOSEN)


def test_short_names_take_what_they_say():
    """0.1.0: AttributeError and TypeError from select and load; it had none of the others."""
    model = ict.backbone(weights="none", image_size=16)
    for call, sentence in (
        (lambda: ict.select("scores.safetensors", k=3), r"needs ChannelScores.*not str; ict.Chan"),
        (lambda: ict.select(np.ones((2, 3)), k=1), "not ndarray"),
        (
            lambda: ict.select(SCORES, k=3, blocks=[9]),
            r"blocks=\[9\]: give a list of some of the blocks 0 to 1",
        ),
        (lambda: ict.select(SCORES, k=3, blocks=[]), r"blocks=\[\]: give a list"),
        (lambda: ict.select(SCORES, k=3, blocks="0"), "blocks='0': give a list"),
        (lambda: ict.loader(None, "test", model), "task=None: give a name"),
        (
            lambda: ict.loader("digits", "test", model, shuffle_seed="a"),
            "shuffle_seed='a': give a whole",
        ),
        (lambda: ict.backbone(3), "name=3: give a name"),
        (
            lambda: ict.backbone(weights="none", image_size="16"),
            "image_size='16': give a whole number",
        ),
        (
            lambda: ict.export(SCORES.plot(), "a.html", span="wide"),
            "span='wide': choose one of column, text",
        ),
        (lambda: ict.load(None), "run=None: give a run's id, or its folder"),
        (lambda: ict.loader("digits", "test", model, limit=0), "limit=0: give a whole number of 1"),
        (lambda: ict.loader("digits", "test", model, limit=-1), "limit=-1: give a whole number"),
        (
            lambda: ict.loader("digits", "test", model, batch_size=2.5),
            "batch_size=2.5: give a whole",
        ),
        (lambda: ict.backbone(classes=-1, weights="none"), "classes=-1: give a whole number of 0"),
        (lambda: SCORES.plot(view="depth"), "view='depth': choose one of raw, z, rank, log"),
        (lambda: SCORES.plot([3, 4]), r"plot needs a Selection, as ict.select gives, not \[3, 4\]"),
    ):
        with pytest.raises(InputError, match=sentence):
            call()
