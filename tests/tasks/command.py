"""`ict` in this process, for tests of the commands about data."""

from click.testing import CliRunner

from ict.cli import main


def ict(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.output
