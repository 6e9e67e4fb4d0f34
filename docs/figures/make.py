"""Draws the pictures of this folder anew, with the commands that a user would type.

    python -m docs.figures.make [--store FOLDER] [--out FOLDER] [--only NAME ...]

The store is $ICT_STORE, or the example that comes with the project. What it does not hold is left
as it is. PNG at 150 dpi keep the repository small; papers take the PDF of the same command.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
EXAMPLE = ROOT / "assets" / "example_store"
TASKS = ("digits", "sprites_loc", "sprites_ori", "count")
PICTURE_DPI = 150


def scores(store: Path) -> list[str]:
    """Ids of the bundled tasks' class-aware scores of all images, one a task.

    Noise ceilings and energies are drawn from their per-image sums, or from what was kept of those.
    """
    from ict.store import Store

    found = {
        meta["task"]: meta["score_id"]
        for meta in sorted(Store(store).scores(), key=lambda meta: bool(meta.get("keep_images")))
        if (meta.get("criterion"), meta.get("tokens")) == ("class_l2", "patch")
        and not meta.get("limit")
    }
    return [found[task] for task in TASKS if task in found]


def commands(store: Path) -> dict[str, list[str]]:
    """The `ict figure` words behind each picture that this store can give."""
    from ict.store import Store
    from ict.store.studies import list_studies

    ids = scores(store)
    made = {"parameters": ["parameters"], "benchmark": ["benchmark"]}
    if ids:
        made["score-map"] = ["score-map", "--from", ids[0]]
        made["energy"] = ["energy", "--from", ids[0]]
        made["made-of"] = ["made-of", "--from", ids[0]]
    if len(ids) > 1:
        made["overlap"] = ["overlap", "--value", "ratio_to_ceiling", "--from", *ids]
        made["overlap-lines"] = ["overlap-lines", "--from", ids[0], ids[-1]]
    on_digits = {run.id for run in Store(store).runs() if run.config.get("task") == "digits"}
    for study in list_studies(Store(store)):
        if not on_digits & {*study.run_ids}:
            continue
        made["k-ratio"] = ["k-ratio", "--task", "digits", "--from", f"study:{study.name}"]
        made["curves"] = ["curves", "--task", "digits", "--from", f"study:{study.name}"]
    return made


def picture(words: list[str], store: Path, out: Path) -> None:
    """One figure in the style `iclr`, made smaller for the screen."""
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        large = Path(folder) / "figure.png"
        run = [
            sys.executable,
            "-m",
            "ict",
            "figure",
            *words,
            "--style",
            "iclr",
            "--out",
            str(large),
        ]
        subprocess.run(run, check=True, env={**os.environ, "ICT_STORE": str(store)})
        image = Image.open(large, formats=("PNG",))
        factor = PICTURE_DPI / 300
        size = (round(image.width * factor), round(image.height * factor))
        small = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
        small.save(out, optimize=True)


def report(store: Path, name: str, out: Path) -> None:
    """The top of a study's report as a browser shows it."""
    from choreographer.browsers.chromium import Chromium
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        page, shot = Path(folder) / "report.html", Path(folder) / "report.png"
        run = [sys.executable, "-m", "ict", "report", name, "--out", str(page)]
        subprocess.run(run, check=True, env={**os.environ, "ICT_STORE": str(store)})
        chrome = Chromium.find_browser(skip_local=False)
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        subprocess.run(
            [str(chrome), *options, "--window-size=1000,2300", "--virtual-time-budget=8000",
             f"--screenshot={shot}", page.as_uri()],
            check=True, capture_output=True,
        )  # fmt: skip
        image = Image.open(shot, formats=("PNG",)).convert("RGB")
        small = image.resize(
            (image.width * 3 // 4, image.height * 3 // 4), Image.Resampling.LANCZOS
        )
        small.save(out, optimize=True)


def names(store: Path) -> list[str]:
    """The pictures that this store can give."""
    made = list(commands(store))
    return [*made, "report"] if "k-ratio" in made else made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, default=Path(os.environ.get("ICT_STORE") or EXAMPLE))
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--only", nargs="*", metavar="NAME")
    chosen = parser.parse_args()
    store, made = chosen.store.absolute(), commands(chosen.store.absolute())
    chosen.out.mkdir(parents=True, exist_ok=True)
    for name in names(store):
        out = chosen.out / f"{name}.png"
        if chosen.only and name not in chosen.only:
            continue
        if name == "report":
            report(store, made["k-ratio"][-1].removeprefix("study:"), out)
        else:
            picture(made[name], store, out)
        print(out)


if __name__ == "__main__":
    main()
