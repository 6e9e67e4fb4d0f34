r"""\`ict show\`: everything about one run, or where two differ."""

from typing import Any

import click

from ict.cli.common import command, emit, table
from ict.config import ran_otherwise
from ict.errors import InputError
from ict.store.run_folder import Run
from ict.store.store import Store


@command("show")
@click.argument("run")
@click.option("--diff", "other", metavar="RUN", help="Where the configurations of two runs differ.")
def show(run: str, *, other: str | None, as_json: bool) -> None:
    """Everything about RUN: its status, configuration, progress, result or error."""
    store = Store()
    folder = store.run(run)
    if other is not None:
        there = store.run(other)
        for run_ in (folder, there):
            if not run_.record:
                raise InputError(str(run_.trouble()))
        rows = difference(folder, there)
        text = table(rows) if rows else "the configurations are the same"
        emit(rows, as_json=as_json, text=text)
        return
    if not folder.record:
        raise InputError(str(folder.trouble()))
    document = _document(folder)
    emit(document, as_json=as_json, text=_text(document))
    for odd in folder.troubles():
        click.echo(f"ict: left out {odd}", err=True)


def difference(a: Run, b: Run) -> list[dict[str, Any]]:
    """One row for each configuration field in which two runs differ."""
    first, second = a.config, b.config
    fields = dict.fromkeys([*first, *second])
    return [
        {"field": name, a.id: first.get(name), b.id: second.get(name)}
        for name in fields
        if first.get(name) != second.get(name)
    ]


def _document(run: Run) -> dict[str, Any]:
    record, result = run.record, run.result()
    return {
        "run_id": run.id,
        "path": str(run.path),
        "status": run.status(),
        "ran_as": ran_otherwise(run.config),
        **{name: value for name, value in record.items() if name != "run_id"},
        "execution": run.execution(),
        "live": run.live(),
        "progress": run.progress(),
        "result": result.to_dict() if result else None,
        "selection": run.selection(),
        "error": run.error(),
        "log_tail": run.log_tail(20),
    }


def _text(document: dict[str, Any]) -> str:
    lines = [f"{name:10} {document[name]}" for name in ("run_id", "path", "status")]
    if document["ran_as"]:
        lines.append(f"{'ran as':10} {document['ran_as']}: ask anew for a run of it as written")
    digests = document.get("images_sha256")
    lines.append(f"{'images':10} {_short(digests) if digests else 'digests not recorded'}")
    lines += ["", "configuration (null: not read by the method)"]
    chosen = set(document.get("recipe_fields") or ())
    for name, value in document["config"].items():
        if value is not None:
            lines.append(f"  {name:22} {value}" + ("  (recipe)" if name in chosen else ""))
    if document["result"]:
        lines += ["", "result"]
        lines += [
            f"  {name:22} {value}"
            for name, value in document["result"].items()
            if value is not None
        ]
        if note := _test_note(document):
            lines.append(f"  {'test images':22} {note}")
    elif document["progress"]:
        last = document["progress"][-1]
        lines += ["", "last epoch", *(f"  {name:22} {value}" for name, value in last.items())]
    if document["error"] and document["status"] == "failed":
        lines += ["", f"error: {document['error'].get('message')}"]
    if document["log_tail"] and document["status"] in ("failed", "killed"):
        lines += ["", "log", document["log_tail"]]
    return "\n".join(lines)


def _test_note(document: dict[str, Any]) -> str | None:
    from ict.analysis.own_test import test_note
    from ict.store.run_rows import RunRow

    return test_note(RunRow.of({**document["config"], **document["result"]}))


def _short(digests: dict[str, str]) -> str:
    return ", ".join(f"{name} {digest[:12]}" for name, digest in digests.items())


COMMANDS = {"show": show}
