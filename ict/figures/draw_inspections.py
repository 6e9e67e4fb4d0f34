"""What a channel answers to: the activations of an inspection."""

import pandas as pd

from ict.errors import InputError
from ict.figures.asked import Choice, Drawn, Found, of_scores
from ict.figures.channels import histogram
from ict.figures.score_sources import channel_of, opened
from ict.figures.sources import (
    Source,
)
from ict.store.inspect_files import Inspection, channel_page, inspections
from ict.store.run_rows import RunRow
from ict.store.store import Store


def activations(found: Found, choice: Choice) -> Drawn:
    """Of the inspection that was named, or of one at the backbone and site of the scores."""
    one, source, row = _inspection(found, choice)
    block = choice.block or 0
    if choice.channel is None and source is None:
        raise InputError("choose a channel with --channel")
    channel = choice.channel if source is None else channel_of(source, choice)[1]
    page = channel_page(one, block, int(channel))  # type: ignore[arg-type]
    counts = pd.DataFrame({"from": page.edges[:-1], "to": page.edges[1:], "count": page.histogram})
    return Drawn(
        figure=histogram(page.histogram, edges=page.edges, unit="activation", what="tokens"),
        table=counts,
        summary=counts.nlargest(10, "count").sort_values("from"),
        context=f"Block {block}, channel {channel}. {of_scores(one.meta)}",
        facts={
            "inspect_ids": [one.path.name],
            **{name: one.meta.get(name) for name in ("task", "backbone", "site")},
            "block": block, "channel": channel,
            "n": {"images": one.meta.get("images"), "tokens": int(page.histogram.sum())},
        },
        reasons=_named_for_it(found, row),
    )  # fmt: skip


def _named_for_it(found: Found, row: RunRow | None) -> dict[str, str]:
    """The sources by which the inspection was found are not said to be left out."""
    if found.inspections:
        others = [one.path.name for one in found.inspections[1:]]
        return dict.fromkeys(others, "another inspection than the one that is drawn")
    ids = [path.parent.name for path in found.scores[:1]] if row is None else [row["run_id"]]
    return dict.fromkeys(ids, "")


def _inspection(found: Found, choice: Choice) -> tuple[Inspection, Source | None, RunRow | None]:
    if found.inspections:
        return found.inspections[0], None, None
    source, row = opened(found, choice)
    one = inspection_of(found.store, source)
    if one is None:
        backbone = source.meta.get("backbone")
        raise InputError(
            f"no inspection yet: `ict inspect {source.task} --backbone {backbone}` makes one"
        )
    return one, source, row


def inspection_of(store: Store, source: Source) -> Inspection | None:
    """The inspection at the backbone and site of scores: of their own task if there is one."""
    here = (source.meta.get("backbone"), source.site)
    fitting = [
        o for o in inspections(store) if (o.meta.get("backbone"), o.meta.get("site")) == here
    ]
    fitting.sort(key=lambda one: one.meta.get("task") != source.task)
    return fitting[0] if fitting else None
