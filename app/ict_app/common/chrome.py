"""The hidden Chrome that draws exports: started in the background once a page shows a figure.

Its start takes some three seconds of a core, which the first PDF would have to wait for. It stays until
the server ends. `ICT_WARM_CHROME=0` leaves it to the first export, on a machine that is short of memory.
"""

import os
import threading

from ict.figures import browser

AFTER_SECONDS = 2.0  # the page itself comes first
_served = threading.Event()
_asked = threading.Lock()  # held from the first figure on


def serve() -> None:
    """This process serves the app: only such a one starts a Chrome that nobody asked for yet."""
    if os.environ.get("ICT_WARM_CHROME", "1") != "0":
        _served.set()


def figure_shown() -> None:
    """A page shows a figure that can be exported."""
    if _served.is_set() and _asked.acquire(blocking=False):
        timer = threading.Timer(AFTER_SECONDS, browser.warm)
        timer.daemon = True
        timer.start()
