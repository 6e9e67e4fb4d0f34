"""The command line `ict`. Each command lives in its own module, imported when it is called."""

import importlib

import click

from ict.cli.common import TYPED, OneSentence, check_words
from ict.errors import did_you_mean, lacking, quoted

_MODULES = {
    "tasks": "data",
    "data": "data",
    "backbones": "known",
    "fields": "known",
    "methods": "known",
    "score": "scoring",
    "scores": "scoring",
    "select": "select",
    "channels": "channels",
    "train": "train",
    "runs": "runs",
    "show": "show",
    "cancel": "runs",
    "resume": "runs",
    "remove": "runs",
    "study": "study",
    "jobs": "jobs",
    "overlap": "analysis",
    "stability": "analysis",
    "energy": "analysis",
    "causal": "criteria",
    "inspect": "criteria",
    "criteria": "report_card",
    "compare": "compare",
    "figure": "figure",
    "report": "figure",
    "fold": "methods",
    "import": "methods",
    "app": "app",
    "docs": "docs",
}


def _without(name: str, error: ModuleNotFoundError) -> click.Command:
    """The command whose package is not installed: listed with what to do, and refused with it."""

    def refuse() -> None:
        raise error

    anything = {"ignore_unknown_options": True, "allow_extra_args": True}
    return click.Command(name, callback=refuse, help=lacking(error), context_settings=anything)


class _Lazy(OneSentence):
    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        check_words(args)
        context.meta[TYPED] = list(args)
        return super().parse_args(context, args)

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(_MODULES)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        if name not in _MODULES:
            return None
        try:
            module = importlib.import_module(f"ict.cli.{_MODULES[name]}")
        except ModuleNotFoundError as error:
            return _without(name, error)
        return module.COMMANDS[name]

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _MODULES and not args[0].startswith("-"):
            raise click.UsageError(f"no command {quoted(args[0])}{did_you_mean(args[0], _MODULES)}")
        return super().resolve_command(context, args)


@click.command(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ict")
def main() -> None:
    """Which channels of a vision transformer matter for a task: score, select, tune, compare.

    Results go to $ICT_STORE (default ./ict_store); VTAB-1K is looked for under $ICT_VTAB_ROOT.
    """
