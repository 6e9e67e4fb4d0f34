"""A published store, page by page: a notice, no button that changes it, and no click that does."""

import hashlib
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from ict.store import Store
from ict_app.common.published import SENTENCE
from tests.app.conftest import PAGES, Open
from tests.app.test_links import texts

LOOKS = re.compile("Look again|Open|Go to|Dismiss|Start a run|Plan|Resample|Measure first|Draw fewer|Keep it|How to get")


def state(*folders: Path) -> dict[str, Any]:
    """Every file and folder: mode, size, times, and the digest of what a file holds."""
    found = {}
    for folder in folders:
        for path in sorted([folder, *folder.rglob("*")]) if folder.exists() else ():
            status = os.lstat(path)
            content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
            found[str(path)] = status.st_mode, status.st_size, status.st_mtime_ns, content
    return found
