"""`requirements.lock`: exact versions, with hashes, of everything that the package and its extras need."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
LOCK = (ROOT / "requirements.lock").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WANTED = [
    Requirement(line)
    for lines in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    for line in lines
    if not line.startswith("ict[")
]
PINS = re.findall(r"^(\S.*?) \\\n((?:    --hash=\S+(?: \\)?\n)+)", LOCK, re.MULTILINE)


def locked(python: str) -> dict[str, str]:
    """Name → version of what is installed on Linux under that version of Python."""
    linux = {"python_full_version": python, "sys_platform": "linux", "platform_machine": "x86_64"}
    found = {}
    for line, _ in PINS:
        pin = Requirement(line)
        if pin.marker is None or pin.marker.evaluate(linux):
            (version,) = pin.specifier
            assert version.operator == "=="
            assert pin.name not in found, f"{pin.name} is there twice"
            found[canonicalize_name(pin.name)] = version.version
    return found


@pytest.mark.parametrize("python", ["3.11.0", "3.11.9", "3.12.1", "3.13.0"])
def test_every_requirement_is_locked_at_a_version_that_it_allows(python: str):
    versions = locked(python)
    for wanted in WANTED:
        assert wanted.specifier.contains(versions[canonicalize_name(wanted.name)]), wanted


def test_every_line_is_a_version_with_the_hashes_of_its_files():
    lines = [line for line in LOCK.splitlines() if line.strip() and line.strip()[0] != "#"]
    assert len(lines) == sum(1 + hashes.count("--hash=") for _, hashes in PINS)
    assert all(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", hashes) for _, hashes in PINS)


def test_nothing_of_the_machine_that_made_it_is_in_the_lock():
    for trace in ("://", "index-url", "find-links", "/tmp", "/home", "file:"):
        assert trace not in LOCK
    assert "+" not in locked("3.11.9")["torch"]  # PyPI's own build


def test_the_lowest_set_has_each_requirement_at_its_lower_bound():
    lines = (ROOT / "requirements-lowest.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    package = [wanted for wanted in WANTED if not wanted.name.startswith("mkdocs")]  # no part of it
    assert len(package) > 20
    for wanted in package:
        (bound,) = (part.version for part in wanted.specifier if part.operator == ">=")
        assert Version(pins[canonicalize_name(wanted.name)]) == Version(bound), wanted
