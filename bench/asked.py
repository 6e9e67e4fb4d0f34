"""What most benches are asked: `--quick`, `--json`, and one figure a line."""

import argparse
import json
from collections.abc import Callable, Mapping
from typing import Any


def report(doc: str | None, measure: Callable[[bool], Mapping[str, Any]]) -> None:
    """Prints what `measure(quick)` gives, as one JSON document or as lines; `doc` is the bench's own."""
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    answers = measure(options.quick)
    if options.json:
        print(json.dumps(answers))
    else:
        width = max(map(len, answers)) + 1
        print("\n".join(f"{name:{width}} {value}" for name, value in answers.items()))
