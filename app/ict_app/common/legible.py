"""What Streamlit's own parts lack for WCAG 2.2 AA: contrast, a visible focus, roles in the navigation.

Colours that the theme can set are in `.streamlit/config.toml`; here is what it cannot. The selectors
are those of Streamlit 1.67; `tests/app/test_accessible.py` looks at every page.
"""

from typing import Literal

import streamlit as st

_STYLE = """
/* captions are text at 60 % (4.05:1 on white); disabled links and labels at 40 % (2.4:1) */
[data-testid="stCaptionContainer"] { opacity: 0.8; }
a[data-testid="stPageLink-NavLink"][disabled] p { opacity: 0.7; color: var(--ict-text); }
label[data-testid="stWidgetLabel"] { color: inherit; }
/* two stops of the Tab key that show no focus of their own */
a[data-testid="stSidebarNavLink"]:focus-visible, main[data-testid="stMain"]:focus-visible {
  outline: 2px solid currentColor; outline-offset: -2px;
}
"""
_COLOURS = {
    "light": ":root { --ict-text: #1F2933; }",
    # white on the primary colour, which has to stand out from the page too, were 3.03:1
    "dark": """:root { --ict-text: #E4E7EB; }
button[data-testid^="stBaseButton-primary"], span[data-tag] { color: #12171E; }
button[data-testid^="stBaseButton-primary"]:is(:hover, :focus, :active) { color: #12171E; }
""",
}
# A section is a `div` between the list and its entries, which a list may not have: each is a named
# group of links instead. Attributes that Streamlit does not set stay when it draws anew.
_NAVIGATION = """<script>(() => {
const name = () => {
  for (const list of document.querySelectorAll('[data-testid=stSidebarNavItems]:has(> div:not([role]))')) {
    for (const item of [list, ...list.querySelectorAll('li')]) item.setAttribute('role', 'none');
    for (const section of list.querySelectorAll(':scope > div')) {
      section.setAttribute('role', 'group');
      section.setAttribute('aria-label', section.querySelector('header p')?.textContent ?? 'Pages');
    }
  }
};
name();
window.ictNavigation ??= new MutationObserver(name);
window.ictNavigation.observe(document.body, {childList: true, subtree: true});
})()</script>"""


def style(theme: Literal["light", "dark"]) -> str:
    """CSS that brings Streamlit's parts to contrast and focus that can be seen."""
    return _STYLE + _COLOURS[theme]


def name_sections() -> None:
    """Makes the sections of the navigation groups with names, for those who hear the page."""
    st.html(_NAVIGATION, unsafe_allow_javascript=True)
