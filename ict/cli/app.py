"""`ict app`: the same as `streamlit run app/main.py`, from any directory."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import click

from ict.cli.common import command
from ict.errors import InputError
from ict.store.store import Store

MAIN = Path(__file__).parents[2] / "app" / "main.py"


@command("app")
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True)
@click.option("--no-browser", is_flag=True, help="Do not open a browser window.")
def app(*, port: int, no_browser: bool, as_json: bool) -> None:
    """Serves the app on this machine until Ctrl-C; runs that it started go on."""
    del as_json  # nothing to say: it serves
    if not MAIN.is_file():
        raise InputError(f"{MAIN} is missing: the app is served from a clone of the repository")
    if importlib.util.find_spec("streamlit") is None:
        raise ModuleNotFoundError(name="streamlit")
    arguments = ["--server.port", str(port), "--server.headless", str(no_browser).lower()]
    environment = {**os.environ, "ICT_STORE": str(Store().root)}
    served = [sys.executable, "-m", "streamlit", "run", str(MAIN), *arguments]
    raise SystemExit(subprocess.run(served, env=environment, check=False).returncode)


COMMANDS = {"app": app}
