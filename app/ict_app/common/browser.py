"""What starts with the server: the browser window that opens, leave to start the one of exports, tidying up."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from streamlit import cli_util, config
from streamlit.web.server import server_util

from ict_app.common import chrome, sessions


@asynccontextmanager
async def opened(_app: Any) -> AsyncIterator[None]:
    """Opens the app in a browser once it is served, unless `server.headless`.

    `streamlit run` does so itself for a script, and not for an `st.App`.
    """
    chrome.serve()
    threading.Thread(target=_import_front_page, daemon=True, name="imports").start()
    if not config.get_option("server.headless"):
        asyncio.get_running_loop().call_soon(cli_util.open_browser, address())
    tidying = asyncio.create_task(sessions.forget_for_ever())
    try:
        yield
    finally:
        tidying.cancel()


def _import_front_page() -> None:
    """While the browser loads its scripts, so that the first visitor need not wait for it after that."""
    from ict.running import cancel, local, slurm  # noqa: F401  # what its buttons do
    from ict_app.tune import launch_form, run_table  # noqa: F401


def address() -> str:
    """Where this machine's browser finds the app; an address that stands for all is no place."""
    if config.is_manually_set("browser.serverAddress"):
        return server_util.get_url(config.get_option("browser.serverAddress"))
    listens = config.get_option("server.address") or "localhost"
    return server_util.get_url(server_util.get_display_address(listens))
