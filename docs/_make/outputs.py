"""What the blocks of a page print, kept beside it: `python -m docs._make.outputs docs/studies.md`.

Runs the page's blocks in order, whole (no field is added to studies), in an empty folder and store, and writes
docs/output/NAME.txt for each that is marked with `output: NAME` or `long: NAME`.
"""

import argparse
import os
import shlex
import tempfile
from pathlib import Path

from tests.docs.blocks import ROOT, Block, blocks_of
from tests.docs.reader import Reader, shown, with_ict

OUTPUT = ROOT / "docs" / "output"


def told(block: Block) -> Block:
    """The block with each command that it shows printed before it runs."""
    lines: list[str] = []
    for line in block.text.splitlines():
        for command in shown(line):
            lines.append(f"printf '%s\\n' {shlex.quote('$ ' + command)}")
        lines.append(line)
    marks = {name: value for name, value in block.marks.items() if name not in ("long", "tests")}
    return Block(block.page, block.line, block.language, "\n".join(lines) + "\n", block.file, marks)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m docs._make.outputs", description=__doc__)
    parser.add_argument("page", type=Path)
    page = parser.parse_args().page.absolute()
    OUTPUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder) / "work"
        work.mkdir()
        environment = {
            k: v for k, v in os.environ.items() if k not in ("ICT_STORE", "ICT_VTAB_ROOT")
        }
        reader = Reader(
            work,
            seconds=3600,
            environment={**with_ict(environment, Path(folder) / "bin"), "HF_HUB_OFFLINE": "1"},
        )
        for block in blocks_of(page):
            name = block.marks.get("output") or block.marks.get("long")
            reader.said = ""
            reader.do(told(block) if name else block)
            if name:
                said = reader.said.replace(str(work), "~/work")
                (OUTPUT / f"{name}.txt").write_text(said)
                print(f"docs/output/{name}.txt")


if __name__ == "__main__":
    main()
