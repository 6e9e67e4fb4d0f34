"""`python -m tests.promises --against COMMIT`: sentence, test, and its failing output on that commit.

The commit is checked out into a temporary folder, today's `tests/` is laid over its own, and the
tests marked `promise` run there. A test that passes on the old code is shown as such: it guards
something that held already. One that failed in a fixture says so: it may have failed for another reason
than the promised one. Exit code 1 if a promise fails on the code of this checkout (`--here`).
"""

import argparse
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def checkout(commit: str) -> Iterator[Path]:
    """The code of `commit` with the tests of this checkout, in a folder that is removed again."""
    with tempfile.TemporaryDirectory(prefix="promises-") as folder:
        tree = Path(folder) / "tree"
        subprocess.run(["git", "clone", "-q", "--no-checkout", ROOT, tree], check=True)
        subprocess.run(["git", "-C", tree, "checkout", "-q", commit], check=True)
        shutil.rmtree(tree / "tests")
        shutil.copytree(
            ROOT / "tests", tree / "tests", ignore=shutil.ignore_patterns("__pycache__")
        )
        yield tree


def run(tree: Path, words: list[str]) -> list[dict[str, str]]:
    """One row a test marked `promise`: sentence, test, outcome, output."""
    rows = tree / "promises.jsonl"
    command = [sys.executable, "-m", "pytest", "-q", "-m", "promise", "-p", "no:cacheprovider"]
    where = {"PYTHONPATH": str(tree), "ICT_PROMISES": str(rows)}
    env = {**os.environ, **where}
    done = subprocess.run([*command, *words], cwd=tree, env=env, stdout=sys.stderr, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(f"pytest ended with {done.returncode}: not every promise was tried")
    return [json.loads(line) for line in rows.read_text().splitlines()] if rows.exists() else []


def table(rows: list[dict[str, str]]) -> str:
    """The rows as Markdown, in the order of the tests."""
    lines = ["| promise | test | outcome | output |", "|---|---|---|---|"]
    for row in rows:
        cells = (row["sentence"], f"`{row['test']}`", row["outcome"], row["output"])
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.promises", description=__doc__)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--against", metavar="COMMIT", help="run on the code of this commit")
    where.add_argument("--here", action="store_true", help="run on the code of this checkout")
    parser.add_argument("--json", action="store_true", help="rows as JSON")
    parser.add_argument("pytest_words", nargs="*", help="files or options for pytest")
    options = parser.parse_args()
    options.pytest_words = options.pytest_words or ["tests/promises"]  # others need today's modules
    if options.here:
        rows = run(ROOT, options.pytest_words)
        (ROOT / "promises.jsonl").unlink(missing_ok=True)
    else:
        with checkout(options.against) as tree:
            rows = run(tree, options.pytest_words)
    print(json.dumps(rows, indent=1, ensure_ascii=False) if options.json else table(rows))
    early = [row["test"] for row in rows if row["outcome"] == "failed in a fixture"]
    if early:
        print(
            f"{len(early)} failed in a fixture, see whether for the promised reason:",
            file=sys.stderr,
        )
        print("\n".join(early), file=sys.stderr)
    if options.against and importlib.util.find_spec("kaleido") is None:
        print(
            "kaleido is missing: exports of 0.1.0, which needs it, fail for that alone",
            file=sys.stderr,
        )
    return int(options.here and any(row["outcome"].startswith("failed") for row in rows))


if __name__ == "__main__":
    raise SystemExit(main())
