"""How the commands of `ict study` say how a study stands and what it plans."""

from collections.abc import Mapping
from typing import Any

from ict.store.studies import Search, Stand

_OTHER_WEIGHTS = "`weights` in the study names a file in their place, or none for random ones"
_STATES = ("running", "queued", "failed", "killed", "cancelled", "unreadable", "missing")


def sentence(document: Mapping[str, Any]) -> str:
    """How many runs are done, and the states of the others."""
    parts = [f"{document['done']} of {document['runs']} runs done"]
    parts += [f"{document[status]} {status}" for status in _STATES if document[status]]
    return f"study {document['name']}: {', '.join(parts)}"


def stage_text(stand: Stand | None) -> list[str]:
    """Lines on the two stages of [tune]: where it stands, and what is to be known of the choices."""
    if stand is None:
        return []
    line = f"stage {stand.stage} of 2: value chosen for {stand.chosen} of {stand.settings} settings"
    if stand.waiting:
        line += f"; {stand.waiting} runs at chosen values are still to be started"
    lines = [line]
    if stand.failed:
        lines.append(
            f"every value diverged for {stand.failed} settings: lower the values of [tune]"
        )
    if stand.by_accuracy:
        lines.append(f"{stand.by_accuracy} chosen by accuracy on val200: a run holds no loss there")
    return lines + [f"at the edge of its list: {edge_words(one)}" for one in stand.edges]


def edge_words(one: Search) -> str:
    """A setting and where its choice ends the list: `random-K ratio=0.125 (highest lr_multiplier)`."""
    said = [f"{k}={v}" for k, v in one.setting.items() if k in ("ratio", "k", "method", "task")]
    return f"{' '.join([one.member, *said])} ({one.edge})"


def plan_text(made: Mapping[str, Any]) -> str:
    """What is missing and for how long, stage by stage, what is one run, and which draws are shared."""
    lines = [_time_text(made), *map(_stage_text, made["stages"])]
    lines += [*map(_repeat_text, made["repeats"]), *made["shared_draws"]]
    lines += made["job_words"]
    return "\n".join([*lines, *(f"{said}; {_OTHER_WEIGHTS}" for said in made["weights_missing"])])


def _stage_text(stage: Mapping[str, Any]) -> str:
    what = "every value at the first seed" if stage["stage"] == 1 else "the other seeds and draws"
    open_ = f", {stage['waiting']} of them at values still to be chosen" if stage["waiting"] else ""
    return f"stage {stage['stage']} of 2, {what}: {stage['runs']} runs{open_}"


def _repeat_text(found: Mapping[str, Any]) -> str:
    runs = "1 run" if found["runs"] == 1 else f"{found['runs']} runs"
    unread = ", ".join(found["unread"])
    return (
        f"{found['method']}: {found['asked']} combinations are {runs}, which {unread} cannot change"
    )


def _time_text(made: Mapping[str, Any]) -> str:
    missing, seconds = made["missing"], made["expected_seconds"]
    text = f"study {made['name']}: {made['runs']} runs, {made['done']} done, {missing} missing"
    if not missing:
        return text
    if seconds is None:
        return f"{text}; no run like these was measured yet, so the time is not known"
    text += f"; about {max(1, round(seconds / 60))} min, {made['at_once']} at once"
    return text + (f" ({made['unmeasured']} not counted)" if made["unmeasured"] else "")
