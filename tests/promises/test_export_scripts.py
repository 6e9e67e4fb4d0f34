"""Exported pages run no script but ours."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ict.figures.export import export
from ict.store import Store
from tests.figure_store import DOCUMENT, filled
from tests.promises.exported import PLANTED, bundle, ict


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    served = pytest.importorskip("tests.app.served")
    with served.browser() as found:
        yield found


def plant(store: Store) -> None:
    """A study whose title and task are handlers, and the backbone of its linear runs."""
    study = filled(store)
    for run_id in study.run_ids:
        path = store.run(run_id).path / "config.json"
        config = json.loads(path.read_text())
        fields = config.get("config", config)
        fields["task"] = PLANTED
        if fields["method"] == "linear":
            fields["backbone"] = PLANTED
        path.write_text(json.dumps(config))
    path = study.path if study.path.is_file() else study.path / "study.json"
    record = json.loads(path.read_text())
    record.get("document", record)["title"] = PLANTED
    path.write_text(json.dumps(record))


def opened(chromium: Any, page: Path) -> tuple[Any, list[str]]:
    """The page in the real browser, and every error on its console."""
    context = chromium.new_context()
    tab, errors = context.new_page(), []
    tab.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.goto(page.as_uri())
    tab.wait_for_timeout(700)
    return tab, errors


@pytest.mark.promise(
    "A task or backbone called <img src=x onerror=…> does not run in the exported report."
)
def test_a_planted_handler_does_not_fire_in_the_report(store, tmp_path, chromium):
    plant(store)
    out = tmp_path / "report.html"
    ict("report", DOCUMENT["name"], "--out", str(out))
    assert "onerror" in out.read_text()  # it is there, as text
    tab, errors = opened(chromium, out)
    assert tab.title() != "planted"
    assert not tab.query_selector_all("img[onerror]")
    assert not errors
    assert len(tab.query_selector_all(".js-plotly-plot .main-svg")) > 0


def test_html_page_draws_under_its_policy(tmp_path, chromium):
    """Not a promise by itself: the test below plants into the same page."""
    out = tmp_path / "figure.html"
    out.write_bytes(next(iter(export(bundle(), formats=("html",)).values())))
    tab, errors = opened(chromium, out)
    assert not errors
    assert len(tab.query_selector_all(".js-plotly-plot .point")) == 2
    assert tab.inner_text("figcaption") == PLANTED


@pytest.mark.promise(
    "A handler that is planted into an exported page by any means is stopped by its policy."
)
@pytest.mark.parametrize("where", ["report", "figure"])
def test_the_policy_stops_a_handler_that_is_in_the_page(where, store, tmp_path, chromium):
    out = tmp_path / "page.html"
    if where == "figure":
        out.write_bytes(next(iter(export(bundle(), formats=("html",)).values())))
    else:
        filled(store)
        ict("report", DOCUMENT["name"], "--out", str(out))
    script = "<script>document.title='planted'</script>"
    out.write_text(out.read_text().replace("</body>", f"{PLANTED}{script}</body>"))
    tab, _ = opened(chromium, out)
    assert tab.query_selector_all("img[onerror]")  # the handler is in the page
    assert tab.title() != "planted"
    assert len(tab.query_selector_all(".js-plotly-plot .main-svg")) > 0
    policy = tab.get_attribute('meta[http-equiv="Content-Security-Policy"]', "content")
    assert policy.startswith("default-src 'none'")
    scripts = next(part for part in policy.split(";") if "script-src" in part)
    assert re.fullmatch(r"( 'sha256-[\w+/=]+')+", scripts.replace(" script-src", ""))
