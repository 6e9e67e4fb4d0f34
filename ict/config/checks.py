"""What is asked of a run, read and checked: `--set field=value`, choices, numbers, what goes together."""

from typing import Any, Final

from ict.catalogue import RATIO, SITE, Backbone, check_blocks, check_site
from ict.config.record import ABOUT, DEFAULTS, FIELDS, TYPES, RunConfig
from ict.config.values import as_typed
from ict.criteria import check_criterion, choice
from ict.documents.bounded import json_value
from ict.documents.number_words import number_words
from ict.errors import InputError, did_you_mean, quoted
from ict.methods.method import GROUPS, Method
from ict.methods.registry import chooses_channels, get_method
from ict.tasks.others import asks_for_generic

SHOWN_DEFAULTS: Final = {
    **{name: DEFAULTS[name] if one.now is None else one.now for name, one in ABOUT.items()},
    "ratio": RATIO,
}
"""What a new request gets where neither it nor its recipe gives the field; None where nothing fixed."""
SELECTOR: Final = "selector"
"""Asked for like a field, and stored in `criterion`: `lowest`, `lowest:NAME`, `random`, or `NAME`."""


def parse_setting(text: str) -> tuple[str, Any]:
    """Reads `field=value` as `--set` takes it. Raises InputError for an unknown field or wrong type."""
    name, separator, value = text.partition("=")
    if not separator:
        raise InputError(f"--set {quoted(text)}: write field=value")
    name = {"test_curve": "report_best_test"}.get(name.strip(), name.strip())
    check_settable(name)
    return name, typed(name, json_value(value, f"--set {name}"))


def typed(name: str, value: Any) -> Any:
    """`value` as the field's type says; an InputError names the field and what it takes."""
    if name == SELECTOR:
        return as_typed(name, value, (str,))
    _check_field(name)
    return as_typed(name, value, TYPES[name])


def check_settable(name: str) -> None:
    """Raises InputError for a field that does not exist or that follows from others."""
    if name == SELECTOR:
        return
    _check_field(name)
    if not ABOUT[name].settable:
        raise InputError(f"{name} is not to be set: it follows from the task and the program")


def _check_field(name: str) -> None:
    if name not in ABOUT:
        raise InputError(
            f"no field {quoted(name)} in a run's configuration{did_you_mean(name, FIELDS)}"
        )


def check_choice(name: str, value: Any) -> None:
    """Raises InputError, with the nearest, unless `value` is one of the field's choices."""
    ABOUT[name].check(name, value)


def check_method(name: str) -> Method:
    """The named method. Raises InputError for one that is not here, or that names a field that is none."""
    check_choice("method", name)
    method = get_method(name)
    for what, allowed in (("reads", (*GROUPS, *FIELDS)), ("quick", FIELDS)):
        for one in getattr(method, what):
            if one not in allowed:
                hint = did_you_mean(one, allowed)
                raise InputError(
                    f"method {quoted(name)}: {what} names no field {quoted(one)}{hint}"
                )
    return method


def check(config: RunConfig, backbone: Backbone) -> None:
    """Raises InputError for a choice, site, block or number that cannot be run."""
    for name, one in ABOUT.items():
        one.check(name, getattr(config, name))
    backbone.at(config.image_size)
    if config.criterion is not None:
        check_criterion(config.criterion)
    if chooses_channels(config.method):
        check_site(backbone, config.tune_site or SITE)
        check_site(backbone, config.score_site or config.tune_site or SITE)
        check_blocks(backbone, config.blocks)
    warmup, epochs = config.warmup_epochs, config.epochs
    if warmup is not None and epochs is not None and warmup > epochs:
        raise InputError(f"warmup_epochs={warmup}: choose at most the {epochs} epochs")
    _check_start(config)
    _check_selector(config)
    _check_shots(config)
    if config.select_by == "val" and config.train_split != "train800":
        raise InputError("select_by=val needs train_split=train800: val200 must not be trained on")
    if config.select_by == "val" and config.score_split not in (None, "train800"):
        raise InputError("select_by=val needs score_split=train800: scores must not see val200")


def _check_shots(config: RunConfig) -> None:
    """Raises InputError where shots of train800 would not be all the labelled images that are used."""
    for name in ("train_split", "score_split"):
        split = getattr(config, name)
        if config.shots is not None and split not in (None, "train800"):
            raise InputError(
                f"shots={config.shots} needs {name}=train800: {split} holds labelled images beside them"
            )


def _check_selector(config: RunConfig) -> None:
    """Raises InputError for gradients of other tokens or of another site than those that are tuned."""
    if not chooses_channels(config.method):
        return
    if config.whiten and config.init != "zero":
        raise InputError(
            f"whiten needs init=zero: with init={config.init} a channel's size would change where the "
            "adapter starts"
        )
    chosen = choice(config.criterion)
    if chosen.reads_gradient and asks_for_generic(config.score_task):
        raise InputError(
            f"score_task={config.score_task}: selector {chosen.selector} reads the gradient of one task's loss; "
            "leave score_task out, or name one task"
        )
    if not chosen.by_gradient_alone:
        return
    if config.tokens not in (None, "all"):
        raise InputError(
            f"tokens={config.tokens}: selector {chosen.selector} reads the gradient of an adapter, which "
            "changes all tokens; leave tokens out"
        )
    if config.score_site not in (None, config.tune_site):
        raise InputError(
            f"score_site={config.score_site}: selector {chosen.selector} reads the gradient at the tuned site "
            f"{config.tune_site}; leave score_site out"
        )


def _check_start(config: RunConfig) -> None:
    """Raises InputError where the head cannot start as the probe: the network answers otherwise."""
    if config.head_init != "probe" or not chooses_channels(config.method):
        return
    if config.init != "zero":
        raise InputError(
            f"head_init=probe needs init=zero: with init={config.init} the adapter changes the "
            "features that the probe was fitted on"
        )
    scale = config.scale
    if config.scale_on_x and scale is not None and scale != 1:
        raise InputError(
            f"head_init=probe needs scale=1 where scale_on_x is set: scale={number_words(scale)} changes "
            "the features that the probe was fitted on"
        )
