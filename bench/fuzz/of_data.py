"""Files that people write: lists of images, info.json, studies in TOML, other people's numbers, JSON itself."""

import functools
import json
from collections.abc import Sequence
from pathlib import Path

from bench.fuzz import changes
from bench.fuzz.changes import JSON, TOML, text_form
from bench.fuzz.of_own import small_image
from bench.fuzz.target import Form, Given, Target, World, in_file, put

_LISTS = ("train800", "val200", "train800val200", "test")
_CHARACTERS = "images/.jpg 0123456789\n\t\"'\\é,;ab"
STUDIES = (
    b"""name = "k_ratio"
recipe = "quick"
slots = 2
primary = { a = "grid", b = "random-K", ratio = 0.125 }
[base]
task = "digits"
[grid]
ratio = [0.125, 0.25]
seed = [42, 44]
[[compare]]
name = "random-K"
selector = "random"
draws = 2
grid = { ratio = [0.125] }
[[compare]]
name = "linear"
method = "linear"
""",
    b"""title = "Rates"
[base]
task = "digits"
epochs = 2
[grid]
seed = [1, 2]
[[compare]]
name = "full"
method = "full"
grid = { lr_multiplier = [0.1, 1.0, 2.0] }
[tune]
lr_multiplier = [0.333, 1.0, 3.0]
stages = 2
""",
    b'[base]\ntask = "count"\n[grid]\nk = [3, 6]\nblocks = [[0], [1, 2]]\n',
)
IMPORTS = (
    b"method,task,test_accuracy,backbone,seed,k,adapter_parameters,note\n"
    b'VPT,digits,0.736,vit,1,24,0.2M,"a, b"\nLoRA,count,73.6 %,,,96.0,"205,000",\n',
    b"sep=;\nMethod;Task;test_accuracy;adapter_parameters\nVPT;svhn;0,736;1.000.000\nX;cifar-100;7,3 %;0,2k\n",
    "method\ttask\ttest_accuracy\tseed\nVPT\tdmlab\t.5\t4.0\n".encode("utf-16"),
)
JSONS = (
    b'{"a": [1, 2.5, -3e2, true, null], "b": {"c": "\\u00e9 \\n"}}', b"[[[[]]]]", b'"text"',
    b'{"t": "1234567890123456789012"}', b"\xef\xbb\xbf{}", b'[9007199254740993, 1e300, "\xc3\xa9"]',
)  # fmt: skip


def _task_folder(folder: Path) -> None:
    """A sound folder of the VTAB-1K layout."""
    lines: dict[str, list[str]] = {split: [] for split in _LISTS if split != "train800val200"}
    for number, split in enumerate(lines):
        for index in range(4):
            name = f"images/{split}/{index}.png"
            put(folder / name, Given(small_image(10 * number + index)))
            lines[split].append(f"{name} {index % 2}\n")
    lines["train800val200"] = lines["train800"] + lines["val200"]
    for split, own in lines.items():
        (folder / f"{split}.txt").write_text("".join(own))
    info = {"task": "birds", "title": "Birds", "num_classes": 2, "class_names": ["a", "b"]}
    (folder / "info.json").write_text(json.dumps({**info, "source": "here", "licence": "CC0"}))


def _list_world(name: str, root: Path) -> World:
    """A task of which one list, or info.json, is the input: described, checked, read, fingerprinted."""
    from ict.tasks import vtab
    from ict.tasks.check import check_folder
    from ict.tasks.lists import read_list, refuse

    folder = root / "birds"
    _task_folder(folder)
    path = folder / name
    sound = path.read_bytes()
    samples = [sound]
    if name != "info.json":
        text = sound.decode()
        samples += [text.encode("utf-16"), b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode(),
                    text.replace(" 0", ' "0"').replace("/0.png", "\\0.png").encode(), text.replace("\n", "\r").encode()]  # fmt: skip

    def read(_given: Given) -> Sequence[str]:
        said: list[str] = []
        report = check_folder("birds", folder, workers=1)
        json.dumps(report)
        said += [one["message"] for one in report["problems"] if one["severity"] == "error"]
        task = vtab.describe("birds", folder)
        if name != "info.json":
            refuse(read_list(path)[1])
        for split in _LISTS:
            vtab.list_trouble(folder / f"{split}.txt", task.classes)
            vtab.load_split(task, folder, split)
        vtab.fingerprint(task, folder)
        return said

    return World(root=root, samples=samples, place=in_file(path), read=read)


def _study_world(root: Path) -> World:
    """A study file: read, checked, and where it asks for few runs each of them resolved."""
    from ict.store.studies import asked, planned_runs, primary, read_toml
    from ict.store.study_toml import to_toml

    path = root / "study.toml"
    root.mkdir(parents=True, exist_ok=True)

    def read(_given: Given) -> Sequence[str]:
        document = read_toml(path)
        primary(document)
        to_toml(document)
        if planned_runs(document) <= 24:
            asked(document, fetch=False)
        return ()

    return World(root=root, samples=STUDIES, place=in_file(path), read=read)


def _import_world(root: Path) -> World:
    """`ict import FILE`; then what it kept is read as the benchmark reads it."""
    from ict.store import Store
    from ict.store.imported_results import import_results, list_imports, read_imported

    path = root / "theirs.csv"
    root.mkdir(parents=True, exist_ok=True)

    def read(_given: Given) -> Sequence[str]:
        store = Store(root / "store")
        import_results(store, path)
        rows, odd = read_imported(store)
        if odd or not rows or not list_imports(store):
            raise RuntimeError(f"what was imported cannot be read: {odd}")
        return ()

    return World(root=root, samples=IMPORTS, place=in_file(path), read=read, may_write=("store",))


def _json_world(root: Path) -> World:
    from ict.plain_json import parse_json

    def read(given: Given) -> Sequence[str]:
        json.dumps(parse_json(given.content)).encode()
        return ()

    root.mkdir(parents=True, exist_ok=True)
    return World(root=root, samples=JSONS, place=lambda given: None, read=read)


def targets() -> list[Target]:
    """One for each form of data."""
    sheets = "ict/documents/sheets.py"
    return [
        Target(name="JSON", parser=("ict/plain_json.py",), world=_json_world, share=3,
               form=Form(change=changes.of_json, junk=changes.json_junk, is_file=False)),
        Target(name="study TOML", parser=("ict/store/study_file.py", "ict/store/study_rows.py", "ict/store/study_contrast.py",
               "ict/store/study_toml.py"), form=TOML, world=_study_world, share=3),
        Target(name="lists", parser=("ict/tasks/lists.py", "ict/tasks/vtab.py:describe,_classes,load_split,_checked_entries,"
               "fingerprint,_list_trouble,list_trouble,count_images,are_sparse,sparse_labels"), share=3,
               form=text_form(_CHARACTERS, is_file=True), world=functools.partial(_list_world, "train800.txt")),
        Target(name="info.json", parser=("ict/tasks/vtab.py:read_info,info_or_odd,stated_classes,_class_names",),
               form=JSON, world=functools.partial(_list_world, "info.json")),
        Target(name="imports", parser=(sheets, "ict/store/imported_results.py:import_results,_rows,_check_header,_row,_cell,"
               "_optional,_odd_cell", "ict/store/imported_cells.py"), share=3,
               form=text_form("method,task;0.5%\t\n\"'digits", is_file=True), world=_import_world),
    ]  # fmt: skip
