"""A plain install serves a notebook; what it leaves out is named with the extra that brings it."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from ict.errors import EXTRAS

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
IMPORTED_AS = {"mkdocs-material": "material", "pillow": "PIL", "scikit-learn": "sklearn"}
HIDING = """
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {hidden!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Hidden())
"""


def names(requirements: list[str]) -> set[str]:
    """The modules of requirements such as `pillow>=11`; those of other extras left out."""
    plain = {re.match(r"[\w-]+", one)[0] for one in requirements if not one.startswith("ict[")}
    return {IMPORTED_AS.get(name, name) for name in plain}


DECLARED = names(PROJECT["dependencies"])
OPTIONAL = {extra: names(wanted) for extra, wanted in PROJECT["optional-dependencies"].items()}


@pytest.fixture
def plain_install(tmp_path: Path) -> dict[str, str]:
    """The environment of a Python that has none of the optional packages."""
    hidden = tuple(EXTRAS)
    (tmp_path / "sitecustomize.py").write_text(HIDING.format(hidden=hidden))
    return {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}", "OMP_NUM_THREADS": "1"}


def python(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words], env=environment, capture_output=True, text=True, check=False
    )


def test_the_table_of_extras_is_that_of_the_package():
    declared = {name: extra for extra, wanted in OPTIONAL.items() for name in wanted}
    assert declared == EXTRAS
    assert not DECLARED & set(EXTRAS)


@pytest.mark.parametrize("folder", ["ict", "app", "pages"])
def test_every_import_is_declared(folder):
    allowed = DECLARED | set(EXTRAS) | {"ict", "ict_app", "pretrain"} | set(sys.stdlib_module_names)
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            found = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                found = [node.module or ""]
            wrong = [name for name in found if name.split(".")[0] not in allowed]
            assert not wrong, f"{path}: {wrong}"


NOTEBOOK = """
import sys, torch, timm
import ict, ict.scoring
model = timm.models.VisionTransformer(
    img_size=16, patch_size=8, embed_dim=16, depth=2, num_heads=2, num_classes=3)
loader = [(torch.randn(6, 3, 16, 16), torch.tensor([0, 1, 2, 0, 1, 2]))]
selection = ict.select(ict.score(model, loader, site="attn"), ratio=0.25)
ict.attach(model, selection)
model(loader[0][0]).sum().backward()
ict.detach(model)
print(sorted({name.split(".")[0] for name in sys.modules}))
"""


def test_a_notebook_scores_and_tunes_on_a_plain_install(plain_install):
    done = python(plain_install, "-c", NOTEBOOK)
    assert done.returncode == 0, done.stderr
    assert not set(ast.literal_eval(done.stdout)) & set(EXTRAS)


@pytest.mark.parametrize(
    ("words", "package", "extra"),
    [
        (("figure", "curves", "--out", "x.pdf"), "plotly", "figures"),
        (("report", "none", "--out", "x.html"), "plotly", "figures"),
        (("score", "digits", "--criterion", "conductance", "--limit", "20"), "captum", "captum"),
        (("train", "digits", "--method", "lora", "--limit", "20", "--set", "epochs=1",
          "--weights", "none", "--wait"), "peft", "lora"),
        (("app",), "streamlit", "app"),
        (("docs",), "mkdocs", "docs"),
    ],
)  # fmt: skip
def test_what_is_missing_is_one_sentence_with_its_remedy(plain_install, words, package, extra):
    done = python(plain_install, "-m", "ict", *words, "--json")
    assert done.returncode != 0
    sentence = f"package '{package}' is not installed: pip install 'ict[{extra}]'"
    assert sentence in json.loads(done.stdout)["error"], done.stderr
    assert "Traceback" not in done.stderr


def test_the_rest_of_the_command_line_works_without_them(plain_install):
    assert python(plain_install, "-m", "ict", "tasks").returncode == 0
    assert python(plain_install, "-m", "ict", "--help").returncode == 0
    done = python(plain_install, "-m", "ict", "score", "digits", "--limit", "20", "--json")
    assert done.returncode == 0, done.stdout
