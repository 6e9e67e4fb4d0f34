"""Compare: is A better than B, on which images, and what can these runs tell?"""

import streamlit as st
from ict_app.common import shell, words
from ict_app.studies import compare_view

from ict.errors import IctError

shown = shell.heading(
    "Compare", "Is A better than B? The difference with its interval, and the images behind it."
)
try:
    pair = compare_view.controls(shown)
    if pair is None:
        compare_view.nothing(shown)
    else:
        compare_view.draw(shown, pair)
except IctError as error:
    st.error(words.plain(error), icon=":material/error:")
