"""Nothing that a word of the command line, or a file that it names, says is computed before it is bounded."""

import time
from pathlib import Path

import pytest

from tests.promises.refusals import ict, sentence


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
        "bytes of no encoding": b"method,task,test_accuracy,note\na,kitti,0.5,\x81\n",
        "half a character of UTF-16": "method,task,test_accuracy\na,kitti,0.5".encode("utf-16")[
            :-1
        ],
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
        "semicolons and two commas": "method;task;test_accuracy\na;kitti;0,73,6\n",
        "semicolons and commas": "method;task;test_accuracy\na,kitti,0.736\n",
        "percent without a sign": "method,task,test_accuracy\na,kitti,73.6\n",
        "more than all": "method,task,test_accuracy\na,kitti,173.6 %\n",
        "parameters in words": "method,task,test_accuracy,adapter_parameters\na,kitti,0.5,many\n",
        "a point of thousands": "method,task,test_accuracy,adapter_parameters\na,kitti,0.5,205.000\n",
        "a third of a parameter": "method,task,test_accuracy,adapter_parameters\na,kitti,0.5,0.3\n",
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
