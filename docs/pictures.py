"""All pictures of this project anew: those of docs/figures, and the screenshots of every page.

    python -m docs.pictures [--out FOLDER] [--only NAME ...]

They are written where README and docs/figures show them, or to FOLDER/figures and
FOLDER/screenshots. NAME is a figure (`overlap`), a page (`channels`), or both (`curves`). Needs
Chrome, and the packages of requirements-dev.txt for the screenshots. Look at them afterwards: no
test sees what is ugly.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from docs.figures import make
from tests.app import screenshots


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m docs.pictures", description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only", nargs="+", metavar="NAME")
    chosen = parser.parse_args()
    figures = chosen.out / "figures" if chosen.out else make.HERE
    pages = chosen.out / "screenshots" if chosen.out else screenshots.FOLDER
    known = {*screenshots.PAGES, *make.names(make.EXAMPLE)}
    if unknown := [name for name in chosen.only or () if name not in known]:
        parser.error(f"no figure or page {unknown[0]!r}: choose from {', '.join(sorted(known))}")
    for module, folder, names in (
        ("docs.figures.make", figures, make.names(make.EXAMPLE)),
        ("tests.app.screenshots", pages, screenshots.PAGES),
    ):
        wanted = [name for name in names if not chosen.only or name in chosen.only]
        if wanted:
            words = ["--out", str(folder.absolute()), "--only", *wanted]
            subprocess.run([sys.executable, "-m", module, *words], check=True, cwd=make.ROOT)


if __name__ == "__main__":
    main()
