"""VTAB-1K at its real sizes: how long the 19 tasks take, scored, trained and tested, by phase.

    python -m bench.vtab [--minutes 8] [--scale 1] [--backbone NAME] [--tasks …] [--write] [--json]

Files of native sizes and formats are generated (outside of the claim) and go through `ict study run`:
1,000 training images, official numbers of test images, 100 epochs (10 at a smaller scale), recipe
`paper`, K = 12.5 %, random weights, one device.
Six tasks are measured whole; they span the sizes of files and of test sets: kitti (the largest images,
711 to test), caltech101 (photographs; the test set fits into memory), cifar (the smallest images),
clevr_count (PNGs that take long to decode), dsprites_loc (the most files) and diabetic_retinopathy (the
most pixels). Phases add up to the time of the study; the first task carries the start of the command.
The other rows are computed by the measured phases, and so is the total. Aims: training ≤ 24 s a task,
19 tasks ≤ 10 minutes, on a GPU with ViT-B/16 at scale 1. `--minutes` is for all of the command: a task
that has not ended by then is computed too. `--write` keeps bench/results/DEVICE.md. `--quick`:
`--scale 0.01 --backbone ict_tiny`, which two CPU cores end in two minutes.
"""

import argparse
import datetime
import json
import os
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.own_store import own_store
from bench.vtab_images import NATIVE, make_task
from bench.vtab_phases import Row, computed_row, ended, measured_phases, size_of, table
from ict.catalogue import get_backbone
from ict.machine import choose_device
from ict.provenance import device_name, versions_of
from ict.running import local
from ict.store import Run, Store

VIT_B = "vit_base_patch16_224.orig_in21k"
MEASURED = ("kitti", "caltech101", "cifar", "clevr_count", "dsprites_loc", "diabetic_retinopathy")
LIMITS = {"train_seconds": 24.0, "total_seconds": 600.0}
RESULTS = Path(__file__).parent / "results"
_AFTER_SECONDS = 25.0  # kept of --minutes for the peak and the counting
_STUDY = """name = "vtab"
recipe = "paper"
[base]
backbone = "{backbone}"
weights = "none"
ratio = 0.125
epochs = {epochs}
[grid]
task = {tasks}
"""


def study(
    store: Store, tasks: Sequence[str], asked: argparse.Namespace, *, until: float
) -> tuple[datetime.datetime, float]:
    """`ict study run` of `tasks` on one device; gives when it began and its seconds.

    What has not ended by `until` (of `time.monotonic`) is cancelled.
    """
    path = store.root.parent / "vtab.toml"
    names = json.dumps(list(tasks))
    path.write_text(_STUDY.format(backbone=asked.backbone, epochs=asked.epochs, tasks=names))
    words = [sys.executable, "-m", "ict", "study", "run", str(path), "--json"]
    words += ["--device", asked.device]
    images = {"ICT_VTAB_ROOT": str(store.root.parent / "images")}
    began, started = datetime.datetime.now(datetime.UTC), time.monotonic()
    with subprocess.Popen(
        words, env={**os.environ, **images}, stdout=subprocess.PIPE, text=True
    ) as child:
        try:
            said, _ = child.communicate(timeout=max(1.0, until - started))
        except subprocess.TimeoutExpired:
            child.terminate()
            local.cancel(store, store.run_ids())
            said = ""
        except BaseException:
            child.terminate()
            raise
    if said and child.returncode:
        errors = [run.error() for run in store.runs()]
        raise SystemExit(f"ict study run: {said} {[one['message'] for one in errors if one]}")
    return began, time.monotonic() - started


def measured_rows(
    runs: Sequence[Run], began: datetime.datetime, sizes: dict[str, Any]
) -> list[Row]:
    """The finished runs, each from the end of the one before it."""
    done = sorted(
        ((ended(result), run) for run in runs if (result := run.result())), key=lambda one: one[0]
    )
    rows = []
    for moment, run in done:
        size = sizes[run.config["task"]]
        rows.append(Row(**size, measured=True, phases=measured_phases(run, began)))
        began = moment
    return rows


def utilisation(
    asked: argparse.Namespace, runs: Sequence[Run], rows: Sequence[Row]
) -> dict[str, Any]:
    """The share of the device's matrix products that training used, over the measured tasks."""
    import torch

    from bench.peak import image_flops, matrix_peak

    results = [result for run in runs if (result := run.result())]
    torch.set_num_threads(results[0].threads or 1)
    precision = str(results[0].precision)
    peak, flop = matrix_peak(asked.device, precision), image_flops(asked.backbone)
    batch = int(runs[0].config["batch_size"])
    shares = []
    for row in rows:
        an_epoch = row.train_images - row.train_images % batch or row.train_images
        spent = an_epoch * asked.epochs * flop["step"]
        shares.append(spent / row.phases.train / peak)
    return {
        "precision": precision,
        "threads": results[0].threads,
        "peak_flop_per_second": peak,
        "step_flop_per_image": flop["step"],
        "share_of_peak": statistics.median(shares),
    }


def measure(asked: argparse.Namespace) -> dict[str, Any]:
    """Everything that is printed, as one document."""
    from ict.data import KEEP_BYTES

    load = os.getloadavg()[0]
    until = time.monotonic() + 60 * asked.minutes - _AFTER_SECONDS
    side = get_backbone(asked.backbone).image_size
    sizes = {t: size_of(t, asked.scale, side=side, keep_bytes=KEEP_BYTES) for t in NATIVE}
    with own_store() as store:
        started = time.monotonic()
        written = [make_task(store.root.parent / "images", t, asked.scale) for t in asked.tasks]
        generated = time.monotonic() - started
        began, study_seconds = study(store, asked.tasks, asked, until=until)
        runs = [run for run in store.runs() if run.is_done]
        measured = measured_rows(runs, began, sizes)
        if not measured:
            raise SystemExit(f"no task ended in {asked.minutes:g} minutes: give --minutes more")
        used = utilisation(asked, runs, measured)
    by_task = {row.task: row for row in measured}
    rows = [by_task.get(task) or computed_row(sizes[task], measured) for task in NATIVE]
    return {
        "command": f"python -m bench.vtab {shlex.join(sys.argv[1:])}".strip(),
        "date": f"{began:%Y-%m-%d}",
        "device": asked.device,
        "device_name": device_name(asked.device),
        "cores": len(os.sched_getaffinity(0)),
        "load": load,
        "versions": versions_of(("ict", "torch", "timm")),
        **{name: getattr(asked, name) for name in ("backbone", "scale", "epochs", "minutes")},
        "generated_bytes": sum(written),
        "generated_seconds": generated,
        "study_seconds": study_seconds,
        "not_ended": [task for task in asked.tasks if task not in by_task],
        **used,
        "train_seconds": statistics.median(row.phases.train for row in measured),
        "total_seconds": sum(row.phases.total for row in rows),
        "total_is": "measured" if len(by_task) == len(rows) else "computed",
        "limit_seconds": LIMITS if is_claim(asked) else None,
        "rows": rows,
    }


def is_claim(asked: argparse.Namespace) -> bool:
    """Whether the aims are about what was asked for."""
    whole = asked.scale == 1 and asked.epochs == 100
    return whole and asked.backbone == VIT_B and asked.device.startswith("cuda")


def text_of(found: dict[str, Any]) -> str:
    """The report in Markdown."""
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    lines = [
        f"`{found['command']}`, {found['date']}: {found['device_name']} ({found['device']}, "
        f"{found['cores']} cores, {found['threads']} threads a run), {versions}, {found['precision']}; "
        f"load average of the machine as it began: {found['load']:.1f}.",
        "",
        f"{found['backbone']}, random weights, {found['epochs']} epochs"
        + ("." if found["scale"] == 1 else f", numbers of images × {found['scale']:g}."),
        "",
        "Seconds:",
        "",
        *table(found["rows"]),
        "",
        f"- total of {len(found['rows'])} tasks, {found['total_is']}: {found['total_seconds']:.0f} s"
        + _against(found, "total_seconds"),
        f"- training, median of the measured tasks: {found['train_seconds']:.1f} s"
        + _against(found, "train_seconds"),
        f"- training used {100 * found['share_of_peak']:.0f} % of the measured matrix peak "
        f"({found['peak_flop_per_second'] / 1e12:.3g} TFLOP/s; "
        f"{found['step_flop_per_image'] / 1e9:.1f} GFLOP an image and step)",
        f"- `ict study run` of the measured tasks: {found['study_seconds']:.0f} s; generating "
        f"{found['generated_bytes'] / 1e9:.2f} GB of files before it: {found['generated_seconds']:.0f} s",
    ]
    if found["not_ended"]:
        lines += [f"- not ended in {found['minutes']:g} minutes: {', '.join(found['not_ended'])}"]
    return "\n".join(lines)


def _against(found: dict[str, Any], name: str) -> str:
    limits = found["limit_seconds"]
    return f" (aim ≤ {limits[name]:.0f} s)" if limits else " (reduced: no aim is about it)"


def main() -> None:
    """Measures, prints, and with --write keeps the table of this device."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.vtab", description=str(__doc__).splitlines()[0]
    )
    parser.add_argument("--minutes", type=float, default=8.0, help="the most that all of it takes")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="of the official numbers of images"
    )
    parser.add_argument("--backbone", default=VIT_B)
    parser.add_argument("--epochs", type=int, help="100, or 10 where the scale is below 1")
    parser.add_argument("--tasks", nargs="+", default=list(MEASURED), choices=list(NATIVE))
    parser.add_argument("--device")
    parser.add_argument("--quick", action="store_true", help="--scale 0.01 --backbone ict_tiny")
    parser.add_argument("--write", action="store_true", help="keep it in bench/results")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    asked.device = choose_device(asked.device)
    if asked.quick:
        asked.scale, asked.backbone = 0.01, "ict_tiny"
    asked.epochs = asked.epochs or (100 if asked.scale >= 1 else 10)
    found = measure(asked)
    if asked.write:
        RESULTS.mkdir(exist_ok=True)
        name = "".join(c if c.isalnum() else "-" for c in str(found["device_name"]).lower())
        title = f"# VTAB-1K at its sizes: {found['device_name']}"
        (RESULTS / f"{name}.md").write_text(f"{title}\n\n{text_of(found)}\n")
    if asked.json:
        print(json.dumps({**found, "rows": [row.to_dict() for row in found["rows"]]}))
    else:
        print(text_of(found))


if __name__ == "__main__":
    main()
