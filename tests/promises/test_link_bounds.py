"""Nothing that a link says is computed before it is bounded."""

import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


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
