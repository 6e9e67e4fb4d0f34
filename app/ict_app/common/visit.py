"""Where a visitor is: the address that the browser shows, as this session knows it.

The browser sends the address with each run, and may send one that the server has just replaced: what
was written since is remembered until the browser has caught up. Of a change there are two kinds: what
the visitor chose is an entry for the Back button; what the page itself puts into the address (a choice
that came along from another page, an id in place of a label) takes the place of the present entry.
"""

import json
from dataclasses import dataclass, field
from urllib.parse import urlencode

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.scriptrunner import get_script_run_ctx

from ict_app.common import links

CARRIED = (
    "store", "of", "with", "at", "block", "channel", "run", "study", "check", "gradients", "tuned_by",
    "notify",
)  # fmt: skip
"""What goes along from page to page."""
ALWAYS = ("store", "notify")
"""Of these, what goes with every link too."""
RENAMED = {"kd_overlap": "kd", "kd_criteria": "kd", "read_at": "at", "order_of_run": "order"}
Texts = dict[str, list[str]]


@dataclass
class Visit:
    """One browser tab. `now` is the address: what each name says, in texts."""

    page: str = ""
    now: Texts = field(default_factory=dict)
    behind: set[str] = field(default_factory=set)
    """Addresses that were replaced, and that the browser may still send."""
    linked: set[str] = field(default_factory=set)
    """Names in the address that no field of the page has read yet."""
    carried: Texts = field(default_factory=dict)
    """What a plain address stands for: choices that came along from another page."""
    kept: Texts = field(default_factory=dict)
    """What would come along to the next page."""
    going: tuple[str, Texts] | None = None
    """A page that this session switches to, and what its address shall say."""
    arrivals: int = 0
    """How often this tab has come to a page."""
    shapes: dict[str, object] = field(default_factory=dict)
    """The bounds that each field was drawn with."""
    refused: dict[str, str] = field(default_factory=dict)
    notices: DeltaGenerator | None = None
    counts: DeltaGenerator | None = None
    _wrote_in: object = None

    def arrive(self, page: str) -> None:
        """At the start of each whole run: takes over what the browser's address says."""
        came, back = _of_browser(), _by_history()
        if self.page != page:
            self._come_to(page, came, back)
        elif self._wrote_in is _this_run():
            pass  # the address is that of a field's callback
        elif came == self.now:
            self.behind.clear()
        elif back or text(came) not in self.behind:
            self._take(came)
            self.carried = {}
            if not back:  # a link to the page itself, which the browser does not write by itself
                self._push()
        self.going = None

    def _come_to(self, page: str, came: Texts, back: bool) -> None:
        self.page = page
        self.arrivals += 1
        plain = not came and not back
        if self.going and self.going[0] == page:
            self._take(self.going[1])
            self.behind = {text(came)}
            plain = False
        else:
            self._take(came)
        self.carried = dict(self.kept) if plain else {}

    def _take(self, came: Texts) -> None:
        """A link means what it says; what no field can have written is left out, and named once."""
        named = {RENAMED.get(name, name): values for name, values in came.items()}
        self.refused |= (refused := links.refused(named))
        self.now = {name: values for name, values in named.items() if name not in refused}
        self.linked = set(self.now)
        self.behind = {text(came)} if self.now != came else set()

    def put(self, changes: dict[str, list[str] | None]) -> None:
        """What the visitor chose, as one entry for the Back button; None takes a name out."""
        if self._wrote_in is not (run := _this_run()):
            came = _of_browser()
            if came != self.now and text(came) not in self.behind:
                self._take(came)
            self._wrote_in = run
        before = dict(self.now)
        for name, values in changes.items():
            self.linked.discard(name)
            self.carried.pop(name, None)
            self.now.pop(name, None) if values is None else self.now.update({name: values})
        if self.now != before:
            self._push()

    def _push(self) -> None:
        self.behind.add(text(_of_browser()))
        st.query_params.from_dict(as_parameters(self.now))

    def settle(self) -> None:
        """At the end of each whole run: the present entry says what the page shows."""
        came, context = _of_browser(), get_script_run_ctx()
        if came == self.now or context is None:
            return
        self.behind.add(text(came))
        with context.session_state.query_params() as params:
            params.clear_with_no_forward_msg(preserve_embed=True)
            for name, values in as_parameters(self.now).items():
                params.set_with_no_forward_msg(name, values)
        context.query_string = text(self.now)
        st.html(_script(text(came), text(self.now)), unsafe_allow_javascript=True)


def current() -> Visit:
    """The visit of this session."""
    visit: Visit = st.session_state.setdefault("visit", Visit())
    return visit


def in_fragment() -> bool:
    """Whether only a fragment is drawn anew."""
    context = get_script_run_ctx()
    return bool(context and context.fragment_ids_this_run)


def text(address: Texts) -> str:
    """The address as the browser writes it."""
    return urlencode(address, doseq=True)


def as_parameters(address: Texts) -> dict[str, str | list[str]]:
    """The address as streamlit holds it: one value as a text."""
    return {name: values if len(values) > 1 else values[0] for name, values in address.items()}


def _of_browser() -> Texts:
    return {name: st.query_params.get_all(name) or [""] for name in st.query_params}


def _by_history() -> bool:
    """Whether the browser's Back or Forward led here."""
    context = get_script_run_ctx()
    return bool(context and context.is_history_navigation)


def _this_run() -> object:
    """What is made anew for each run of the script, its callbacks included."""
    context = get_script_run_ctx()
    return context.cursors if context else None


def _script(came: str, now: str) -> str:
    """Replaces the address in the browser, unless the visitor has gone on meanwhile."""
    old, new = (json.dumps(value).replace("<", r"\u003c") for value in (came, now))
    return (
        f"<script>(() => {{ const old = new URLSearchParams({old}), new_ = {new};"
        "if (new URLSearchParams(location.search).toString() === old.toString())"
        "history.replaceState(history.state, '', location.pathname + (new_ ? '?' + new_ : ''));"
        "})()</script>"
    )
