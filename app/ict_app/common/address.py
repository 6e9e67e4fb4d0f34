"""The address of a page: every control's value under a name, in ids and field names.

Each control of every page is one of this module's, instead of streamlit's with `bind=`:

    run_id = address.select("Run", {row.run_id: label(row) for row in rows}, key="run", moving=True)
    share = address.select_slider("K/D", SHARES, key="kd", default="1/8", place=column)
    epochs = address.number("Epochs", 1, 100_000, key="epochs", default=None)

Options are a mapping of what stands in the address (a text without meaning for the eye: an id, a field
name) to its label, or a sequence of texts that are both. `key` is the name in the address and the
widget's key. What is at its default is not named, unless a link named it; `moving` says that the
default is another one tomorrow (the newest run), so that a choice is always named. A link that names
what there is not is answered with one sentence, and keeps its text until something else is chosen.

A click elsewhere that chooses is `address.put(block=3, channel=7)` in its callback. Links to pages are
`address.link("inspect", "Inspect this channel", of=…, block=…)` and `address.go("run", run=…)`: they
say all that the other page shall show. By the navigation bar, the names in `visit.CARRIED` come along.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from ict_app.common import visit as visits
from ict_app.common.fields import (
    Field,
    Options,
    a_number,
    a_switch,
    a_text,
    labels_of,
    one_of,
    some_of,
    tell,
)
from ict_app.common.places import path

if TYPE_CHECKING:
    from streamlit.elements.lib.mutable_tab_container import TabContainer

__all__ = ["tell"]


def put(**values: object) -> None:
    """In a callback: what a click chose, by name; None takes the name out of the address."""
    visits.current().put(
        {key: None if value is None else [str(value)] for key, value in values.items()}
    )


def slug(name: str) -> str:
    """A name that is made of fields, such as `digits · 800 images`, as it stands in the address."""
    return name.replace(" · ", "/").replace(" ", "-")


def keep(**values: str) -> None:
    """What the next page shall start with, if its address says nothing."""
    visits.current().kept |= {key: [value] for key, value in values.items()}


def said(key: str) -> str | None:
    """What the address says under a name, for what no control shows."""
    values = visits.current().now.get(key)
    return values[-1] if values else None


def named(*keys: str) -> dict[str, list[str]]:
    """What the address says under these names, for a link that shall say the same."""
    now = visits.current().now
    return {key: now[key] for key in keys if key in now}


def link(page: str, label: str, *, icon: str, place: Any = st, **values: object) -> None:
    """A link to a page that shows these values, and all else at its default."""
    place.page_link(
        path(page), label=label, icon=f":material/{icon}:", query_params=_query(**values)
    )


def no_link(page: str, label: str, *, icon: str, place: Any = st) -> None:
    """What stands where a link to a page would, if there were something to show."""
    place.page_link(path(page), label=label, icon=f":material/{icon}:", disabled=True)


def go(page: str, **values: object) -> None:
    """Goes to a page that shows these values; ends this run.

    A switch with an address of its own would leave an entry for the Back button, that of this page
    with the other's values. So the address stays as it is until the other page stands.
    """
    visit = visits.current()
    visit.going = page, _query(**values)
    st.switch_page(path(page), query_params=visits.as_parameters(visit.now))


def _query(**values: object) -> visits.Texts:
    now = visits.current().now
    always = {name: now[name] for name in visits.ALWAYS if name in now and name not in values}
    named = {key: value for key, value in values.items() if value is not None}
    return always | {
        key: [str(one) for one in value] if isinstance(value, list | tuple) else [str(value)]
        for key, value in named.items()
    }


def _set(key: str, value: object, bounds: object) -> None:
    """The widget shows the value; it is left alone where it does, as the visitor may be at it.

    Of other bounds, or on another page, it is another widget to streamlit, which knows no value yet.
    """
    visit = visits.current()
    shape = (visit.page, bounds)
    known = key in st.session_state and visit.shapes.get(key) == shape
    if not known or st.session_state[key] != value:
        st.session_state[key] = value
    visit.shapes[key] = shape


def select(
    label: str, options: Options, *, key: str, default: str | None = None, place: Any = st,
    noun: str | None = None, moving: bool = False, **attributes: Any,
) -> str:  # fmt: skip
    """One of `options` in a box."""
    field = one_of(options, key, default=default, noun=noun or label.lower(), moving=moving)
    return _choice(place.selectbox, label, options, field, **attributes)


def segmented(
    label: str, options: Options, *, key: str, default: str | None = None, place: Any = st,
    noun: str | None = None, **attributes: Any,
) -> str:  # fmt: skip
    """One of `options`, side by side."""
    field = one_of(options, key, default=default, noun=noun or label.lower())
    return _choice(place.segmented_control, label, options, field, required=True, **attributes)


def select_slider(
    label: str, options: Options, *, key: str, default: str | None = None, place: Any = st,
    noun: str | None = None, **attributes: Any,
) -> str:  # fmt: skip
    """One of `options`, in their order."""
    field = one_of(options, key, default=default, noun=noun or label.lower())
    return _choice(place.select_slider, label, options, field, **attributes)


def _choice(
    widget: Callable[..., Any], label: str, options: Options, field: Field[str], **attributes: Any
) -> str:  # fmt: skip
    labels, value = labels_of(options), field.value()
    _set(field.key, value, tuple(labels))
    widget(
        label, list(labels), format_func=labels.__getitem__, key=field.key, on_change=field.chosen,
        **attributes,
    )  # fmt: skip
    return value


def multiselect(
    label: str, options: Options, *, key: str, default: Sequence[str] = (), place: Any = st,
    noun: str | None = None, accept_new_options: bool = False, **attributes: Any,
) -> list[str]:  # fmt: skip
    """Any of `options`, and others that are typed where these are accepted."""
    field = some_of(
        options, key, default=default, noun=noun or label.lower(), new=accept_new_options
    )
    return _choices(place.multiselect, label, options, field,
                    accept_new_options=accept_new_options, **attributes)  # fmt: skip


def pills(
    label: str, options: Options, *, key: str, default: Sequence[str] = (), place: Any = st,
    noun: str | None = None, **attributes: Any,
) -> list[str]:  # fmt: skip
    """Any of `options`, side by side."""
    field = some_of(options, key, default=default, noun=noun or label.lower(), new=False)
    return _choices(place.pills, label, options, field, selection_mode="multi", **attributes)


def _choices(
    widget: Callable[..., Any], label: str, options: Options, field: Field[list[str]], **attributes: Any
) -> list[str]:  # fmt: skip
    labels, value = labels_of(options), field.value()
    _set(field.key, value, tuple(labels))
    widget(
        label, list(labels), format_func=lambda text: labels.get(text, text), key=field.key,
        on_change=field.chosen, **attributes,
    )  # fmt: skip
    return value


def number(
    label: str, low: float, high: float | None, *, key: str, default: float | None, place: Any = st,
    noun: str | None = None, **attributes: Any,
) -> float | None:  # fmt: skip
    """A number that is typed, empty without a default; whole where `low` is an int."""
    field = a_number(low, high, key, default=default, noun=noun or label.lower())
    value = field.value()
    _set(key, value, (low, high))
    start = None if default is None else "min"
    place.number_input(label, low, high, start, key=key, on_change=field.chosen, **attributes)
    return value


def slider(
    label: str, low: int, high: int, *, key: str, default: int, place: Any = st,
    noun: str | None = None, **attributes: Any,
) -> int:  # fmt: skip
    """A whole number from `low` to `high`."""
    field = a_number(low, high, key, default=default, noun=noun or label.lower())
    value = field.value()
    _set(key, value, (low, high))
    place.slider(label, low, high, key=key, on_change=field.chosen, **attributes)
    return int(value or low)


def toggle(
    label: str, *, key: str, default: bool = False, place: Any = st, **attributes: Any
) -> bool:
    """On or off."""
    field = a_switch(key, default=default, noun=label.lower())
    value = field.value()
    _set(key, value, None)
    place.toggle(label, key=key, on_change=field.chosen, **attributes)
    return value


def text(label: str, *, key: str, default: str = "", place: Any = st, **attributes: Any) -> str:
    """A text that is typed."""
    field = a_text(key, default=default, noun=label.lower())
    value = field.value()
    _set(key, value, None)
    place.text_input(label, key=key, on_change=field.chosen, **attributes)
    return value


def tabs(options: Mapping[str, str], *, key: str, place: Any = st) -> "dict[str, TabContainer]":
    """Containers behind tabs, by option; that of the chosen one is `open`."""
    field = one_of(options, key, default=None, noun="tab")
    _set(key, options[field.value()], tuple(options))

    def chosen() -> None:
        labels = {label: option for option, label in options.items()}
        field.put(labels[st.session_state[key]])

    places = place.tabs(list(options.values()), key=key, on_change=chosen)
    return dict(zip(options, places, strict=True))


def rows(
    table: Any, ids: Sequence[str], *, key: str, noun: str, several: bool = True, **attributes: Any
) -> list[str]:
    """A table of which rows can be chosen; gives the ids of those that are."""
    field = some_of(ids, key, default=(), noun=noun, new=False)
    wanted = field.value()
    # the browser keeps row numbers under the key: other rows need another key, or they swap
    widget = f"{key}_rows_{hash(tuple(ids))}"
    where = {"rows": [i for i, one in enumerate(ids) if one in set(wanted)]}
    if widget not in st.session_state or set(st.session_state[widget]["selection"]["rows"]) != set(
        where["rows"]
    ):
        st.session_state[widget] = {"selection": where}

    def chosen() -> None:
        picked = st.session_state[widget]["selection"]["rows"]
        field.put([ids[i] for i in picked if i < len(ids)])

    st.dataframe(
        table, key=widget, on_select=chosen,
        selection_mode="multi-row" if several else "single-row", **attributes,
    )  # fmt: skip
    return wanted
