"""Somebody who follows a page of the documentation, block by block."""

import contextlib
import io
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.docs.blocks import ROOT, Block

RUN = ("bash", "python")


def runs(block: Block) -> bool:
    """Whether tests execute the block; what is only a file, or stands for another place, they do not."""
    shortened = "long" not in block.marks or "tests" in block.marks
    return (
        block.language in RUN
        and block.file is None
        and "elsewhere" not in block.marks
        and shortened
    )


def shown(text: str) -> list[str]:
    """The commands `ict …` that begin a line, without their comments."""
    return [line.split("  #")[0].rstrip() for line in text.splitlines() if line.startswith("ict ")]


def with_ict(environment: Mapping[str, str], tools: Path) -> dict[str, str]:
    """`environment` with this clone's `ict`, and `python`, first on the path; one thread."""
    tools.mkdir()
    for name, words in (("ict", " -m ict"), ("python", "")):
        (tools / name).write_text(f'#!/bin/sh\nexec "{sys.executable}"{words} "$@"\n')
        (tools / name).chmod(0o755)
    own = {
        "PATH": f"{tools}:{environment['PATH']}",
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
    }
    return {**environment, **own}


class Reader:
    """Somebody who follows a page: one folder, one shell environment, one Python session."""

    def __init__(self, folder: Path, environment: dict[str, str], *, seconds: int = 280) -> None:
        self.folder, self.environment, self.seconds = folder, environment, seconds
        self.names: dict[str, object] = {"__name__": "__main__"}
        self.said = ""

    def do(self, block: Block) -> None:
        if block.file is not None:
            (self.folder / block.file).write_text(block.text)
        elif runs(block) and block.language == "bash":
            self._shorten(block.marks.get("tests", ""))
            self._shell(block)
        elif runs(block):
            self._python(block)

    def _shell(self, block: Block) -> None:
        """Runs the block, then remembers what it exported for the blocks below it."""
        script = f"set -euo pipefail\n{block.text}\nenv -0 > {self.folder}/.env\n"
        done = subprocess.run(
            ["bash", "-c", script], cwd=self.folder, env=self.environment,
            capture_output=True, text=True, check=False, timeout=self.seconds,
        )  # fmt: skip
        assert done.returncode == 0, f"{block.place}\n{block.text}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, f"{block.place}\n{done.stderr}"
        left = (self.folder / ".env").read_text().split("\0")
        self.environment = dict(one.split("=", 1) for one in left if "=" in one)
        self.said += done.stdout

    def _python(self, block: Block) -> None:
        code = compile("\n" * block.line + block.text, str(block.page), "exec")
        said = io.StringIO()
        with contextlib.chdir(self.folder), contextlib.redirect_stdout(said):
            exec(code, self.names)
        self.said += said.getvalue()

    def _shorten(self, fields: str) -> None:
        """Puts `a = 1, b = 2` into the table [base] of every study in the folder."""
        lines = [part.strip() for part in fields.split(",") if part.strip()]
        for path in self.folder.glob("*.toml"):
            text = path.read_text()
            for line in lines:
                name = line.split(" =")[0]
                text = re.sub(rf"^{name} = .*\n", "", text, flags=re.M)
                text = text.replace("[base]\n", f"[base]\n{line}\n")
            path.write_text(text)
