"""`ict data check`: everything that can be wrong with a task's folder, found in one pass.

Nothing here raises for what the folder holds: a list that is missing, a line that makes no sense,
an image that cannot be decoded become problems with file and line.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ict.documents.names import SPLITS
from ict.errors import quoted
from ict.machine import cores
from ict.tasks import vtab, vtab_folders
from ict.tasks.check_words import readable
from ict.tasks.decoding import printable
from ict.tasks.lists import MAX_LABEL, Entry, Folder, Problem, label_problem, read_list
from ict.tasks.pictures import Picture, look_at, notes, summary
from ict.tasks.places import Place, place_of

__all__ = ["check_folder", "readable"]

Progress = Callable[[int, int], None]
_TRAIN = SPLITS[:3]


@dataclass
class _List:
    """One split's list: where, its entries, and the image file of each entry that has one."""

    split: str
    file: str
    entries: list[Entry]
    images: dict[int, Path] = field(default_factory=dict)  # line → image


def check_folder(
    name: str, at: Path | Place, *, progress: Progress | None = None, workers: int | None = None
) -> dict[str, Any]:
    """The report on task `name` `at` its place; `problems` are {file, line, kind, message, severity}.

    Lists present and readable, labels in range, no path leaves the folder, every image decodes by a
    rule, what is done to its values, counts against the catalogue, lists that agree, images in both
    train and test, class balance.
    """
    name = vtab.canonical(name)
    place = place_of(at)
    folder = place.lists
    problems: list[Problem] = _folder_problems(name, folder)
    lists = [_read(folder, split, problems) for split in SPLITS]
    classes = _classes(name, folder, lists)
    problems += _sparse(name, folder, lists)
    inside = Folder(place)
    for part in lists:
        _check_entries(part, classes, inside, problems)
    pictures = _decode_all(lists, problems, place.root, progress, workers)
    problems += notes(str(place.images), pictures)
    problems += _disagreement(lists)
    problems += _repeated(lists)
    problems += _in_train_and_test(lists, pictures)
    counts = {part.split: len(part.entries) for part in lists}
    problems += _short(name, folder, counts)
    balance = {part.split: _per_class(part, classes) for part in lists}
    problems += _empty_classes(folder, classes, balance)
    return _report(
        name,
        place.images,
        classes=classes,
        counts=counts,
        balance=balance,
        pictures=pictures,
        problems=problems,
    )


def _report(
    name: str,
    folder: Path,
    *,
    classes: int | None,
    counts: dict[str, int],
    balance: dict[str, dict[str, int]],
    pictures: dict[Path, Picture],
    problems: list[Problem],
) -> dict[str, Any]:
    official = vtab.catalogue().get(name)
    errors = sum(problem.severity == "error" for problem in problems)
    return {
        "task": name,
        "path": str(folder),
        "ok": errors == 0,
        "official": official is not None and counts == official.sizes,
        "classes": classes,
        "counts": counts,
        "expected": official.sizes if official else None,
        "images_decoded": len(pictures),
        **summary(pictures.values()),
        "class_counts": balance,
        "majority_share": {s: _majority(per_class) for s, per_class in balance.items()},
        "errors": errors,
        "warnings": len(problems) - errors,
        "problems": [asdict(problem) for problem in problems],
    }


def _warning(file: Path | str, line: int | None, kind: str, message: str) -> Problem:
    return Problem(str(file), line, kind, message, "warning")


def _folder_problems(name: str, folder: Path) -> list[Problem]:
    problems = []
    if folder.name != name and name in vtab.catalogue():
        message = f"the folder is called {quoted(folder.name)}; it is read as task {quoted(name)}"
        problems.append(_warning(folder, None, "folder name variant", message))
    info = folder / "info.json"
    for odd in vtab_folders.troubles_of(folder):
        if odd.path == info:
            problems.append(_warning(info, None, "unreadable info.json", odd.reason))
    return problems


def _read(folder: Path, split: str, problems: list[Problem]) -> _List:
    path = folder / f"{split}.txt"
    entries, line_problems = read_list(path)
    problems += line_problems
    return _List(split, str(path), entries)


def _classes(name: str, folder: Path, lists: list[_List]) -> int | None:
    """The catalogue's, info.json's, or the largest usable training label plus one."""
    official = vtab.catalogue().get(name)
    if official is not None:
        return official.classes
    stated = vtab.stated_classes(vtab.read_info(folder))
    if stated is not None:
        return stated
    usable = _usable(lists)
    return max(usable) + 1 if usable else None


def _usable(lists: list[_List]) -> set[int]:
    labels = {entry.label for part in lists if part.split in _TRAIN for entry in part.entries}
    return {label for label in labels if 0 <= label <= MAX_LABEL}


def _sparse(name: str, folder: Path, lists: list[_List]) -> list[Problem]:
    """Labels that are no numbers of classes, where nothing but the lists says how many there are."""
    if name in vtab.catalogue() or vtab.stated_classes(vtab.read_info(folder)) is not None:
        return []
    wrong = vtab.sparse_labels(_usable(lists))
    return [Problem(str(folder), None, "sparse labels", wrong)] if wrong else []


def _check_entries(
    part: _List, classes: int | None, inside: Folder, problems: list[Problem]
) -> None:
    for entry in part.entries:
        wrong = label_problem(entry, part.file, classes)
        if wrong:
            problems.append(wrong)
        place = inside.locate(entry, part.file)
        if isinstance(place, Problem):
            problems.append(place)
        else:
            part.images[entry.line] = Path(place[0])


def _first_mentions(lists: Iterable[_List]) -> dict[Path, tuple[str, int]]:
    """Each image with the list and line that name it first."""
    mentions: dict[Path, tuple[str, int]] = {}
    for part in lists:
        for line, path in part.images.items():
            mentions.setdefault(path, (part.file, line))
    return mentions


def _decode_all(
    lists: list[_List],
    problems: list[Problem],
    root: Path,
    progress: Progress | None,
    workers: int | None,
) -> dict[Path, Picture]:
    """Every image that decodes, read once; others become problems."""
    mentions = _first_mentions(lists)
    pictures: dict[Path, Picture] = {}
    with ThreadPoolExecutor(workers or cores()) as pool:
        results = pool.map(lambda path: look_at(path, root), mentions)
        for done, (path, outcome) in enumerate(zip(mentions, results, strict=True), 1):
            if isinstance(outcome, Picture):
                pictures[path] = outcome
            else:
                message = f"image {printable(path)} cannot be decoded: {outcome}"
                problems.append(Problem(*mentions[path], "undecodable image", message))
            if progress is not None:
                progress(done, len(mentions))
    return pictures


def _disagreement(lists: list[_List]) -> list[Problem]:
    """train800val200 should hold exactly what train800 and val200 hold, in any order."""
    parts = {
        part.split: Counter((entry.path, entry.label) for entry in part.entries) for part in lists
    }
    train, val, both = (parts[split] for split in _TRAIN)
    if not (train and val and both) or train + val == both:
        return []
    missing, extra = (train + val - both).total(), (both - train - val).total()
    message = (
        f"it is not train800.txt plus val200.txt: {missing} of their lines are missing, "
        f"{extra} are in neither"
    )
    file = next(part.file for part in lists if part.split == "train800val200")
    return [_warning(file, None, "lists disagree", message)]


def _repeated(lists: list[_List]) -> list[Problem]:
    """An image that one list names twice."""
    problems = []
    for part in lists:
        first: dict[Path, int] = {}
        labels = {entry.line: entry.label for entry in part.entries}
        for line, path in part.images.items():
            if path in first:
                message = f"image {printable(path)} is already in line {first[path]}"
                if labels[line] != labels[first[path]]:
                    message += f", with label {labels[first[path]]}, not {labels[line]}"
                problems.append(_warning(part.file, line, "repeated image", message))
            first.setdefault(path, line)
    return problems


def _in_train_and_test(lists: list[_List], pictures: dict[Path, Picture]) -> list[Problem]:
    """Test images whose content a training list holds too."""
    decoded = [
        (part, line, path, pictures[path].sha256)
        for part in lists
        for line, path in part.images.items()
        if path in pictures
    ]
    trained: dict[str, str] = {}
    for part, line, _, content in decoded:
        if part.split in _TRAIN:
            trained.setdefault(content, f"{Path(part.file).name}, line {line}")
    problems = []
    for part, line, path, content in decoded:
        if part.split == "test" and content in trained:
            message = f"image {printable(path)} has the same content as {trained[content]}"
            problems.append(_warning(part.file, line, "duplicate in train and test", message))
    return problems


def _short(name: str, folder: Path, counts: dict[str, int]) -> list[Problem]:
    official = vtab.catalogue().get(name)
    if official is None:
        return []
    return [
        _warning(folder / f"{split}.txt", None, "count", note)
        for split, count in counts.items()
        if count
        for note in vtab.count_notes(official, split, count)
    ]


def _per_class(part: _List, classes: int | None) -> dict[str, int]:
    """Images per label, for labels in range; every class of a known number is listed."""
    counts = Counter(entry.label for entry in part.entries)
    labels = range(classes) if classes is not None and classes <= 2000 else sorted(counts)
    return {str(label): counts[label] for label in labels}


def _majority(per_class: dict[str, int]) -> float | None:
    """Share of the largest class: what always answering it would reach."""
    total = sum(per_class.values())
    return max(per_class.values()) / total if total else None


def _empty_classes(
    folder: Path, classes: int | None, balance: dict[str, dict[str, int]]
) -> list[Problem]:
    problems = []
    for split in ("train800", "test"):
        absent = [label for label, count in balance[split].items() if count == 0]
        if absent and any(balance[split].values()):
            some = ", ".join(absent[:10]) + (", …" if len(absent) > 10 else "")
            message = f"{len(absent)} of {classes} classes have no image: {some}"
            problems.append(
                _warning(folder / f"{split}.txt", None, "class without images", message)
            )
    return problems
