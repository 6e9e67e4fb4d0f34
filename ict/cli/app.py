"""`ict app`: the same as `streamlit run app/main.py`, from any directory."""

import importlib.util
import ipaddress
import os
import re
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from ict.cli.child import Child
from ict.cli.common import command
from ict.errors import InputError, quoted
from ict.files import PUBLISHED, absolute, is_published
from ict.files.entry_token import TOKEN, TOKEN_FILE, checked_token, read_token
from ict.store.store import Store

MAIN = Path(__file__).parents[2] / "app" / "main.py"
_HERE = ("localhost", "127.0.0.1", "::1")
_NAME = re.compile(r"(\*\.)?[a-z0-9_][a-z0-9_-]*(\.[a-z0-9_-]+)*\.?")
_MOST_HOSTS = 100


@command("app")
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True)
@click.option(
    "--host",
    "hosts",
    multiple=True,
    metavar="NAME[,NAME…]",
    help="Answer visitors of this host name too, as behind a proxy; *.NAME for all names below it.",
)
@click.option(
    "--address",
    help="Listen there; 127.0.0.1 by default, 0.0.0.0 lets everybody who reaches this machine start runs, "
    "unless ICT_READ_ONLY=1.",
)
@click.option(
    "--token",
    metavar="FILE|auto",
    help="Let in only who brings the token in FILE, or one that is drawn and printed now (auto). "
    f"${TOKEN_FILE} names such a file, too.",
)
@click.option("--no-browser", is_flag=True, help="Do not open a browser window.")
def app(
    *,
    port: int,
    hosts: tuple[str, ...],
    address: str | None,
    token: str | None,
    no_browser: bool,
    as_json: bool,
) -> None:
    """Serves the app on this machine until Ctrl-C; runs that it started go on.

    With ICT_READ_ONLY=1 it publishes the store: visitors can look and download, not start, change or delete.
    """
    del as_json  # nothing to say: it serves
    if not MAIN.is_file():
        raise InputError(f"{MAIN} is missing: the app is served from a clone of the repository")
    if importlib.util.find_spec("streamlit") is None:
        raise ModuleNotFoundError(name="streamlit")
    own = () if address is None else own_names(address)
    names = tuple(dict.fromkeys([*host_names(hosts), *own]))
    entry = entry_token(token, os.environ)
    headless = no_browser or bool(entry)  # the address with a token is nothing for a command line
    arguments = ["--server.port", str(port), "--server.headless", str(headless).lower()]
    if address is not None:
        arguments += ["--server.address", address]
    if names:
        arguments += _host_options(names)
    click.echo(f"ict: {_who_is_answered(names)}", err=True)
    if is_published():
        click.echo(f"ict: {PUBLISHED}", err=True)
    if entry:
        click.echo(
            f"ict: {_how_to_enter(entry, address or _HERE[1], port, drawn=token == 'auto')}",
            err=True,
        )
    others = {name: said for name, said in os.environ.items() if name not in (TOKEN, TOKEN_FILE)}
    environment = {**others, **entry, "ICT_STORE": str(Store().root)}
    served = [sys.executable, "-m", "streamlit", "run", str(MAIN), *arguments]
    raise SystemExit(Child(served, environment).run())


def entry_token(given: str | None, environment: Mapping[str, str]) -> dict[str, str]:
    """Of `--token` or the environment: the variable that tells the server, or none where all may enter.

    Raises InputError for what holds no token.
    """
    if given == "auto":
        return {TOKEN: secrets.token_urlsafe(32)}
    if given is None and environment.get(TOKEN):
        return {TOKEN: checked_token(environment[TOKEN], f"${TOKEN}")}
    path = (environment.get(TOKEN_FILE) or None) if given is None else given
    if path is None:
        return {}
    read_token(path)
    return {TOKEN_FILE: str(absolute(path))}


def _how_to_enter(entry: Mapping[str, str], address: str, port: int, *, drawn: bool) -> str:
    """The address with the token that was drawn; one that people have elsewhere is not printed."""
    place = _HERE[0] if _is_everywhere(address) else address
    told = f"http://{f'[{place}]' if ':' in place else place}:{port}/?token="
    if drawn:
        return f"the app asks for a token: open {told}{entry[TOKEN]}"
    where = quoted(entry[TOKEN_FILE]) if TOKEN_FILE in entry else f"${TOKEN}"
    return f"the app asks for a token: open {told}… once, with what {where} holds"


def host_names(given: tuple[str, ...]) -> tuple[str, ...]:
    """The host names of `--host`, each once, in lower case; raises InputError for what is no name."""
    words = [word.strip().lower() for text in given for word in text.split(",")]
    if len(words) > _MOST_HOSTS:
        raise InputError(f"--host: {len(words)} names; give at most {_MOST_HOSTS}")
    for word in words:
        if not (_NAME.fullmatch(word) or _is_address(word)):
            raise InputError(
                f"--host {quoted(word)} is no host name: write the name that stands in the browser's "
                "address, without http:// and port, as in --host ict.example.org"
            )
    return tuple(dict.fromkeys(words))


def own_names(address: str) -> tuple[str, ...]:
    """What visitors of this machine's IP `address` write: itself, unless it stands for several.

    Raises InputError for what is no IP address.
    """
    if not _is_address(address):
        raise InputError(
            f"--address {quoted(address)} is no IP address: choose 127.0.0.1, 0.0.0.0 (all of this "
            "machine's) or one of its own; a name that visitors use belongs into --host"
        )
    return () if _is_everywhere(address) or address in _HERE else (address.lower(),)


def _is_everywhere(address: str) -> bool:
    """Whether it stands for all addresses of this machine."""
    return ipaddress.ip_address(address).is_unspecified


def _is_address(word: str) -> bool:
    try:
        ipaddress.ip_address(word)
    except ValueError:
        return False
    return True


def _host_options(names: tuple[str, ...]) -> list[str]:
    """Streamlit's options that let in visitors of `names`, beside this machine's own.

    `allowedHosts` is what a request's Host may be, `corsAllowedOrigins` what the browser's address
    may be where a proxy passes on its own name as the Host; of the second, patterns are none.
    """
    options: list[str] = []
    for name in dict.fromkeys([*_HERE, *names]):
        options += ["--server.allowedHosts", name]
    for name in names:
        if not name.startswith("*."):
            place = f"[{name}]" if ":" in name else name
            for scheme in ("https", "http"):
                options += ["--server.corsAllowedOrigins", f"{scheme}://{place}"]
    return options


def _who_is_answered(names: tuple[str, ...]) -> str:
    """Which names the app answers, and what to do for another one."""
    set_outside = os.environ.get("STREAMLIT_SERVER_ALLOWED_HOSTS")
    if not names and set_outside is not None:
        return f"the app answers the hosts of STREAMLIT_SERVER_ALLOWED_HOSTS, {quoted(set_outside)}"
    allowed = ", ".join(dict.fromkeys([*_HERE, *names]))
    return (
        f"the app answers under {allowed}; for another host name (a proxy's, this machine's) start it "
        "with --host NAME"
    )


COMMANDS = {"app": app}
