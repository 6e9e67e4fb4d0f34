"""A figure in Plotly's plain words: no template, no packed arrays, and a stamp of what it holds.

Plotly compares a figure that it is handed with the one that it shows, and draws what has changed. A template, packed
arrays and free metadata count as changed whatever they hold; without them a figure that is handed over
twice, as Streamlit does, is drawn once.
"""

import base64
import copy
import hashlib
import json
from typing import Any

import numpy as np
import plotly.graph_objects as go

from ict.figures.theme import PlotlyJSON


def plain(figure: go.Figure) -> PlotlyJSON:
    """What `figure` draws, as the dictionary that Plotly's JavaScript takes.

    Of charts on axes (bars, heatmaps, scatters), which all of this package's are. Equal figures give equal
    dictionaries; `layout.datarevision` is the hash of the rest.
    """
    spec = _unpacked(json.loads(figure.to_json()))
    layout = spec["layout"]
    template = layout.pop("template", {})
    layout.pop("meta", None)
    spec["data"] = [_trace(trace, template.get("data", {})) for trace in spec["data"]]
    spec["layout"] = layout = _layout(layout, spec["data"], template.get("layout", {}))
    stamp = hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()
    layout["datarevision"] = stamp[:16]
    return spec


def _unpacked(value: Any, *, in_bars: bool = False) -> Any:
    """`value` with its packed arrays as lists; what is no number in them is null, as in Plotly's own JSON.

    Error bars with such stay packed: Plotly takes null for a bar of length 0.
    """
    if isinstance(value, list):
        return [_unpacked(one) for one in value]
    if not isinstance(value, dict):
        return value
    if "bdata" not in value:
        return {
            key: _unpacked(one, in_bars=in_bars or key.startswith("error_"))
            for key, one in value.items()
        }
    array = np.frombuffer(base64.b64decode(value["bdata"]), np.dtype(value["dtype"]))
    if "shape" in value:
        array = array.reshape([int(n) for n in str(value["shape"]).split(",")])
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return array.tolist()
    if in_bars:
        return value
    numbers = array.astype(object)
    numbers[~np.isfinite(array)] = None
    return numbers.tolist()


def _trace(trace: PlotlyJSON, templates: PlotlyJSON) -> PlotlyJSON:
    (defaults,) = templates.get(trace.get("type", "scatter"), [{}])
    return _over(defaults, trace)


def _layout(layout: PlotlyJSON, traces: list[PlotlyJSON], defaults: PlotlyJSON) -> PlotlyJSON:
    """`layout` with what the template would give it, each axis, note and shape of it as well."""
    defaults = dict(defaults)
    notes, shape = defaults.pop("annotationdefaults", {}), defaults.pop("shapedefaults", {})
    named = {one["name"]: one for one in defaults.pop("annotations", ())}
    numbered: dict[str, PlotlyJSON] = {
        key: defaults.pop(key, {}) for key in ("xaxis", "yaxis", "coloraxis")
    }
    found = _over(defaults, layout)
    for key in {*filter(_is_axis, layout), *_axes(traces)}:
        found[key] = _over(numbered[_family(key)], layout.get(key, {}))
    for key in _positions(traces):  # Plotly's default, but not beside a colour of the grid
        found[key].setdefault("showgrid", False)
    if "annotations" in layout:
        found["annotations"] = [_note(one, notes, named) for one in layout["annotations"]]
    if "shapes" in layout:
        found["shapes"] = [_over(shape, one) for one in layout["shapes"]]
    return found


def _note(note: PlotlyJSON, defaults: PlotlyJSON, named: dict[str, PlotlyJSON]) -> PlotlyJSON:
    note = dict(note)
    item = dict(named.get(note.pop("templateitemname", ""), {}))
    item.pop("name", None)
    return _over(_over(defaults, item), note)


def _family(key: str) -> str:
    return key.rstrip("0123456789")


def _is_axis(key: str) -> bool:
    return _family(key) in ("xaxis", "yaxis", "coloraxis")


def _axes(traces: list[PlotlyJSON]) -> set[str]:
    """The axes that `traces` are drawn on, or the first two, as the layout names them."""
    used = {"xaxis", "yaxis"} if not traces else set()
    for trace in traces:
        used |= {_axis_of(trace, way) for way in "xy"}
        colours = (trace, trace.get("marker", {}))
        used |= {one["coloraxis"] for one in colours if "coloraxis" in one}
    return used


def _positions(traces: list[PlotlyJSON]) -> set[str]:
    """The axes along which bars stand."""
    bars = [trace for trace in traces if trace.get("type") == "bar"]
    return {_axis_of(trace, "y" if trace.get("orientation") == "h" else "x") for trace in bars}


def _axis_of(trace: PlotlyJSON, way: str) -> str:
    return f"{way}axis{trace.get(f'{way}axis', way)[1:]}"


def _over(defaults: PlotlyJSON, own: PlotlyJSON) -> PlotlyJSON:
    """`own`, with what of `defaults` it does not say, at every depth."""
    found = copy.deepcopy(defaults)
    for key, value in own.items():
        under = found.get(key)
        found[key] = (
            _over(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
        )
    return found
