"""No writer without the gate: what creates, changes or removes a file asks `refuse_published` first."""

from pathlib import Path

from tests.writers import ROOT, writers

EXCEPTIONS = {
    # ict.files: who calls these asks, and outputs that a user named lie outside of the store
    "ict/files/__init__.py:_replace": "atomic_write_bytes asks, and write_output where the file may lie",
    "ict/files/__init__.py:_write_flushed": "of _replace alone",
    "ict/files/__init__.py:write_output": "asks make_output_folder",
    # a gate stands earlier on the only way here
    "ict/store/locks.py:describe": "writes into the file that acquire opened, which asks",
    "ict/tasks/decoded/cache.py:_make_room": "keep asks",
    "ict/tasks/decoded/cache.py:_remove": "keep and clear ask",
    "ict/tasks/decoded/cache.py:_unused": "opens for its lock; keep and clear ask",
    "ict/tasks/decoded/pixel_file.py:open": "PixelWriter asks when it is made",
    "ict/tasks/own/lists.py:_replace": "_built asks",
    "ict/tasks/download.py:_install": "_staging asks",
    "ict/tasks/download.py:_gather": "_staging asks, and fetch",
    "ict/tasks/download.py:_unpack": "_staging asks",
    "ict/tasks/download.py:_drop_empty_folders": "_staging and forget ask",
    "ict/tasks/hub.py:_fetch_partial": "fetch asks",
    "ict/tasks/hub.py:_append": "fetch asks",
    "ict/tasks/hub.py:_verify": "fetch asks",
    "ict/tasks/unpack.py:_write": "unpacks into the folder of _staging, which asks",
    # nothing of a store or a cache
    "ict/training/compiled.py:_cache": "a folder of this process in $TMPDIR; a run was begun before",
    "ict/running/pristine.py:reset_peak_memory": "a counter of the kernel's, of this process",
    "ict/running/warm.py:_output_to": "opens /dev/null",
    "ict/model/backbones.py:write_catalogue": "of the code itself, by who maintains it",
    # processes that only look, or are the server itself
    "ict/catalogue.py:_describe_elsewhere": "asks timm what a backbone is",
    "ict/weights.py:_fits": "looks whether a file fits",
    "ict/machine.py:devices": "asks nvidia-smi",
    "ict/store/slurm_jobs.py:_squeue": "asks squeue",
    "ict/cli/child.py:run": "the server of `ict app` and `ict docs`",
    "ict/cli/child.py:_ask": "ends that server",
    "ict/cli/child.py:_kill_group": "ends that server",
    # other things of these names
    "ict/scoring/causal.py:measure": "replaces channels, no file",
    "ict/scoring/causal.py:_curve": "replaces channels, no file",
    "ict/scoring/causal.py:_scatter": "replaces channels, no file",
}


def ungated(*rooms: Path) -> dict[str, str]:
    """file:function → the call, of all writers that ask nobody."""
    return {
        f"{path.relative_to(room.parent)}:{function}": call
        for room in rooms
        for path in sorted(room.rglob("*.py"))
        for function, call in writers(path)
    }


def test_every_writer_asks_whether_the_store_is_published():
    found = ungated(ROOT / "ict", ROOT / "app", ROOT / "pages")
    assert {at: call for at, call in found.items() if at not in EXCEPTIONS} == {}
    assert set(EXCEPTIONS) - set(found) == set()  # none that is no longer one


def test_a_writer_without_the_gate_is_found(tmp_path):
    room = tmp_path / "room"
    room.mkdir()
    (room / "planted.py").write_text(
        "FLAGS = os.O_RDWR | os.O_CREAT\n"
        "def a(path): open(path, 'w')\n"
        "def b(path): path.open('ab')\n"
        "def c(path): os.open(path, FLAGS)\n"
        "def d(path): path.with_name('x').rename(path)\n"
        "def e(path): shutil.rmtree(path)\n"
        "def f(words): return subprocess.Popen(words)\n"
        "def g(path):\n    path.unlink()\n    refuse_published()\n"
        "class C:\n    def h(self): self.path.write_text('')\n"
        "def i(path):\n    refuse_published()\n    def j(): path.mkdir()\n    return j\n"
        "def k(path):\n    refuse_published()\n    path.unlink()\n"
        "def m(text, table): return open(text), text.replace('a', 'b'), table.rename(columns={})\n"
    )
    found = {at.partition(":")[2] for at in ungated(room)}
    assert found == {*"abcdefghj"}
