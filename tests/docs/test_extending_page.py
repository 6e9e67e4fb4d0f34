"""The packages that docs/extending.md shows can be installed as they stand: pip is told of every module."""

import tomllib

import pytest

from tests.docs.blocks import ROOT, Block, blocks_of

BLOCKS = blocks_of(ROOT / "docs" / "extending.md")
PROJECTS = [block for block in BLOCKS if block.file == "pyproject.toml"]


@pytest.mark.parametrize("block", PROJECTS, ids=lambda block: block.place)
def test_a_package_names_its_modules(block: Block):
    """With two modules side by side and none named, setuptools refuses to guess which belong in it."""
    project = tomllib.loads(block.text)
    modules = project["tool"]["setuptools"]["py-modules"]
    points = [
        one for group in project["project"]["entry-points"].values() for one in group.values()
    ]
    for point in points:
        start = point.partition(":")[0]
        shown = {
            one.file.removesuffix(".py")
            for one in BLOCKS
            if one.file and one.file.startswith(start)
        }
        assert set(modules) == shown
        assert start in modules


def test_there_are_two():
    assert len(PROJECTS) == 2
