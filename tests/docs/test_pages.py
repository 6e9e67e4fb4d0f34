"""What the pages promise: every public name, every error sentence with what to do, every page in the navigation."""

import re
import tomllib
from pathlib import Path

import ict
from docs._make import sentences as collected
from docs._make.troubleshooting import remedy, tables, without
from tests.docs.blocks import ROOT

DOCS = ROOT / "docs"


def test_every_public_name_is_in_the_reference():
    text = (DOCS / "api.md").read_text()
    described = dict(re.findall(r"^::: (\S+)\n    options:\n      heading: (\S+)$", text, re.M))
    assert {f"{ict._HOMES[name]}.{name}" for name in ict.__all__} <= set(described)
    for path, heading in described.items():
        home, _, name = path.rpartition(".")
        module = __import__(home, fromlist=[name])
        assert getattr(module, name).__doc__, f"{heading} says nothing"


def test_every_error_sentence_has_what_to_do():
    """A new sentence says it itself, or docs/_make/remedies.toml does."""
    said = collected.sentences()
    assert len(said) > 600
    alone = [f"{one.module}:{one.line}: {one.text}" for one in without(said)]
    assert not alone, "\n".join(alone)


def test_no_remedy_is_left_over():
    rows = tomllib.loads((DOCS / "_make" / "remedies.toml").read_text())["remedy"]
    used = {remedy(one) for one in collected.sentences()}
    assert [row["do"] for row in rows if row["do"] not in used] == []


def test_sentences_are_read_as_the_program_says_them(tmp_path: Path):
    """Of a small file: filled-in names, sums of texts, what is handed on, what is no sentence."""
    (tmp_path / "ict").mkdir()
    (tmp_path / "ict" / "one.py").write_text(
        "from ict.errors import InputError, quoted\n"
        "def f(name, rows, why):\n"
        "    InputError(f'no run {quoted(name)} in {rows.root}; choose another')\n"
        "    InputError('first half, ' + f'second {len(rows)} half')\n"
        "    InputError(str(why))\n"
        "    ValueError('never shown to anybody')\n"
    )
    assert [one.text for one in collected.sentences(tmp_path)] == [
        "no run ‹name› in ‹root›; choose another",
        "first half, second ‹rows› half",
    ]


def test_a_sentence_that_says_what_to_do_needs_no_other():
    said = collected.Sentence(
        "ict/x.py", 1, "k=900: there are 768 channels; choose 1 to 768", "InputError"
    )
    assert remedy(said) == ""
    assert remedy(collected.Sentence("nowhere/x.py", 1, "the moon is green", "InputError")) is None


def test_the_table_holds_a_sentence_that_users_meet():
    text = tables()
    assert "labels from ‹" in text
    assert text.count("\n| ") > 500


def test_every_page_is_in_the_navigation():
    config = (ROOT / "mkdocs.yml").read_text()
    named = set(re.findall(r": (\S+\.md)$", config, re.M))
    there = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    assert named == there, "a page is missing in the navigation, or there is none of that name"
