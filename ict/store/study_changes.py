"""What an edited file takes out of the study of its name. The study is replaced, its runs stay."""

from ict.store.studies import Study

_ADVICE = "the runs stay, and a study of another name keeps both"


def what_leaves(before: Study | None, now: Study) -> str | None:
    """One sentence on the runs, and the primary contrast, that `now` no longer has.

    None where nothing leaves: there was no such study, the file is the same, or it only adds.
    """
    if before is None or before.document == now.document:
        return None
    gone = len({*before.run_ids} - {*now.run_ids})
    said = []
    if gone:
        said.append(f"{gone} of {len(before.run_ids)} runs")
    if before.primary is not None and before.primary != now.primary:
        said.append("its primary contrast")
    if not said:
        return None
    verb = "leaves" if len(said) == 1 and gone < 2 else "leave"
    return f"study {now.name} is changed: {' and '.join(said)} {verb} it ({_ADVICE})"
