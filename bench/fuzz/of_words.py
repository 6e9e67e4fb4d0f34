"""What people type or link: settings, numbers, filters, searches, labels, limits of axes, and addresses."""

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock
from urllib.parse import parse_qs, urlencode

import numpy as np

from bench.fuzz import of_store, values
from bench.fuzz.changes import many, of_text, text_form
from bench.fuzz.of_store import given_text
from bench.fuzz.target import Form, Given, Target, World
from ict import config
from ict.documents import bounded
from ict.documents.labels import Change, Label, changes
from ict.errors import InputError

_RUN = "digits-ict_tiny-ict"
SETTINGS = (
    b"lr=0.01", b"ratio=0.125", b"k=24", b"k=[24]", b"epochs=3", b"criterion=l2", b"selector=lowest",
    b"criterion=random", b"blocks=[0,1]", b"tune_site=mlp_branch", b"score_site=q", b"init=zero",
    b"method=linear", b"backbone=vit_base_patch16_224.augreg_in21k", b"seed=42", b"scale=0.5",
    b"train_split=train800", b"select_by=val", b"shots=5", b"limit=50", b"image_size=48", b"lora_rank=8",
    b"score_task=others", b"score_task=others/count", b"head_init=probe", b"whiten=true", b"augment=randaugment",
    b"precision=fp32", b"label_smoothing=0.1", b"warmup_epochs=1", b"test_curve=true", b"task=count",
    b"scale_on_x=false", b"drop_path=0.1", b"tokens=patch", b"lr_multiplier=3", b"blocks=null",
    b"budget=unit", b"selector=gradient", b"weight_decay=0",
)  # fmt: skip
NUMBERS = (
    b"12",
    b"0.125",
    b"1e-4",
    b"1/8",
    b" 3 ",
    b"+5",
    b"-2.5E+3",
    b".5",
    b"[1, 2]",
    b'{"a": 1}',
)
FILTERS = (
    b"method=ict", b"criterion=random,ratio=0.125", b"study:k_ratio/grid", b"study:k_ratio/random-K,ratio=0.125",
    b"seed=42", b"task=digits,k=24,seed=42",
)  # fmt: skip
SEARCHES = (b"b3 c17", b"block 3", b"c 4-9", b"7", b"blocks 1-2, channels 3", b"B2;c4", b"")
LIMITS = (b"0:10", b":10", b"5:", b"-1.5:2e3", b"")
LABELS = (
    b"a name\0a note\nof two lines\0tag, another\0old", b"\0\0\0", b"x\0\0paper\0paper2", b"a\0\0b\0\0b",
)  # fmt: skip
ADDRESSES = (
    b"run=digits&seeds=42&seeds=44&kd=1%2F8&block=3&channel=7&store=own&notify=true",
    b"tasks=digits&tasks=count&columns=&only_method=ict&smooth=0.5&lr=0.001&log=true&tab=rows",
    b"of=a&with=b&at=attn&sheet=1&epochs=3&search=b3+c17&pick=" + _RUN.encode(),
    b"kd_overlap=1%2F4&read_at=q&order_of_run=c&image_size=48&shares=0.5&set=mine",
)  # fmt: skip


def _text_world(
    samples: Sequence[bytes], read: Callable[[str], Sequence[str] | None], root: Path
) -> World:
    """Words: nothing lies in the folder."""
    root.mkdir(parents=True, exist_ok=True)
    return World(
        root=root, samples=samples, place=lambda given: None,
        read=lambda given: read(given_text(given)) or (),
    )  # fmt: skip


def _setting(text: str) -> None:
    """As `ict train TASK --set …` reads it, up to the run's id; what is not known is not looked up elsewhere."""
    from ict.resolve import resolve

    name, value = config.parse_setting(text)
    asked: dict[str, Any] = {"task": "digits", name: value}
    if name in ("select_by", "shots"):
        asked |= {"train_split": "train800"}
    if name in ("head_init", "whiten"):
        asked |= {"init": "zero"}
    if name == "lora_rank":
        asked |= {"method": "lora"}
    resolved = resolve(asked, weights="none", fetch=False)
    again = config.RunConfig.from_dict(resolved.config.to_dict())
    assert config.run_id(again) == resolved.run_id
    resolved.record()


def _number(text: str) -> None:
    bounded.whole_number(text), bounded.number(text), bounded.fraction(text)
    bounded.json_value(text, "the value")
    bounded.odd_word(text)


def _search(text: str) -> None:
    from ict.analysis.channel_search import Search, _within

    found = Search.of(text)
    _within(np.arange(9), found.blocks), _within(np.arange(9), found.channels)


def _limits(text: str) -> None:
    from ict.figures.curve_view import axis_range, limits

    ends = limits(text, "x")
    axis_range(ends, log=True), axis_range(ends, log=False)


def _label(text: str) -> None:
    name, note, tags, gone, seen = (text.split("\0") + [""] * 5)[:5]
    change = Change(
        name=name,
        note=note,
        tag=tuple(filter(None, tags.split(","))),
        untag=tuple(filter(None, [gone])),
        seen=Label(name=seen) if seen else None,
    )
    label = change.of(Label(name="b", tags=("old",)))
    assert Label.from_dict(label.to_dict()) == label
    assert changes(Label(), label).of(Label()) == label


def _filter_world(root: Path) -> World:
    """A store whose runs a filter or a row of a study names."""
    from ict.analysis.named_sides import pair_words
    from ict.analysis.sides import find_side, is_side, one_setting, ratios
    from ict.store import Store

    world = of_store.world_of("config", of_store.of_study, root)
    store = Store(root / "store")

    def read(given: Given) -> Sequence[str]:
        text = given_text(given)
        is_side(text), pair_words(text, text)
        side = find_side(text, store)
        ratios(side)
        with contextlib.suppress(InputError):
            one_setting(side)
        return ()

    return World(
        root=root, samples=FILTERS, place=lambda given: None, read=read, caches=world.caches
    )


_PIECES = (
    *FILTERS, b"method=VPT", b"source=imported: theirs.csv", b"k=[1, 2]", b"k=[24]", b"ratio=high", b"score_task=others",
    b"study:k_ratio", b"study:k_ratio/nobody", b"study:nobody/grid", b"digits-ict_tiny", b"seed=null", b"lr=[[[[", b",", b"=",
)  # fmt: skip


def _filter_junk(random: Random, samples: Sequence[bytes]) -> bytes:
    """Parts of filters in any order, now and then changed."""
    parts = [random.choice(_PIECES) for _ in range(random.randrange(1, 4))]
    whole = b",".join(parts)
    return of_text(random, whole) if random.random() < 0.3 else whole


class _Bounds:
    """The fields of a page, one of each kind, as pages make them."""

    def __init__(self) -> None:
        from ict_app.common import fields

        tasks = {"digits": "Digits", "count": "Count", "sprites_loc": "Sprites"}
        self.fields: list[Any] = [
            fields.one_of({_RUN: "first"}, "run", default=None, noun="run", moving=True),
            fields.one_of(("own", "example"), "store", default="own", noun="store"),
            fields.one_of(("1/8", "1/4", "1/2"), "kd", default="1/8", noun="K/D"),
            fields.one_of(("attn", "q"), "at", default="attn", noun="site"),
            fields.some_of(tasks, "tasks", default=("digits",), noun="tasks", new=False),
            fields.some_of(("42", "44"), "seeds", default=(), noun="seeds", new=True),
            fields.some_of([_RUN], "pick", default=(), noun="run", new=False),
            fields.a_number(0, 11, "block", default=0, noun="block"),
            fields.a_number(0, 191, "channel", default=0, noun="channel"),
            fields.a_number(1e-6, None, "lr", default=None, noun="rate"),
            fields.a_number(0.0, 1.0, "smooth", default=0.0, noun="smoothing"),
            fields.a_switch("log", default=False, noun="log"),
            fields.a_switch("notify", default=False, noun="notices"),
            fields.a_text("search", default="", noun="search"),
        ]


def _address_world(root: Path) -> World:
    """A page that reads a link: every kind of field, then the address that it writes back."""
    from ict_app.common import links, visit

    bounds = _Bounds()

    def read(link: str) -> Sequence[str]:
        text = link.encode("utf-8", "surrogateescape").decode(
            "utf-8", "replace"
        )  # as a server does
        told: list[str] = []
        here = visit.Visit(
            page="run", notices=mock.Mock(warning=lambda said, icon: told.append(said))
        )
        came = parse_qs(text, keep_blank_values=True, max_num_fields=10_000)
        with _visiting(here):
            here._take(came)
            read_values = [one.value() for one in bounds.fields]
            again = [one.value() for one in bounds.fields]
        assert repr(read_values) == repr(again), f"{read_values} became {again}"
        visit.as_parameters(here.now)
        visit._script(visit.text(came), visit.text(here.now)).encode()
        said = links.sentence(here.refused) if here.refused else ""
        return [said] if said else []

    return _text_world(ADDRESSES, read, root)


@contextlib.contextmanager
def _visiting(here: Any) -> Iterator[None]:
    from ict_app.common import fields, visit

    with (
        mock.patch.object(visit, "current", return_value=here),
        mock.patch.object(fields.visits, "in_fragment", return_value=False),
    ):
        yield


def _address_change(random: Random, content: bytes) -> bytes:
    """A value of a link replaced, said twice or not at all, or its text changed."""
    if random.random() < 0.3:
        return of_text(random, content)
    pairs = [
        (k, v)
        for k, vs in parse_qs(content.decode("latin-1"), keep_blank_values=True).items()
        for v in vs
    ]
    if not pairs:
        return of_text(random, content)
    at = random.randrange(len(pairs))
    name, value = pairs[at]
    odd = random.choice(values.TEXTS)
    other = random.choice(
        (
            (name, odd),
            (odd, value),
            (name, value + odd),
            (name, ""),
            (name, values.near_text(random, value)),
        )
    )
    pairs[at : at + 1] = random.choice(([other], [other, (name, value)], [(name, value)] * 300, []))
    return urlencode(pairs, errors="surrogatepass").encode()


def _address_junk(random: Random, samples: Sequence[bytes]) -> bytes:
    if random.random() < 0.5:
        return many(_address_change)(random, samples)
    letters = values.random_text(random, "abckrunstorepick=&%0123456789+/;", 200)
    return letters.encode("utf-8", "surrogatepass")


_CONFIG = "ict/config/checks.py:parse_setting,typed,check_settable,_check_field,check,check_choice"


def targets() -> list[Target]:
    """One for each kind of words."""
    digits = "0123456789.eE+-/ _[],"
    of = functools.partial(functools.partial, _text_world)
    return [
        Target(name="settings", parser=(_CONFIG, "ict/config/values.py", "ict/config/fields.py:About.check"), share=4,
               form=text_form("abcdefghiklmnoprstuvwxyz_=0123456789.[],\"' -"), world=of(SETTINGS, _setting)),
        Target(name="numbers", parser=("ict/documents/bounded.py:whole_number,number,fraction,json_value,odd_word",),
               form=text_form(digits), world=of(NUMBERS, _number)),
        Target(name="searches", parser=("ict/analysis/channel_search.py:Search.of,_within",),
               form=text_form("bc0123456789 -,;–blockchannel"), world=of(SEARCHES, _search)),
        Target(name="limits of axes", parser=("ict/figures/curve_view.py:limits,axis_range,_exponent",),
               form=text_form(digits + ":"), world=of(LIMITS, _limits)),
        Target(name="labels", parser=("ict/documents/labels.py",),
               form=text_form("abc,\0\n\t é"), world=of(LABELS, _label)),
        Target(name="filters", parser=("ict/analysis/sides.py:find_side,study_row,_test,_read,_refuse_imported,is_side",),
               form=Form(change=of_text, junk=_filter_junk, is_file=False), world=_filter_world),
        Target(name="query strings", share=3, form=Form(change=_address_change, junk=_address_junk, is_file=False),
               parser=("app/ict_app/common/links.py", "app/ict_app/common/fields.py:Field.value,Field._carried,"
                       "Field._say,_keep,one_of,some_of,a_number,a_switch,a_text",
                       "app/ict_app/common/visit.py:Visit._take,text,as_parameters,_script"),
               world=_address_world),
    ]  # fmt: skip
