"""What a channel answers to: the activations of an inspection."""

import pandas as pd

from ict.errors import InputError
from ict.figures.asked import Choice, Drawn, Found, of_scores
from ict.figures.channels import histogram
from ict.figures.score_sources import ScoreFile, channel_of, opened
from ict.figures.sources import (
    Source,
)
from ict.store.inspect_files import Inspection, channel_page, inspections
from ict.store.store import Store


def activations(found: Found, choice: Choice) -> Drawn:
    """Of the inspection that was named, or of one at the backbone and site of the scores."""
    one, source, file = _inspection(found, choice)
    record = one.record
    block = choice.block or 0
    if choice.channel is None and source is None:
        raise InputError("choose a channel with --channel")
    channel = int(choice.channel or 0) if source is None else channel_of(source, choice)[1]
    page = channel_page(one, block, int(channel))
    counts = pd.DataFrame({"from": page.edges[:-1], "to": page.edges[1:], "count": page.histogram})
    return Drawn(
        figure=histogram(page.histogram, edges=page.edges, unit="activation", what="tokens"),
        table=counts,
        summary=counts.nlargest(10, "count").sort_values("from"),
        context=f"Block {block}, channel {channel}. {of_scores(record, site=one.site)}",
        facts={
            "inspect_ids": [one.path.name],
            "task": record.task, "backbone": record.backbone, "site": one.site,
            "block": block, "channel": channel,
            "n": {"images": record.images, "tokens": int(page.histogram.sum())},
        },
        reasons=_named_for_it(found, file),
    )  # fmt: skip


def _named_for_it(found: Found, file: ScoreFile | None) -> dict[str, str]:
    """The sources by which the inspection was found are not said to be left out."""
    if found.inspections:
        others = [one.path.name for one in found.inspections[1:]]
        return dict.fromkeys(others, "another inspection than the one that is drawn")
    if file is None or file.row is None:
        return dict.fromkeys([path.parent.name for path in found.scores[:1]], "")
    return {file.row.run_id: ""}


def _inspection(found: Found, choice: Choice) -> tuple[Inspection, Source | None, ScoreFile | None]:
    if found.inspections:
        return found.inspections[0], None, None
    source, file = opened(found, choice)
    one = inspection_of(found.store, source)
    if one is None:
        backbone = source.record.backbone
        raise InputError(
            f"no inspection of {source.task} yet: `ict inspect {source.task} --backbone {backbone}` "
            "makes one"
        )
    return one, source, file


def inspection_of(store: Store, source: Source) -> Inspection | None:
    """The inspection of the task of scores at their backbone and site; None without one."""
    wanted = (source.task, source.record.backbone, source.site)
    fitting = (
        one
        for one in inspections(store)
        if (one.record.task, one.record.backbone, one.site) == wanted
    )
    return next(fitting, None)
