"""What refuses, and how it is heard: one short sentence, no traceback."""

import json

from click.testing import CliRunner, Result

MOST = 600  # characters of a sentence


def ict(*words: str) -> Result:
    from ict.cli import main

    return CliRunner().invoke(main, list(words))


def sentence(*words: str) -> str:
    """The one sentence with which `ict … --json` refuses; exit code 1 or 2, no traceback."""
    result = ict(*words, "--json")
    failure = result.exception
    assert failure is None or isinstance(failure, SystemExit), f"traceback: {failure!r:.200}"
    assert result.exit_code in (1, 2), f"exit code {result.exit_code}: {result.output[:200]}"
    error = json.loads(result.stdout)["error"]
    assert "\n" not in error
    assert "Traceback" not in error
    assert len(error) <= MOST, f"a message of {len(error)} characters"
    return str(error)
