"""A zoom becomes the limits of the axes: typed into their fields, so that it is in the address and stays.

Streamlit makes a chart anew whenever its figure changes, and what the reader zoomed to would be lost with
every epoch. So a script types what a zoom shows into the fields of the limits, as the reader could.
"""

import json

import streamlit as st

_SCRIPT = """<script>(() => {
const [key, labels] = %s;
const type = (label, text) => {
  const field = document.querySelector(`input[aria-label="${label}"]`);
  if (!field || field.value === text) return;
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(field, text);
  field.dispatchEvent(new Event('input', {bubbles: true}));
  setTimeout(() => field.dispatchEvent(new FocusEvent('focusout', {bubbles: true})), 50);
};
const ends = axis => axis.range.map(
  end => String(Number((axis.type === 'log' ? 10 ** end : end).toPrecision(4)))).join(':');
const follow = chart => chart.on('plotly_relayout', change => {
  Object.entries(labels).forEach(([name, label], i) => {
    const named = part => Object.keys(change).some(one => one.startsWith(`${name}axis.${part}`));
    const text = named('autorange') ? '' : ends(chart._fullLayout[`${name}axis`]);
    if (named('range') || named('autorange')) setTimeout(() => type(label, text), 150 * i);
  });
});
clearInterval(window.ictZoom);
window.ictZoom = setInterval(() => {
  for (const chart of document.querySelectorAll(`.st-key-${key} .js-plotly-plot`))
    if (chart.on && !chart.ictFollowed) { chart.ictFollowed = true; follow(chart); }
}, 300);
})()</script>"""


def into_limits(key: str, labels: dict[str, str]) -> None:
    """Types a zoom in the chart `key` into the text fields with these labels, by axis: `x`, `y`."""
    what = json.dumps([key, labels]).replace("<", r"\u003c")
    st.html(_SCRIPT % what, unsafe_allow_javascript=True)
