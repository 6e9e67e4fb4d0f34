"""Every word of every command, attacked: no traceback, exit code 0 to 2, a sentence of bounded length."""

import json
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from ict.cli import main
from ict.errors import InputError

LONGEST = 620  # characters of a message: a sentence, and which help to read
VALUES = {
    "nothing": "",
    "5,000 letters": "x" * 5000,
    "4,000 letters": "x" * 4000,
    "a million digits": "9" * 10**6,
    "400 digits": "9" * 400,
    "19 digits": "9" * 19,
    "4,000 brackets": "[" * 4000,
    "a field of 4,000 brackets": "lr=" + "[" * 4000,
    "a field of 400 digits": "epochs=" + "9" * 400,
    "a huge share": "ratio=1e9000000",
    "a line": "a\nb",
    "a null": "a\0b",
    "a terminal's colour": "\x1b[31m",
    "half a pair": "\udcff",
    "a path above": "../../etc/passwd",
    "the root": "/",
    "here": ".",
    "home of nobody": "~nobody-of-this-name/x",
    "a digit that is none": "²",
    "minus": "-1",
    "not a number": "nan",
    "infinite": "inf",
    "beyond floats": "1e400",
    "a study": "study:" + "y" * 300,
    "a study above": "study:../..",
    "scores": "x" * 300 + ".safetensors",
    "a format": "{0}%s%n${HOME}`id`",
}


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        if isinstance(found, click.Group):
            yield from commands(found, (*path, name))
        if not isinstance(found, click.Group) or found.invoke_without_command:
            yield (*path, name)


def parameters(path: tuple[str, ...]) -> list[click.Parameter]:
    found: click.Command | None = main
    for name in path:
        assert isinstance(found, click.Group)
        found = found.get_command(click.Context(found), name)
    assert found is not None
    return [p for p in found.params if not (isinstance(p, click.Option) and p.is_flag)]


def words(attacked: click.Parameter, value: str, others: list[click.Parameter]) -> list[str]:
    """The attacked word, and something harmless for whatever else the command needs."""
    line: list[str] = []
    arguments: list[str] = []
    for one in others:
        if isinstance(one, click.Argument):
            arguments.append(value if one is attacked else "digits")
        elif one is attacked:
            line += [max(one.opts, key=len), value]
        elif one.required:
            line += [max(one.opts, key=len), "out.json"]
    return [*line, "--", *arguments]


@pytest.fixture
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is started and nothing is fetched: a word that got so far is fine."""

    def far_enough(*_words: object, **_more: object) -> None:
        raise InputError("far enough")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("subprocess.run", far_enough)
    monkeypatch.setattr("subprocess.Popen", far_enough)
    for heavy in ("ict.catalogue._describe_elsewhere", "ict.running.local.submit"):
        monkeypatch.setattr(heavy, far_enough)


@pytest.mark.usefixtures("apart")
@pytest.mark.parametrize("path", list(commands(main)), ids=" ".join)
def test_no_word_of_a_command_ends_in_a_traceback(path: tuple[str, ...]):
    params = parameters(path)
    for attacked in params:
        for name, value in VALUES.items():
            line = words(attacked, value, params)
            result = CliRunner().invoke(main, [*path, "--json", *line])
            where = f"{' '.join(path)}, {attacked.name}, {name}"
            odd = result.exception
            assert odd is None or isinstance(odd, SystemExit), f"{where}: {odd!r:.300}"
            assert result.exit_code in (0, 1, 2), where
            if result.exit_code:
                document = json.loads(result.stdout)
                if isinstance(document, dict) and "error" in document:
                    message = document["error"]
                    assert 0 < len(message) <= LONGEST, where
                    assert message.isprintable(), where
                    assert max(map(len, message.split())) <= 230, where


@pytest.mark.usefixtures("apart")
@pytest.mark.parametrize("name", VALUES)
def test_no_name_of_a_command_or_an_option_does(name: str):
    value = VALUES[name]
    for line in ([value], ["data", value], ["study", value], ["runs", f"--{value}"], [value] * 500):
        result = CliRunner().invoke(main, [*line, "--json"])
        assert result.exception is None or isinstance(result.exception, SystemExit)
        assert result.exit_code in (0, 2)
        if result.exit_code:
            assert 0 < len(json.loads(result.stdout)["error"]) <= LONGEST


@pytest.mark.usefixtures("apart")
@pytest.mark.parametrize("variable", ["ICT_STORE", "ICT_VTAB_ROOT"])
@pytest.mark.parametrize(
    "value", ["~nobody-of-this-name/x", "/dev/null", "x" * 300, "\udcff", "a\nb"]
)
def test_no_place_in_the_environment_does(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(variable, value)
    for line in (["runs"], ["tasks"], ["train", "kitti", "--dry-run"], ["study", "show", "x"]):
        result = CliRunner().invoke(main, [*line, "--json"])
        assert result.exception is None or isinstance(result.exception, SystemExit)
        if result.exit_code:
            assert 0 < len(json.loads(result.stdout)["error"]) <= LONGEST
