"""Nothing that a link, a file or a word of the command line says is computed before it is bounded."""

import gzip
import json
import os
import struct
import sys
import tarfile
import time
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

ROOT = Path(__file__).resolve().parents[2]
MOST = 600  # characters of a sentence


def ict(*words: str) -> Result:
    from ict.cli import main

    return CliRunner().invoke(main, list(words))


def sentence(*words: str) -> str:
    """The one sentence with which `ict … --json` refuses; exit code 1 or 2, no traceback."""
    result = ict(*words, "--json")
    failure = result.exception
    assert failure is None or isinstance(failure, SystemExit), f"traceback: {failure!r:.200}"
    assert result.exit_code in (1, 2), f"exit code {result.exit_code}: {result.output[:200]}"
    error = json.loads(result.stdout)["error"]
    assert "\n" not in error
    assert "Traceback" not in error
    assert len(error) <= MOST, f"a message of {len(error)} characters"
    return str(error)


def page(name: str, **query: str | list[str]):
    """The page as streamlit's AppTest runs it, opened with this link."""
    sys.path.insert(0, str(ROOT / "app"))
    from streamlit.testing.v1 import AppTest

    app = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=100)
    app.switch_page(str(ROOT / "pages" / f"{name}.py"))
    for key, value in query.items():
        app.query_params[key] = value
    return app.run()


def said(app) -> str:
    found = [str(one.value) for kind in ("warning", "error") for one in app.get(kind)]
    return " ".join(found).replace("\\", "")


@pytest.mark.promise("A share in a link that stands for a huge number does not stop the app")
@pytest.mark.parametrize("share", ["1e9000000", "1e-3000000"])
def test_a_share_of_a_link_is_bounded_before_arithmetic(share: str):
    begun = time.process_time()
    app = page("train", shares=share)
    assert not app.exception
    assert "is no share of the channels" in said(app)
    seconds = time.process_time() - begun
    assert seconds < 6, f"the page took {seconds:.0f} s"


@pytest.mark.promise("200 shares times 200 seeds are refused by a number, not made")
def test_the_grid_of_a_link_is_bounded_by_a_number_that_is_named():
    begun = time.process_time()
    shares = [f"{i}/200" for i in range(1, 201)]
    app = page("train", shares=shares, seeds=[str(i) for i in range(200)])
    seconds = time.process_time() - begun
    assert not app.exception
    assert "40,000 runs" in said(app), f"after {seconds:.0f} s: {said(app)[:100]!r}"
    assert "at most 300" in said(app)
    assert seconds < 6


@pytest.mark.promise("A number field of a link that is infinite or no number is left out and said")
@pytest.mark.parametrize(
    ("name", "key", "value"),
    [("train", "epochs", "Infinity"), ("train", "batch", "1e999"), ("curves", "metric", "")],
)
def test_a_field_of_a_link_never_ends_in_a_traceback(name: str, key: str, value: str):
    app = page(name, **{key: value})
    assert not app.exception, app.exception[0].message
    assert "Left out of the link" in said(app)


def tar_header(kind: bytes, size: int) -> bytes:
    entry = tarfile.TarInfo("kitti/test.txt")
    entry.type, entry.size = kind, size
    return entry.tobuf(tarfile.GNU_FORMAT)


def refused(path: Path, most_bytes: int = 32 << 20) -> str:
    """The sentence that refuses an archive, opened and unpacked within so much memory."""
    from ict.tasks.unpack import Archive, ArchiveError

    tracemalloc.start()
    try:
        with pytest.raises(ArchiveError) as caught:
            Archive(path).extract(Path("kitti"), path.parent / "out")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < most_bytes, f"{peak / 2**20:.0f} MiB of memory"
    assert not (path.parent / "out").exists()
    assert len(str(caught.value)) <= MOST
    return str(caught.value)


@pytest.mark.promise("A tar whose long name is a gigabyte is refused without reading it")
@pytest.mark.parametrize("kind", [b"L", b"x", b"g"], ids=["long name", "PAX", "global PAX"])
def test_a_long_header_of_a_tar_is_bounded_before_reading(tmp_path: Path, kind: bytes):
    size = 128 << 20
    path = tmp_path / "kitti.tar.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(tar_header(kind, size))
        for _ in range(128):
            file.write(bytes(1 << 20))
    assert "header is longer than" in refused(path)


@pytest.mark.promise("A zip whose table is said to be huge is refused without reading it")
def test_a_table_of_a_zip_is_bounded_before_reading(tmp_path: Path):
    path = tmp_path / "big.zip"
    with path.open("wb") as file:
        file.truncate(256 << 20)
        file.seek(256 << 20)
        file.write(b"PK\5\6" + struct.pack("<4H2LH", 0, 0, 9, 9, 256 << 20, 0, 0))
    assert "table of contents is longer than" in refused(path)


@pytest.mark.promise("A zip with an empty name is one sentence")
def test_a_zip_with_an_empty_name(tmp_path: Path):
    path = tmp_path / "kitti.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("e", b"a 0\n")
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\1\2")
    content[at + 28 : at + 30] = b"\0\0"
    del content[at + 46]
    end = content.index(b"PK\5\6")
    content[end + 12 : end + 16] = struct.pack("<L", end - at)
    path.write_bytes(content)
    assert "has no name" in refused(path)


@pytest.mark.promise("Sparse files, and headers one within the other, in a tar are one sentence")
def test_sparse_and_nested_headers_of_a_tar(tmp_path: Path):
    path = tmp_path / "kitti.tar"
    path.write_bytes((tar_header(b"L", 4) + b"a/b".ljust(512, b"\0")) * 1500 + bytes(1024))
    assert "kitti.tar" in refused(path)
    path.write_bytes(tar_header(b"S", 512) + bytes(512) + bytes(1024))
    assert "is a sparse file" in refused(path)


@pytest.fixture
def fake_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An `sbatch` that takes everything and runs nothing."""
    commands = tmp_path / "commands"
    commands.mkdir()
    for name, line in (("sbatch", "echo Submitted batch job 4711"), ("squeue", ":"), ("srun", ":")):
        (commands / name).write_text(f"#!/bin/sh\n{line}\n")
        (commands / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")


STUDY = "name='s'\n[base]\ntask='digits'\nepochs=1\n[grid]\nseed=[1, 2]\n"


@pytest.mark.promise("Slurm's folders and pickles are the user's alone, whatever the umask")
@pytest.mark.usefixtures("fake_slurm")
@pytest.mark.parametrize("there_already", [False, True])
def test_folders_and_pickles_of_slurm_are_private(tmp_path: Path, there_already: bool):
    workers = tmp_path / "store" / "workers"
    before = os.umask(0)
    try:
        if there_already:
            (workers / "slurm").mkdir(parents=True, mode=0o777)
        (tmp_path / "s.toml").write_text(STUDY)
        words = ["--launcher", "slurm", "--no-wait", "--json"]
        result = ict("study", "run", str(tmp_path / "s.toml"), *words)
    finally:
        os.umask(before)
    assert result.exit_code == 0, result.output
    pickles = list(workers.rglob("*.pkl"))
    assert pickles
    modes = {path: path.stat().st_mode & 0o777 for path in [*pickles, *pickles[0].parents[:0]]}
    folders = [workers, workers / "slurm", pickles[0].parent]
    modes |= {path: path.stat().st_mode & 0o777 for path in folders}
    assert {oct(modes[path]) for path in pickles} == {"0o600"}
    assert {oct(modes[path]) for path in folders} == {"0o700"}


@pytest.mark.promise("A parameter of Slurm's jobs is one line of text or a number")
@pytest.mark.usefixtures("fake_slurm")
@pytest.mark.parametrize(
    "parameter",
    ["partition=a\nrm -rf /", "account=a\rb", "comment=" + "x" * 5000, "time=²", "time=" + "9" * 5000,
     "setup=rm -rf /", "qos=a\x1b[31m"],
)  # fmt: skip
def test_parameters_of_slurm_are_one_line(tmp_path: Path, parameter: str):
    (tmp_path / "s.toml").write_text(STUDY)
    words = ["--launcher", "slurm", "--no-wait", "--slurm", parameter]
    assert sentence("study", "run", str(tmp_path / "s.toml"), *words)
    assert not list((tmp_path / "store").rglob("*.sh"))


@pytest.mark.promise(
    "A setting of a run is bounded before it is read, and one sentence if it is odd"
)
@pytest.mark.parametrize(
    "setting",
    {
        "deep": "lr=" + "[" * 4000,
        "deep and closed": "blocks=" + "[" * 1500 + "]" * 1500,
        "400 digits": "ratio=" + "9" * 400,
        "300 digits": "lr=" + "9" * 310,
        "5,000 digits": "epochs=" + "9" * 5000,
        "a million digits": "lr=" + "9" * 10**6,
        "a huge exponent": "lr=1e999999999",
        "many huge blocks": "blocks=[" + "9" * 300 + "]",
        "a field of 5,000 letters": "x" * 5000 + "=1",
        "nothing set": "y" * 10**6,
        "a criterion of 5,000 letters": "criterion=" + "z" * 5000,
        "a task with a null": "score_task=a\0b",
        "weights of 5,000 letters": "weights=" + "w" * 5000,
    }.items(),
    ids=lambda pair: pair[0],
)
def test_settings_are_bounded(setting: tuple[str, str]):
    begun = time.process_time()
    message = sentence("train", "digits", "--dry-run", "--set", setting[1])
    assert time.process_time() - begun < 10
    longest = max(map(len, message.split()))
    assert longest <= 210, f"{longest} characters of what was typed are repeated"


@pytest.mark.promise("A study file that is odd in any way is one sentence, exit code 2, at once")
@pytest.mark.parametrize(
    "study",
    {
        "recipe is a number": "recipe = 1\n[base]\ntask='digits'",
        "recipe is a list": "recipe = []\n[base]\ntask='digits'",
        "500 deep": "[base]\ntask='digits'\nblocks = " + "[" * 500 + "]" * 500,
        "5,000 deep": "x = " + "[" * 5000 + "]" * 5000,
        "5,000 tables deep": "x = " + "{a=" * 5000 + "1" + "}" * 5000,
        "not UTF-8": b"name = '\xe9t\xe9'\n",
        "UTF-16": "name = 's'".encode("utf-16"),
        "a number of 5,000 digits": "slots = " + "9" * 5000,
        "a hexadecimal number without end": "[base]\ntask='digits'\nseed = 0x" + "f" * 9000,
        "slots without end": "slots = 0x" + "f" * 9000,
        "many slots": "slots = 100000\n[base]\ntask='digits'",
        "a date": "[base]\ntask='digits'\nseed = 1979-05-27",
        "a table for a number": "[base]\ntask='digits'\nlr = {a=1}",
        "a text for a table": "base = 'x'",
        "numbers for controls": "compare = [1, 2]",
        "a control's grid": "[base]\ntask='digits'\n[[compare]]\nname='a'\ngrid = 3",
        "a control's recipe": "[base]\ntask='digits'\n[[compare]]\nname='a'\nrecipe = 7.5",
        "a title of a list": "title = [1]\n[base]\ntask='digits'",
        "a key of 5,000 letters": "k" * 5000 + " = 1",
        "a task of 5,000 letters": f"[base]\ntask='{'t' * 5000}'",
        "a name with a slash": "name='../x'\n[base]\ntask='digits'",
        "infinity": "[base]\ntask='digits'\n[grid]\nratio=[inf]",
        "a huge grid": "[base]\ntask='digits'\n[grid]\n"
        + "\n".join(f"{f} = {list(range(1, 201))}" for f in ("seed", "epochs", "k", "batch_size")),
        "many controls": "[base]\ntask='digits'\n[grid]\nseed=" + str(list(range(1000)))
        + "".join(f"\n[[compare]]\nname='c{i}'\nmethod='linear'" for i in range(25)),
    }.items(),
    ids=lambda pair: pair[0],
)  # fmt: skip
def test_an_odd_study_is_one_sentence(tmp_path: Path, study: tuple[str, str | bytes]):
    path = tmp_path / "s.toml"
    path.write_bytes(study[1].encode() if isinstance(study[1], str) else study[1])
    begun = time.process_time()
    assert sentence("study", "plan", str(path))
    assert time.process_time() - begun < 3
    assert ict("study", "run", str(path), "--no-wait", "--json").exit_code == 2
    assert not (tmp_path / "store" / "runs").exists()


@pytest.mark.promise(
    "A CSV of results that is odd in any way is one sentence, and nothing is written"
)
@pytest.mark.parametrize(
    "content",
    {
        "Latin-1": "method,task,test_accuracy,note\na,kitti,0.5,\xe9t\xe9\n".encode("latin-1"),
        "UTF-16": "method,task,test_accuracy\na,kitti,0.5\n".encode("utf-16"),
        "UTF-16 without a mark": "method,task,test_accuracy\na,kitti,0.5\n".encode("utf-16-le"),
        "a field of 140,000 letters": f"method,task,test_accuracy\n{'a' * 140_000},kitti,0.5\n",
        "a method of 5,000 letters": f"method,task,test_accuracy\n{'a' * 5000},kitti,0.5\n",
        "null characters": "method,task,test_accuracy\na\0b,kitti,0.5\n",
        "deep brackets": f"method,task,test_accuracy,k\na,kitti,0.5,{'[' * 5000}\n",
        "an accuracy of many digits": f"method,task,test_accuracy\na,kitti,0.{'9' * 5000}\n",
        "accuracy infinity": "method,task,test_accuracy\na,kitti,inf\n",
        "accuracy nan": "method,task,test_accuracy\na,kitti,nan\n",
        "an unknown task": f"method,task,test_accuracy\na,{'t' * 5000},0.5\n",
        "no header": "\n\n\n",
        "nothing": "",
        "a terminal's colours": "method,task,test_accuracy\n\x1b[31ma,kitti,0.5\n",
        "two accuracies": "method,task,test_accuracy,test_accuracy\na,kitti,0.5,0.9\n",
        "a decimal comma": "method,task,test_accuracy\na,kitti,0,736\n",
        "a quoted decimal comma": 'method,task,test_accuracy\na,kitti,"0,736"\n',
        "semicolons": "method;task;test_accuracy\na;kitti;0,736\n",
        "a row that ends early": "method,task,test_accuracy\na,kitti\n",
        "a seed that is no number": "method,task,test_accuracy,seed\na,kitti,0.5,nan\n",
        "a seed below 0": "method,task,test_accuracy,seed\na,kitti,0.5,-3\n",
        "K of 400 digits": f"method,task,test_accuracy,k\na,kitti,0.5,{'9' * 400}\n",
        "a quote that never ends": 'method,task,test_accuracy\n"' + "a,b\n" * 50_000,
    }.items(),
    ids=lambda pair: pair[0],
)
def test_an_odd_csv_is_one_sentence(tmp_path: Path, content: tuple[str, str | bytes]):
    path = tmp_path / "results.csv"
    path.write_bytes(content[1].encode() if isinstance(content[1], str) else content[1])
    assert sentence("import", str(path))
    assert not (tmp_path / "store" / "imported").exists()
    assert ict("import", str(path), "--json").exit_code == 2


LINES = [
    ["show", "x" * 5000],
    ["show", "a\nb"],
    ["figure", "x" * 10**6, "--out", "a.json"],
    ["figure", "curves", "--style", "x" * 5000, "--out", "a.json"],
    ["figure", "score-map", "--from", "x" * 300 + ".safetensors", "--out", "a.json"],
    ["x" * 5000],
    ["runs", "--status", "x" * 5000],
    ["runs", "--study", "../.."],
    ["select", "x" * 5000, "--k", "9" * 5000],
    ["score", "digits", "--criterion", "x" * 5000],
    ["score", "digits", "--option", "x=" + "[" * 4000],
    ["score", "digits", "--device", "x" * 5000],
    ["backbones", "x" * 5000],
    ["backbones", "a\0b"],
    ["train", "digits", "--dry-run", "--ratio", "nan"],
    ["train", "digits", "--dry-run", "--ratio", "1e400"],
    ["train", "digits", "--dry-run", "--k", "9" * 400],
    ["train", "\udcff" * 10, "--dry-run"],
    ["train", "digits", "--dry-run", "--weights", "~nobody-of-this-name/x.pth"],
    ["data", "check", "~nobody-of-this-name/x"],
    ["data", "link", "y" * 5000, "/"],
    ["study", "show", "x" * 5000],
    ["import", "x" * 5000],
    ["overlap", "digits", "x" * 5000],
]


@pytest.mark.promise("Whatever is typed, a command answers with one sentence that repeats at most 200 "
                     "characters of it")  # fmt: skip
@pytest.mark.parametrize("line", LINES, ids=lambda line: " ".join(w[:12] for w in line[:4]))
def test_odd_words_of_commands_are_one_sentence(
    line: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    begun = time.process_time()
    message = sentence(*line)
    assert time.process_time() - begun < 10
    assert message.isprintable()
    assert max(map(len, message.split())) <= 210, "a word of more than 210 characters is repeated"
