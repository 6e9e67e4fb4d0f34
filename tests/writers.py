"""Every place of the code that creates, changes or removes a file, or starts or ends a process; by ast."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
GATES = {"refuse_published", "is_published"}
_OF_MODULE = {
    "os": """replace rename renames link symlink unlink remove rmdir removedirs mkdir makedirs mkfifo
        utime chmod chown truncate ftruncate write pwrite kill killpg system popen fork execv execve
        posix_spawn""",
    "shutil": "rmtree move copy copy2 copyfile copyfileobj copytree copymode copystat chown make_archive",
    "tempfile": """mkdtemp mkstemp mktemp TemporaryFile NamedTemporaryFile TemporaryDirectory
        SpooledTemporaryFile""",
    "subprocess": "Popen run call check_call check_output getoutput getstatusoutput",
    "sqlite3": "connect",
    "np": "save savez savez_compressed savetxt memmap",
    "torch": "save",
    "multiprocessing": "Process Pool",
}
# of any object: those of a Path, a process or a file; `replace` and `rename` with one argument alone
_METHODS = set(
    """mkdir unlink rmdir write_text write_bytes touch symlink_to hardlink_to chmod send_signal
    terminate map_array hf_hub_download savefig to_pickle to_parquet""".split()
)
_BARE = {"hf_hub_download", "snapshot_download", "FileLock", "Popen", "rmtree", "Process"}
_INNER = {"_replace", "_write_flushed"}  # of ict.files: they ask nobody, so who calls them has to
_CHANGING = ("O_CREAT", "O_WRONLY", "O_RDWR", "O_TRUNC", "O_APPEND")


def writers(path: Path) -> Iterator[tuple[str, str]]:
    """(function, call) of each writing call in a file that no gate of its own function stands before."""
    tree = ast.parse(path.read_text())
    constants = {
        target.id: ast.unparse(node.value)
        for node in tree.body if isinstance(node, ast.Assign)
        for target in node.targets if isinstance(target, ast.Name)
    }  # fmt: skip
    yield from _of_body(tree, "<module>", constants)


def _of_body(node: ast.AST, function: str, constants: dict[str, str]) -> Iterator[tuple[str, str]]:
    gated = False
    for child in _own_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from _of_body(child, child.name, constants)
        elif isinstance(child, ast.Call):
            name = _name(child.func)
            gated = gated or name in GATES
            if not gated and _writes(child, name, constants):
                yield function, ast.unparse(child)[:70]


def _own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """What is in a body, in the order of the text; functions inside it as one."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from _own_nodes(child)


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _writes(call: ast.Call, name: str, constants: dict[str, str]) -> bool:
    function = call.func
    owner = ast.unparse(function.value) if isinstance(function, ast.Attribute) else ""
    if name == "open":
        return _opens(call, owner, constants)
    if owner in _OF_MODULE:
        return name in _OF_MODULE[owner].split()
    if name in ("replace", "rename") and owner:  # of texts, tables and data classes there are more
        return len(call.args) == 1 and not call.keywords
    return name in (_METHODS if owner else _INNER | _BARE)


def _opens(call: ast.Call, owner: str, constants: dict[str, str]) -> bool:
    """Whether a file is opened for more than reading."""
    if owner == "os":
        flags = ast.unparse(call.args[1]) if len(call.args) > 1 else ""
        flags = constants.get(flags, flags)
        return any(flag in flags for flag in _CHANGING)
    place = 0 if owner and owner not in ("gzip", "tarfile", "Image", "io") else 1
    modes = call.args[place : place + 1] + [one.value for one in call.keywords if one.arg == "mode"]
    said = [one.value for one in modes if isinstance(one, ast.Constant)]
    return any(isinstance(mode, str) and set(mode) & set("wax+") for mode in said)


def changing(*rooms: Path, beginning: frozenset[str]) -> set[str]:
    """`module.function` or `module.Class.method` of what changes a store by calling one of `beginning`,
    at once or through others of `rooms`; public names alone. Callees are told by their last name.
    """
    bodies = dict(_bodies(*rooms))
    found = set[str]()
    names = set(beginning)
    while True:
        new = {at for at, called in bodies.items() if called & names} - found
        if not new:
            break
        found |= new
        names |= {at.rpartition(".")[2] for at in new} - _COMMON
    return {at for at in found if not any(part.startswith("_") for part in at.split("."))}


_COMMON = {"report", "look", "table", "read_table", "results", "run", "start", "of", "submit"}
"""Names that too many functions have for a call to tell which is meant, or that write a cache alone."""


def _bodies(*rooms: Path) -> Iterator[tuple[str, set[str]]]:
    for path in (path for room in rooms for path in sorted(room.rglob("*.py"))):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for node in ast.parse(path.read_text()).body:
            inner = node.body if isinstance(node, ast.ClassDef) else [node]
            prefix = f"{module}.{node.name}" if isinstance(node, ast.ClassDef) else module
            for one in inner:
                if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    calls = (call for call in ast.walk(one) if isinstance(call, ast.Call))
                    yield f"{prefix}.{one.name}", {_name(call.func) for call in calls}
