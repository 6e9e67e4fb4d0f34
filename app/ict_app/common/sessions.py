"""Gives back what the tabs held that were closed.

Streamlit keeps a session for `server.disconnectedSessionTTL` after its connection was lost, so that a
browser can come back, and then until the next one is closed: on a server that nobody visits, for ever,
with three descriptors each and what its pages showed.
"""

import asyncio
import ctypes
import gc
from typing import Any

from streamlit import runtime

LOOK_SECONDS = 10.0


async def forget_for_ever() -> None:
    """Looks again and again until it is cancelled."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        if forget_closed():
            await asyncio.to_thread(give_back)


def forget_closed() -> int:
    """Ends the sessions whose time is over; gives their number. Only on the server's event loop."""
    manager: Any = getattr(runtime.get_instance(), "_session_mgr", None)
    kept: Any = getattr(getattr(manager, "_session_storage", None), "_cache", None)
    if not hasattr(kept, "expire"):  # another Streamlit: its own time to live has to do
        return 0
    over = [info for _, info in kept.expire()]
    for info in over:
        info.session.shutdown()
    return len(over)


def give_back() -> None:
    """Collects circles of objects, and hands freed memory back to the system, where it can (glibc)."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
