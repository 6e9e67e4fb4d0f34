"""Hooks of mkdocs: files of the repository that pages link to are part of the site, and so are error sentences.

A page may link to `../assets/studies/example.toml` or to a Markdown file outside of docs/, as it reads in a
clone or on a forge; the site has them below `repository/`. What does not exist stays as it is written, and
`mkdocs build --strict` tells it.
"""

import os
import re
import sys
from pathlib import Path
from posixpath import dirname, relpath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
sys.path.insert(
    0, str(ROOT)
)  # mkdocs knows no package of a clone, and puts this back after reading
from docs._make.troubleshooting import PLACE, tables  # noqa: E402

OUTSIDE = "repository/"
_LINK = re.compile(r"(?<=\]\()(?!\w+:|#|/)([^)\s#]+)(?=[)#])")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds what pages link to outside of docs/, and what these pages link to in turn."""
    waiting = [f.src_uri for f in files if f.src_uri.endswith(".md")]
    while waiting:
        uri = waiting.pop()
        for target in _linked(_in_repository(uri)):
            found = _in_site(target)
            if found.startswith(OUTSIDE) and files.get_file_from_path(found) is None:
                path = str(ROOT / target)
                added = File.generated(config, found, abs_src_path=path)
                added.inclusion = InclusionLevel.NOT_IN_NAV
                files.append(added)
                waiting += [found] if found.endswith(".md") else []
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The page with its links to files of the repository as links within the site."""
    del config, files
    if PLACE in markdown:
        markdown = markdown.replace(PLACE, tables())
    here = _in_repository(page.file.src_uri)

    def link(match: re.Match[str]) -> str:
        target = _target(here, match[1])
        if target is None:
            return match[1]
        return relpath(_in_site(target), dirname(page.file.src_uri) or ".")

    return _LINK.sub(link, markdown)


def _linked(page: str) -> list[str]:
    """Paths from the root of all files that a page of the repository links to."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = (_target(page, match[1]) for match in _LINK.finditer(text))
    return [target for target in found if target is not None]


def _target(page: str, link: str) -> str | None:
    """The file, from the root, that `link` in `page` names; None if there is none."""
    path = os.path.normpath(os.path.join(dirname(page), link))
    return path if not path.startswith("..") and (ROOT / path).is_file() else None


def _in_repository(uri: str) -> str:
    return uri.removeprefix(OUTSIDE) if uri.startswith(OUTSIDE) else f"docs/{uri}"


def _in_site(path: str) -> str:
    return path.removeprefix("docs/") if path.startswith("docs/") else OUTSIDE + path
