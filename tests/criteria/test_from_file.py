"""A criterion in a user's file: what it may be, and one sentence with file and line for what it may not."""

from pathlib import Path

import numpy as np
import pytest

from ict.criteria import Request
from ict.criteria.from_file import criterion_of
from ict.errors import InputError
from tests.outside_package import documented

REQUEST = Request(sites=("attn",), classes=2, images=4)
STAGES = ((2, 3), (1, 4))
GOOD = """
import numpy as np
from ict.criteria import Computed, Criterion

def compute(name, model, batches, request):
    return Computed({"attn.0": np.arange(6.0).reshape(2, 3), "attn.1": [[4, 3, 2, 1]]})
"""


def written(folder: Path, text: str, name: str = "mine.py") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def computed(path: Path):
    return criterion_of(path).compute(None, None, REQUEST, STAGES)


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        computed(path)
    return str(caught.value)


def test_a_function_alone_is_a_criterion_with_the_name_of_its_file(tmp_path):
    path = written(tmp_path, GOOD)
    own = criterion_of(path)
    assert (own.name, own.criterion.default_tokens, own.path) == ("mine", "patch", path)
    arrays = computed(path).arrays
    assert [array.dtype for array in arrays.values()] == [np.float32] * 2
    assert arrays["attn.0"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert arrays["attn.1"].tolist() == [[4, 3, 2, 1]]


def test_a_criterion_in_the_file_gives_name_and_tokens(tmp_path):
    said = (
        'MINE = Criterion(name="by me", module="", formula="", source="", default_tokens="all")\n'
    )
    own = criterion_of(written(tmp_path, GOOD + said + "AGAIN = MINE\n"))
    assert (own.name, own.criterion.default_tokens) == ("by me", "all")


def test_the_documented_package_works_as_two_files_in_a_folder_too(tmp_path):
    for name, content in documented("ict_mean_abs").items():
        written(tmp_path, content, name)
    own = criterion_of(tmp_path / "ict_mean_abs.py")
    assert own.name == "mean_abs"
    assert own.path.name == "ict_mean_abs_scores.py"
    assert own.function.__doc__.startswith("Mean absolute value")


def test_an_imported_built_in_criterion_is_not_taken_for_the_files_own(tmp_path):
    text = GOOD + "from ict.criteria import get_criterion\nBASE = get_criterion('l2')\n"
    assert criterion_of(written(tmp_path, text)).name == "mine"


def test_what_the_file_prints_stays_out_of_the_answer(tmp_path, capsys):
    computed(
        written(
            tmp_path,
            "print('loading')\n" + GOOD.replace("    return", "    print('computing')\n    return"),
        )
    )
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.split() == ["loading", "computing"]


def test_two_files_of_one_name_are_two_modules(tmp_path):
    (tmp_path / "other").mkdir()
    one = criterion_of(written(tmp_path, GOOD))
    two = criterion_of(written(tmp_path / "other", GOOD.replace("arange(6.0)", "arange(1, 7.0)")))
    request = (None, None, REQUEST, STAGES)
    assert one.compute(*request).arrays["attn.0"][0, 0] == 0
    assert two.compute(*request).arrays["attn.0"][0, 0] == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    {
        "no function": ("x = 1", "defines no function compute(name, model, batches, request)"),
        "no function but a number": ("compute = 3", "defines no function compute("),
        "a mistake in its words": ("x = 1\ndef compute(:\n", "line 2: cannot be loaded: SyntaxError"),
        "a package that is not here": (
            "\nimport not_here_at_all\n",
            "line 2: cannot be loaded: ModuleNotFoundError: No module named 'not_here_at_all'",
        ),
        "a program": ("import sys\nsys.exit(3)\n", "line 2: cannot be loaded: SystemExit: 3"),
        "two criteria": (
            "from ict.criteria import Criterion\n"
            "a, b = (Criterion(name=n, module='x', formula='', source='') for n in 'ab')\n",
            "defines 2 criteria, 'a', 'b'; leave one in the file",
        ),
        "a module that is not there": (
            "from ict.criteria import Criterion\n"
            "A = Criterion(name='a', module='nowhere.at_all', formula='', source='')\n",
            "module 'nowhere.at_all' of its Criterion cannot be imported: ModuleNotFoundError",
        ),
        "tokens that are none": (
            GOOD + "A = Criterion(name='a', module='', formula='', source='', default_tokens='some')\n",
            "default_tokens='some'; choose one of patch, cls, all, head",
        ),
        "a built-in's name": (
            GOOD + "A = Criterion(name='taylor', module='', formula='', source='')\n",
            "'taylor' is the name of another criterion; rename the Criterion",
        ),
        "no name": (
            GOOD + "A = Criterion(name='a|b', module='', formula='', source='')\n",
            "the name 'a|b' has other than letters",
        ),
        "an exception": (
            "def compute(name, model, batches, request):\n    return 1 / 0\n",
            "line 2: compute failed: ZeroDivisionError: division by zero",
        ),
        "an exit": (
            "def compute(name, model, batches, request):\n    raise SystemExit('bye')\n",
            "line 2: compute failed: SystemExit: bye",
        ),
        "other arguments": (
            "def compute(model):\n    return 1\n",
            "compute failed: TypeError: compute() takes 1 positional argument but 4 were given",
        ),
        "something else": (
            "def compute(name, model, batches, request):\n    return {'attn.0': 1}\n",
            "compute gave a dict, not ict.criteria.Computed(arrays)",
        ),
        "another name": (
            GOOD.replace('"attn.1"', '"attn_1"'),
            "compute gave no scores 'attn.1' (SITE.STAGE); it gave 'attn.0, attn_1'",
        ),
        "another shape": (
            GOOD.replace("reshape(2, 3)", "reshape(3, 2)"),
            "scores 'attn.0' have the shape (3, 2); (2, 3) is wanted, blocks and channels",
        ),
        "one row": (GOOD.replace("[[4, 3, 2, 1]]", "[4, 3, 2, 1]"), "have the shape (4,)"),
        "words": (GOOD.replace("[[4, 3, 2, 1]]", "[['a'] * 4]"), "'attn.1' are of type <U1"),
        "complex numbers": (GOOD.replace("[[4, 3,", "[[4j, 3,"), "'attn.1' are of type complex128"),
        "ragged": (GOOD.replace("[[4, 3, 2, 1]]", "[[4, 3], [1]]"), "are no table of numbers"),
        "NaN": (
            GOOD.replace("[[4, 3, 2, 1]]", "[[4, np.nan, np.inf, 1]]"),
            "2 of the 4 scores 'attn.1' are NaN or infinite, first in block 0, channel 1",
        ),
        "too large": (GOOD.replace("[[4, 3,", "[[1e300, 3,"), "1 of the 4 scores 'attn.1'"),
        "all alike": (
            GOOD.replace("np.arange(6.0)", "np.array([1, 2, 3, 7, 7, 7])"),
            "all 3 scores 'attn.0' of block 1 are 7, so no choice means anything",
        ),
    }.values(),
)  # fmt: skip
def test_what_is_wrong_is_one_sentence_that_names_the_file(tmp_path, text, sentence):
    path = written(tmp_path, text)
    message = refusal(path)
    assert message.startswith(str(path))
    assert sentence in message


def test_a_line_is_that_of_the_file_and_not_of_what_it_called(tmp_path):
    text = (
        "import json\n\n\ndef compute(name, model, batches, request):\n    return json.loads('{')\n"
    )
    assert ", line 5: compute failed: JSONDecodeError" in refusal(written(tmp_path, text))


def test_what_is_no_file_of_python_is_refused_before_it_is_opened(tmp_path):
    (tmp_path / "folder.py").mkdir()
    for name, sentence in (
        ("missing.py", "no such file"),
        ("folder.py", "no such file"),
        ("notes.txt", "no Python file"),
    ):
        with pytest.raises(InputError, match=f"{name}: {sentence}; give a .py file"):
            criterion_of(tmp_path / name)
    with pytest.raises(InputError, match="'l2' is the name of another criterion; rename the file"):
        criterion_of(written(tmp_path, GOOD, "l2.py"))


def test_torch_tensors_are_arrays_too(tmp_path):
    import torch

    text = GOOD.replace("np.arange(6.0)", "__import__('torch').arange(6.0)")
    assert computed(written(tmp_path, text)).arrays["attn.0"].tolist() == [[0, 1, 2], [3, 4, 5]]
    asked = text.replace("reshape(2, 3)", "reshape(2, 3).requires_grad_()")
    assert "scores 'attn.0' are no table of numbers: RuntimeError" in refusal(
        written(tmp_path, asked)
    )
    assert torch.is_grad_enabled()
