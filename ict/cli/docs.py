"""`ict docs`: the documentation of this version, served or built from the clone."""

import importlib.util
import os
import sys
from pathlib import Path

import click

from ict.cli.child import Child
from ict.cli.common import command
from ict.errors import InputError
from ict.files import absolute

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "mkdocs.yml"
_NEEDED = ("mkdocs", "material", "mkdocstrings")


@command("docs")
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True)
@click.option("--no-browser", is_flag=True, help="Do not open a browser window.")
@click.option(
    "--build", type=click.Path(path_type=Path), help="Write the pages into this folder, serve none."
)
def docs(*, port: int, no_browser: bool, build: Path | None, as_json: bool) -> None:
    """Serves the documentation on this machine until Ctrl-C, or builds it."""
    del as_json  # nothing to say: it serves
    if not CONFIG.is_file():
        raise InputError(
            f"{CONFIG} is missing: the documentation is served from a clone of the repository; run "
            "`ict docs` of an installation from one"
        )
    for package in _NEEDED:
        if importlib.util.find_spec(package) is None:
            raise ModuleNotFoundError(name=package)
    raise SystemExit(Child(mkdocs_words(port, no_browser, build), _environment()).run())


def mkdocs_words(port: int, no_browser: bool, build: Path | None) -> list[str]:
    """The words of mkdocs that serve on this machine alone, or build into a folder."""
    words = [sys.executable, "-m", "mkdocs", "--quiet"]
    if build is not None:
        return [*words, "build", "--strict", "-f", str(CONFIG), "-d", str(absolute(build))]
    click.echo(f"ict: http://127.0.0.1:{port}/ until Ctrl-C", err=True)
    words += ["serve", "-f", str(CONFIG), "-a", f"127.0.0.1:{port}"]
    return words if no_browser else [*words, "--open"]


def _environment() -> dict[str, str]:
    return {**os.environ, "NO_MKDOCS_2_WARNING": "1"}


COMMANDS = {"docs": docs}
