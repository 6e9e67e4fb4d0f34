"""Figures in a notebook, and as files for a paper."""

import re
from pathlib import Path
from typing import Any, get_args

import plotly.graph_objects as go

from ict.errors import IctError, InputError, quoted
from ict.figures import maps
from ict.figures.export import FORMATS, MISSING, FigureBundle
from ict.figures.export import export as export_files
from ict.figures.styles import Span
from ict.files import write_new
from ict.scores import ChannelScores
from ict.selection import Selection

_NEED_TABLE = ("csv", "tex")


def plot_scores(
    scores: ChannelScores,
    selection: Selection | None = None,
    *,
    site: str | None = None,
    view: maps.View = "raw",
) -> go.Figure:
    """The map of scores, blocks × channels, with the channels of `selection` marked.

    `view` is one of those of `ict.figures.maps`: raw, rank, … Raises InputError for a site that was
    not scored, and for a selection of another site or other blocks.
    """
    if view not in get_args(maps.View):
        raise InputError(f"view={quoted(view)}: choose one of {', '.join(get_args(maps.View))}")
    if selection is not None and not isinstance(selection, Selection):
        raise InputError(f"plot needs a Selection, as ict.select gives, not {quoted(selection)}")
    where = site or (selection.site if selection else scores.only_site())
    stages = scores.site(where)
    if selection is not None:
        _check_fits(selection, where, [row.shape[0] for stage in stages for row in stage])
    criterion = str(scores.meta.get("criterion", "score"))
    return maps.score_map(stages, view=view, selection=selection, criterion=criterion)


def export(
    figure: go.Figure,
    path: str | Path,
    *,
    style: str = "iclr",
    span: Span | None = None,
    overwrite: bool = False,
) -> Path:
    """Writes a figure in the width and letters of a venue; the name's ending says the format.

    `span` is the width, one `column` or the `text`; the figure's own choice for None.
    pdf, svg and png need Chrome; html, txt (the caption) and json (where it came from) do not. A table
    needs the data too: `ict figure` writes csv and tex. Raises InputError for another style or ending,
    and a file that is there unless `overwrite` is set; IctError without Chrome.
    """
    kind = Path(path).suffix.removeprefix(".").lower()
    if kind not in FORMATS or kind in _NEED_TABLE:
        allowed = ", ".join(one for one in FORMATS if one not in _NEED_TABLE)
        raise InputError(
            f"{path}: end the name in one of {allowed} (`ict figure` writes csv and tex)"
        )
    if span is not None and span not in get_args(Span):
        raise InputError(f"span={quoted(span)}: choose one of {', '.join(get_args(Span))}")
    if not isinstance(figure, go.Figure):
        raise InputError(f"export needs a Plotly figure, not {quoted(type(figure).__name__)}")
    name = re.sub(r"[^\w-]", "-", Path(path).stem) or "figure"
    files: dict[str, Any] = export_files(FigureBundle(name, figure), style, (kind,), span=span)
    if MISSING in files:
        raise IctError(files[MISSING].decode().strip())
    return write_new(path, files[f"{name}.{kind}"], overwrite=overwrite)


def _check_fits(selection: Selection, site: str, widths: list[int]) -> None:
    if selection.site != site:
        raise InputError(
            f"the selection is of site {quoted(selection.site)}, the scores of {quoted(site)}"
        )
    for one in selection.blocks:
        if one.block >= len(widths) or widths[one.block] != one.width:
            raise InputError(
                f"the selection has block {one.block} of {one.width} channels, which these scores have not"
            )
