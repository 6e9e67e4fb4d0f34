"""Every `ict …` that the documentation writes is a command with options that there are."""

import re
from pathlib import Path

import click
import pytest

from ict.cli import main
from tests.docs.blocks import ROOT, TEXTS, typed

_WORD = re.compile(r"[A-Za-z][\w-]*")


def command_of(words: list[str]) -> tuple[click.Command, click.Context, list[str]]:
    """The command that `words` name and what follows; raises UsageError for one that is not there."""
    command: click.Command = main
    context = click.Context(main, info_name="ict")
    rest = words[1:]
    while isinstance(command, click.Group) and rest and _WORD.fullmatch(rest[0]):
        found = command.get_command(context, rest[0])
        if found is None and command is not main:
            break  # `ict import FILE`, `ict runs`
        if found is None:
            raise click.UsageError(f"no command {rest[0]}")
        command, rest = found, rest[1:]
        context = click.Context(command, info_name=command.name, parent=context)
    return command, context, rest


def trouble(words: list[str], *, whole: bool) -> str | None:
    """What the parser says against these words; None if nothing. Of a command in a sentence the options count."""
    try:
        command, context, rest = command_of(words)
        if whole and not isinstance(command, click.Group):
            filled = ["1" if word.startswith("$") else word for word in rest]
            command.make_context(command.name, filled, parent=context.parent)
            return None
    except (click.UsageError, SystemExit) as error:
        return str(getattr(error, "message", "")) or type(error).__name__
    return unknown_option(command, context, rest)


def unknown_option(command: click.Command, context: click.Context, rest: list[str]) -> str | None:
    """The first option in `rest` that the command has not; what follows one that takes a value is none."""
    takes = {
        name: not getattr(one, "is_flag", False)
        for one in command.get_params(context)
        for name in (*one.opts, *one.secondary_opts)
    }
    words = iter(rest)
    for word in words:
        name = word.split("=")[0].rstrip(",.")
        if re.match(r"--?[a-z]", name) and name not in takes:
            return f"no option {name}"
        if takes.get(name) and "=" not in word:
            next(words, None)
    return None


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_of_a_page_parses(page: Path):
    wrong = [
        f"{place}: {' '.join(words)}: {said}"
        for place, words, whole in typed(page)
        if (said := trouble(words, whole=whole))
    ]
    assert not wrong, "\n".join(wrong)


def test_a_wrong_command_is_found():
    assert trouble(["ict", "trane", "digits"], whole=False)
    assert trouble(["ict", "train", "digits", "--epoch", "1"], whole=False)
    assert trouble(["ict", "train", "digits", "--seed", "many"], whole=True)
    assert trouble(["ict", "train"], whole=True)
    assert trouble(["ict", "train", "digits", "--seed", "1"], whole=True) is None
    assert sum(1 for page in TEXTS for _ in typed(page)) > 150
