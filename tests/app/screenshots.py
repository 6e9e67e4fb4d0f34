"""Screenshots of every page: `python -m tests.app.screenshots [STORE] [--out FOLDER]`.

Light and dark, 1440 and 800 px wide. Without STORE the example study is shown.
"""

import argparse
import os
import tempfile
from pathlib import Path

from tests.app.served import Server, Visitor, browser

ROOT = Path(__file__).parents[2]
PAGES = ("train", "run", "curves", "channels", "overlap", "inspect", "ablation", "benchmark")
PAGES += ("export", "data", "criteria", "transfer", "compare", "predictions")
HIGHEST = 3000
SAME, MOST_LOOKS = 4, 60  # looks at a page that have to be alike, and looks at most
EXTENT = """(() => {
    const page = document.querySelector('[data-testid=stMain]');
    return [page.scrollHeight, page.querySelectorAll('*').length];
})()"""
FOLDER = ROOT / "assets" / "screenshots"


def shoot(visitor: Visitor, name: str, path: Path) -> None:
    """One whole page in one picture."""
    page = visitor.page
    width = page.viewport_size["width"]
    visitor.open("/" if name == "train" else f"/{name}")
    height = still(visitor)
    page.set_viewport_size({"width": width, "height": max(700, min(height, HIGHEST))})
    page.wait_for_timeout(1000)
    page.screenshot(path=path)
    page.set_viewport_size({"width": width, "height": 1000})
    assert not visitor.exceptions(), (name, visitor.exceptions())


def still(visitor: Visitor) -> int:
    """Waits until the page has stopped growing on a machine of any speed; gives its height in pixels."""
    page = visitor.page
    page.wait_for_timeout(2500)
    seen: list[list[int]] = []
    while len(seen) < MOST_LOOKS and (len(seen) < SAME or seen[-SAME:].count(seen[-1]) < SAME):
        page.locator("[data-testid=stStatusWidget]").wait_for(state="detached", timeout=60_000)
        page.wait_for_timeout(700)
        seen.append(page.evaluate(EXTENT))
    return seen[-1][0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path, nargs="?", help="an empty one when left out")
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--only", nargs="*", default=PAGES)
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as elsewhere, browser() as chrome:
        store = (chosen.store or Path(elsewhere) / "ict_store").absolute()
        server = Server(store, Path(elsewhere), **_data())
        try:
            for scheme in ("light", "dark"):
                for width in (1440, 800):
                    size = {"width": width, "height": 1000}
                    visitor = Visitor(chrome, server.url, color_scheme=scheme, viewport=size)
                    for name in chosen.only:
                        shoot(visitor, name, chosen.out / f"{name}-{scheme}-{width}.png")
                    visitor.context.close()
        finally:
            server.stop()


def _data() -> dict[str, str]:
    root = os.environ.get("ICT_VTAB_ROOT")
    return {"ICT_VTAB_ROOT": root} if root else {}


if __name__ == "__main__":
    main()
