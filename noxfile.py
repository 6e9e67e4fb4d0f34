"""What is done with this repository, by name: `nox -s NAME`; `nox --list` says what there is.

All but `matrix` run in the environment that is active, where `pip install -r requirements-dev.txt` was.
"""

import nox

nox.options.default_venv_backend = "none"
nox.options.sessions = ["check", "quick"]
QUICK = "not slow and not browser and not slurm"
TEST_TOOLS = ("hypothesis", "pytest", "pytest-xdist")


@nox.session
def check(session: nox.Session) -> None:
    """Linters, format, types, the direction of imports."""
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("lint-imports", "--no-cache")
    session.run("hadolint", "Dockerfile")


@nox.session
def test(session: nox.Session) -> None:
    """All tests on two cores; what follows `--` is handed on."""
    session.run("pytest", "-n", "2", "--dist", "worksteal", *session.posargs)


@nox.session
def quick(session: nox.Session) -> None:
    """The tests that need no browser, no Slurm and no minute."""
    session.run("pytest", "-n", "2", "--dist", "worksteal", "-m", QUICK, *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """The site builds without a warning; the code of its pages, and the notebook's cells, run."""
    session.run("mkdocs", "build", "--strict", "--quiet", env={"NO_MKDOCS_2_WARNING": "1"})
    session.run("python", "-m", "docs.notebook", "examples/quickstart.ipynb", "--check")
    extending = ("tests/test_extending.py", "tests/test_methods_from_outside.py")
    card = "tests/running/test_report_card.py"
    session.run("pytest", "-n", "2", "tests/docs", *extending, card, *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Every benchmark at its short size, as one JSON document."""
    session.run("python", "-m", "bench", "all", "--quick", "--json", *session.posargs)


@nox.session
def screenshots(session: nox.Session) -> None:
    """The pictures of `docs/figures` and `assets/screenshots`, made anew."""
    session.run("python", "-m", "docs.pictures", *session.posargs)


@nox.session(venv_backend="venv", python=["3.12", "3.13"])
def matrix(session: nox.Session) -> None:
    """The quick tests in fresh environments of other versions of Python."""
    session.install("-r", "requirements-dev.txt")
    session.run("pytest", "-n", "2", "--dist", "worksteal", "-m", QUICK, *session.posargs)


@nox.session(venv_backend="venv", python="3.11")
def lowest(session: nox.Session) -> None:
    """The quick tests on the lowest versions that `pyproject.toml` allows (requirements-lowest.txt)."""
    session.install("-r", "requirements-lowest.txt", *TEST_TOOLS)
    session.install("--no-deps", "-e", ".")
    session.run("pytest", "-n", "2", "--dist", "worksteal", "-m", QUICK, *session.posargs)


@nox.session(venv_backend="venv")
def lock(session: nox.Session) -> None:
    """`requirements.lock` made anew, the versions in it kept where they can be; `-- --upgrade` takes newer.

    For every Python from 3.11, with the hashes of PyPI whatever index this machine is set to.
    """
    session.install("uv")
    session.run(
        "uv", "pip", "compile", "pyproject.toml", "--extra", "all", "--extra", "docs", "--universal",
        "--python-version", "3.11", "--generate-hashes", "--no-config",
        "--default-index", "https://pypi.org/simple", "--output-file", "requirements.lock", "--quiet",
        *session.posargs,
        env={"UV_CUSTOM_COMPILE_COMMAND": "nox -s lock"},
    )  # fmt: skip


@nox.session(venv_backend="venv")
def lowest_lock(session: nox.Session) -> None:
    """`requirements-lowest.txt` made anew: each requirement at its lower bound, what those need at its newest."""
    session.install("uv")
    session.run(
        "uv", "pip", "compile", "pyproject.toml", "--extra", "all", "--resolution", "lowest-direct",
        "--python-version", "3.11", "--python-platform", "linux", "--no-config", "--no-annotate",
        "--default-index", "https://pypi.org/simple", "--output-file", "requirements-lowest.txt", "--quiet",
        "--upgrade", *session.posargs, env={"UV_CUSTOM_COMPILE_COMMAND": "nox -s lowest_lock"},
    )  # fmt: skip


@nox.session(venv_backend="venv")
def audit(session: nox.Session) -> None:
    """Known vulnerabilities of what `requirements.lock` pins; asks PyPI's database, or OSV's with `-- -s osv`."""
    session.install("pip-audit")
    session.run("pip-audit", "--require-hashes", "-r", "requirements.lock", *session.posargs)


@nox.session(venv_backend="venv")
def sbom(session: nox.Session) -> None:
    """`sbom.cdx.json`: what `requirements.lock` pins, as a CycloneDX bill of materials."""
    session.install("cyclonedx-bom")
    session.run(
        "cyclonedx-py", "requirements", "requirements.lock", "--pyproject", "pyproject.toml",
        "--output-reproducible", "--output-format", "JSON", "--output-file", "sbom.cdx.json",
        *session.posargs,
    )  # fmt: skip
