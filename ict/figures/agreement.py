"""How well rankings agree, block by block."""

import plotly.graph_objects as go

from ict.figures import theme as look
from ict.figures.coinciding import SEEN, said, together
from ict.figures.frames import Table, frame
from ict.figures.reference_lines import line_at_y


def _nothing(unit: str) -> str:
    """What 0 is."""
    return "chance" if unit.startswith("Kuncheva") else "no correlation"


def agreement_lines(
    table: Table,
    *,
    unit: str = "Spearman correlation",
    against: str = "",
    images: int | None = None,
    title: str | None = None,
    theme: look.Theme = "light",
) -> go.Figure:
    """Agreement by block, one line a criterion; 1 is the same ranking, 0 none.

    Columns: criterion, block, value (−1…1; NaN where a criterion cannot rank). `against` names what
    all are compared with; n, where given, how many channels each value is from; `images` on how many
    an effect was measured.
    """
    rows = frame(table)
    if rows.empty or rows["value"].isna().all():
        return look.empty("no block in which two rankings can be compared", theme)
    figure = go.Figure()
    names = list(dict.fromkeys(rows["criterion"]))
    styles = look.looks(names)
    parts = {name: rows[rows["criterion"] == name].sort_values("block") for name in names}
    lines = {n: part[["block", "value"]].to_numpy() for n, part in parts.items()}
    groups = together(lines, within=SEEN)
    for same in groups:
        part, style, name = parts[same.first], styles[same.first], same.joint
        figure.add_scatter(
            x=part["block"],
            y=part["value"],
            name=name,
            mode="lines+markers",
            line={"color": style.colour, "dash": style.dash, "width": 2},
            marker={"symbol": style.symbol, "size": 7},
            hovertemplate=f"{name}<br>block %{{x}}: %{{y:.2f}}<extra></extra>",
        )
    line_at_y(figure, 0, {"width": 1, "dash": "dot"}, _nothing(unit))
    look.block_axis(figure, int(rows["block"].max()))
    figure.update_yaxes(title_text=unit, range=[min(-0.05, 1.1 * rows["value"].min()), 1.05])
    look.legend_above(figure)
    figure.update_layout(showlegend=len(names) > 1 or bool(against))
    caption = f"{unit} of {', '.join(names)}{f' with {against}' if against else ''} by block"
    if "n" in rows and rows["n"].notna().all():
        caption += f", n = {', '.join(str(n) for n in sorted(set(rows['n'])))} channels a block"
    if images:
        caption += f"; effects on n = {images} images"
    return look.finish(figure, title=title, caption=f"{caption}.{said(groups)}", theme=theme)
