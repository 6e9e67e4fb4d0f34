"""What `result.json` holds in fixtures: made by the record itself, so that no key is invented."""

from typing import Any


def result_document(**fields: Any) -> dict[str, Any]:
    """The document of a `RunResult` with these fields; `unknown` is what a newer version adds."""
    try:
        from ict.store.run_result import RunResult
    except ImportError:  # the code of an older commit, on which promises are run too
        return {**fields.pop("unknown", {}), **fields}
    return RunResult(**fields).to_dict()
