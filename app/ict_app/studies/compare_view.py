"""*Compare*: is A better than B, on which tasks, on which images, and what can these runs tell?"""

import shlex
from collections.abc import Sequence

import streamlit as st

from ict.analysis.comparing import Comparison, TaskComparison
from ict.analysis.outcomes import LOSS, OUTCOMES
from ict.analysis.sides import Side, find_side
from ict.analysis.verdicts import Verdict
from ict.errors import InputError
from ict.figures.asked import Choice, Request
from ict.methods.registry import chooses_channels
from ict.store import Store
from ict_app.common import address, drawn, readers, shell, words
from ict_app.common import answer_formulas as formulas
from ict_app.studies import compare_data, flips_view
from ict_app.studies.compare_data import Pair
from ict_app.tune import controls_view

TABS = {"flips": "Flips", "agreement": "Agreement of runs", "power": "Power"}


def controls(shown: Store) -> Pair | None:
    """The two sides and the outcome, from the link or by default; None where there are no two."""
    root = str(shown.root)
    first = compare_data.first_pair(root, address.said("study"))
    if first is None:
        return None
    options = compare_data.offered(root)
    asked = {key: _named(shown, key, options) for key in ("a", "b")}
    a, b = asked["a"] or first[0], first[1]
    if asked["a"] and not asked["b"]:
        done = [row for row in readers.run_rows(shown) if row.done]
        b = compare_data.beside(a, done) or next((one for one in first if one != a), b)
    options = options | {name: options.get(name, name) for name in (*asked.values(), a, b) if name}
    left, right = st.columns(2)
    how = "A row of a study, a group or a run; or write a run's id, study:NAME/ROW or FIELD=VALUE,…"
    a = address.select("A", options, key="a", default=a, moving=True, place=left, help=how,
                       accept_new_options=True)  # fmt: skip
    b = address.select("B", options, key="b", default=b, moving=True, place=right, help=how,
                       accept_new_options=True)  # fmt: skip
    outcome = address.segmented("Outcome", list(OUTCOMES), key="outcome")
    return compare_data.find_pair(shown, a, b, outcome)


def _named(shown: Store, key: str, options: dict[str, str]) -> str | None:
    """The side that the link names, or that was typed; a sentence where it is none."""
    name = address.said(key)
    if name is None or name in options:
        return name
    try:
        find_side(name, shown, readers.run_rows(shown)[::-1])
    except InputError as error:
        address.tell(words.sentence(error))
        return None
    return name


SEEDS = ("42", "44", "82", "83", "84")


def nothing(shown: Store) -> None:
    """What a first comparison lacks: of a run that there is its controls, else two methods."""
    done = [row for row in readers.run_rows(shown) if row.done]
    alone = next((row for row in done if chooses_channels(row.method)), None)
    if alone is not None:
        name = words.plain(readers.run_names(readers.run_rows(shown))[alone.run_id])
        with st.container(border=True):
            st.markdown(
                f"One finished run, {name}, and nothing to hold it against: add random channels and a linear "
                "probe at its seed and settings."
            )
            controls_view.form(shown, alone.run_id)
        return
    task = str(done[0].task) if done else "digits"
    beside = (
        f"One method alone has finished, on {words.plain(task)}."
        if done
        else "No finished run yet."
    )
    shell.empty(
        f"{beside} A comparison needs two methods on one task, best with five seeds each.",
        button="Start ICT and a linear probe", page="train", tasks=task, methods=["ict", "linear"], seeds=[*SEEDS],
        command=f"ict train {shlex.quote(task)} --seed {SEEDS[0]}\n"
        f"ict train {shlex.quote(task)} --method linear",
    )  # fmt: skip


def draw(shown: Store, pair: Pair) -> None:
    """All that the two tell; one sentence where they cannot be compared."""
    try:
        found = compare_data.compared(shown, pair)
    except InputError as error:
        st.error(words.plain(words.sentence(error)), icon=":material/error:")
        return
    _finding(pair, found)
    _numbers(found)
    request = Request(
        "compare", pair.names, Choice(outcome=None if pair.outcome == "accuracy" else pair.outcome)
    )
    drawn.draw(request, "A minus B with intervals, task by task, and the margin", seen=pair.seen)
    if len(found.tasks) > 1:
        _tasks_table(found)
    _notes(found)
    one = _one_task(found)
    tabs = address.tabs(TABS, key="look")
    if tabs["flips"].open:
        with tabs["flips"]:
            flips_view.draw(shown, pair, one)
    if tabs["agreement"].open:
        with tabs["agreement"]:
            _agreement(pair, one)
    if tabs["power"].open:
        with tabs["power"]:
            _power(pair, one)
    _commands(pair, request)


def _one_task(found: Comparison) -> TaskComparison:
    """The task of which flips, agreement and power are shown."""
    by_name = {one.task: one for one in found.tasks}
    if len(by_name) == 1:
        return found.tasks[0]
    return by_name[
        address.select("Task of what follows", list(by_name), key="on", noun="task", width=240)
    ]


def _finding(pair: Pair, found: Comparison) -> None:
    """The verdict in one sentence, and that of another kind of interval below it."""
    first, *others = found.verdicts
    if pair.study:
        st.caption(f"The primary contrast of study {words.plain(pair.study)}")
    over = f"mean of {len(found.tasks)} tasks, " if len(found.tasks) > 1 else ""
    st.markdown(
        f"##### {words.plain(pair.words)}: {over}{words.plain(first.sentence)}.",
        help=_interval_help(first),
    )
    for verdict in others:
        st.markdown(words.plain(verdict.sentence) + ".", help=_interval_help(verdict))
    if any(verdict.equivalent for verdict in found.verdicts):
        st.caption(
            "*Equivalent* rests on the 90 % interval, which is narrower: two one-sided tests at 5 %."
        )
    st.caption(
        words.plain("; ".join(_who(*one) for one in zip("AB", (pair.a, pair.b), strict=True)))
    )


def _who(letter: str, side: Side) -> str:
    """What a side is, in the settings that all its runs share: `A: ict, class_l2, K = 24`."""
    shared = [
        f"{title}{next(iter(values))}"
        for name, title in (("method", ""), ("criterion", ""), ("k", "K = "))
        if len(values := set(map(str, (row.get(name) for row in side.rows)))) == 1
        and values != {"None"}
    ]
    return f"{letter}: {', '.join(shared) or side.name}"


def _interval_help(verdict: Verdict) -> str:
    difference = verdict.difference
    own = formulas.OF_INTERVAL.get(difference.over, "")
    return f"{own} {formulas.OVER_TASKS}".strip() if difference.tasks > 1 else own


def _numbers(found: Comparison) -> None:
    """The difference, its interval, and the margin that it is held against."""
    outcome, verdict = found.outcome, found.verdicts[0]
    difference = verdict.difference
    low, high = difference.interval()
    form = f"+.{outcome.digits}f"
    level_a, level_b = (
        sum(getattr(one, side) for one in found.tasks) / len(found.tasks) for side in "ab"
    )
    cells = [
        ("A", outcome.level(level_a), formulas.LEVEL),
        ("B", outcome.level(level_b), formulas.LEVEL),
        ("A − B", outcome.said(difference.mean, form), formulas.DIFFERENCE),
        ("95 % interval",
         f"{outcome.number(low, form)} to {outcome.number(high, form)}" if low <= high else words.NOTHING,
         _interval_help(verdict)),
        ("Margin", f"± {outcome.margin_words(found.margin)}", formulas.MARGIN),
        ("Seeds", str(difference.seeds), formulas.SEED_COUNT),
        ("Test images", words.count(difference.images), "All of them were answered by every run of both."),
    ]  # fmt: skip
    with st.container(horizontal=True, gap="large"):
        for label, value, note in cells:
            st.metric(label, value, help=note, width="content")


def _tasks_table(found: Comparison) -> None:
    outcome = found.outcome
    st.dataframe(
        [
            {
                "task": one.task, "A": outcome.level(one.a), "B": outcome.level(one.b),
                "A − B": verdicts[0].sentence, "test images": one.images,
            }
            for one, (_, verdicts) in zip(found.tasks, found.of_tasks, strict=True)
        ],
        hide_index=True, height="content",
    )  # fmt: skip


def _notes(found: Comparison) -> None:
    notes = [note for one in found.tasks for note in one.notes]
    for note in dict.fromkeys([*found.notes, *notes]):
        st.caption(f":material/info: {words.plain(note)}")


def _agreement(pair: Pair, one: TaskComparison) -> None:
    st.markdown("**Errors that runs share**", help=formulas.AGREEMENT)
    _figure(
        Request("agreement-methods", pair.names, _of_task(pair, one)),
        "Errors that two runs share, run by run",
        pair,
    )


def _power(pair: Pair, one: TaskComparison) -> None:
    st.markdown("**What n seeds find**", help=formulas.POWER)
    if pair.outcome == LOSS.name:
        st.caption("Of accuracies: what seeds find of losses says `ict compare study:NAME`.")
    with st.spinner("Looking for what n seeds find"):
        _figure(
            Request("power", pair.names, _of_task(pair, one)),
            "The difference that n seeds find",
            pair,
        )


def _of_task(pair: Pair, one: TaskComparison) -> Choice:
    """A task is named only where the sides have several."""
    several = len({*pair.a.tasks, *pair.b.tasks}) > 1
    return Choice(task=one.task if several else None)


def _figure(request: Request, alt: str, pair: Pair) -> None:
    try:
        drawn.draw(request, alt, seen=pair.seen)
    except InputError as error:
        st.info(words.plain(words.sentence(error)), icon=":material/info:")


def _commands(pair: Pair, request: Request) -> None:
    shown = readers.store()
    of = [] if pair.outcome == "accuracy" else ["--outcome", pair.outcome]
    with st.expander("Commands", icon=":material/terminal:"):
        st.code(
            f"{_compare_command(pair.names, of)}\n{request.command(shown)} --out FILE.pdf",
            language="bash",
        )


def _compare_command(names: Sequence[str], more: Sequence[str]) -> str:
    return shlex.join(["ict", "compare", *names, *more])
