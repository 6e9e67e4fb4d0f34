"""Which sets of channels gain most in a first step, on images that did not choose it?

    ICT_VTAB_ROOT=../shared/vtab-1k python -m bench.selectors [--quick] [--json] [--store DIR]

The tables of docs/which-channels.md (shares at K/D = 1/32 and 1/8). On each task G is computed on its
1,000 images (or as many as there are), and every choice of K channels takes its first step from one half
of what a head judges and is measured on the other (`ict.analysis.first_step`); 1 is the best read set and
write set that were found on the first half.
Photographs: DINOv2 ViT-S/14, saliency fine-tuned, at 98 pixels; left out, and named, where they or the
weights are not here. digits and count: the bundled backbone. `--quick`: digits, 120 images, 32 pixels.
`--store` names a store that may hold the scores already.
"""

import argparse
import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from bench.own_store import own_store
from ict.adapter_gradients import AdapterGradients
from ict.analysis.first_step import FirstStep, first_steps
from ict.catalogue import BUNDLED, SITE
from ict.criteria import ADAPTER_GRADIENT, CRITERION, get_criterion
from ict.errors import InputError
from ict.running.generic_scores import mean_of_tasks
from ict.scores import ChannelScores, load_scores
from ict.scoring.score_request import request_for
from ict.scoring.task_scores import score_task
from ict.selection import select
from ict.store import Store
from ict.store.names import gradient_file
from ict.tasks import get_task
from ict.tasks.others import others_of

REAL = "vit_small_patch14_dinov2"
WEIGHTS = "../shared/weights/vit_small_patch14_dinov2_saliency.fp16.safetensors"
CRITERIA = (CRITERION, "l2", "taylor", "fisher", "anova_f", "weight_norm")
SELECTORS = ("random", "gradient", "energy_read_gradient_write", "gradient_rw")
RATIOS = (1 / 32, 1 / 8)
NORMS = ("unit", "sign")
SPLIT = "train800val200"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A task on a backbone."""

    task: str
    backbone: str = BUNDLED
    weights: str | None = None
    image_size: int | None = None
    limit: int | None = None


PHOTOGRAPHS = tuple(
    Case(task=task, backbone=REAL, weights=WEIGHTS, image_size=98)
    for task in ("caltech101", "cifar", "oxford_iiit_pet", "kitti")
)
CASES = (*PHOTOGRAPHS, Case(task="digits"), Case(task="count"))
QUICK = (Case(task="digits", image_size=32, limit=120),)


def rows_of(case: Case, store: Store) -> Iterator[dict[str, Any]]:
    """A row for each set of channels, K/D and norm. Raises InputError where the task is not here."""
    gradients = AdapterGradients.load(gradient_file(scored(case, ADAPTER_GRADIENT, store).parent))
    by_name = {name: load_scores(scored(case, name, store), kinds=("",)) for name in CRITERIA}
    by_name["others"] = generic(case, store)
    for ratio in RATIOS:
        sets = {name: select(one, site=SITE, ratio=ratio) for name, one in by_name.items()}
        for norm in NORMS:
            steps = first_steps(
                gradients, sets, SELECTORS, site=SITE, ratio=ratio, energy=by_name[CRITERION], norm=norm
            )  # fmt: skip
            yield from (row(case, ratio, step) for step in steps)


def row(case: Case, ratio: float, step: FirstStep) -> dict[str, Any]:
    return {"task": case.task, "backbone": case.backbone, "ratio": ratio, **asdict(step)}


def scored(case: Case, criterion: str, store: Store) -> Path:
    """The score file of one criterion on the case's images, computed unless the store has it."""
    print(f"{case.task}: {criterion}", file=sys.stderr)
    request, weights_file = request_for(
        task=case.task,
        backbone=case.backbone,
        criterion=criterion,
        sites=(SITE,),
        tokens=get_criterion(criterion).default_tokens,
        split=SPLIT,
        pixel_normalisation="native",
        limit=case.limit,
        image_size=case.image_size,
        weights=case.weights,
    )
    return score_task(store, request, weights_file=weights_file)


def generic(case: Case, store: Store) -> ChannelScores:
    """The mean of class_l2 over the other tasks of its kind."""
    others = others_of(get_task(case.task), SPLIT)
    scores = {
        one.name: load_scores(scored(replace(case, task=one.name), CRITERION, store), kinds=("",))
        for one in others.tasks
    }
    return mean_of_tasks(scores, SITE)


def tables(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown: for each norm a table of channels by task, with the share of the best at each K/D."""
    by_place = {(r["norm"], r["name"], r["task"], r["ratio"]): r for r in rows}
    norms, names, tasks = (
        list(dict.fromkeys(r[key] for r in rows)) for key in ("norm", "name", "task")
    )
    said = []
    for norm in norms:
        lines = [f"| {norm} | {' | '.join(tasks)} |", "|" + "---|" * (len(tasks) + 1)]
        for name in names:
            cells = (
                " / ".join(share(by_place[norm, name, task, ratio]) for ratio in RATIOS)
                for task in tasks
            )
            lines.append(f"| {name} | {' | '.join(cells)} |")
        said.append("\n".join(lines))
    return "\n\n".join(said)


def share(found: dict[str, Any]) -> str:
    """Of the best that was found, `0.88`; a dash where that gains nothing on the other half."""
    relative = found["relative_to_best"]
    return "–" if math.isnan(relative) else f"{relative:.2f}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--store", type=Path)
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    left_out: dict[str, str] = {}
    with own_store(options.store) as store:
        for case in QUICK if options.quick else CASES:
            try:
                rows += rows_of(case, store)
            except InputError as error:
                left_out[case.task] = str(error)
    said = [f"{task} is left out: {why}" for task, why in left_out.items()]
    if options.json:
        print(json.dumps({"rows": rows, "left_out": left_out}))
    else:
        print("\n\n".join([tables(rows), *said]))
    return 0 if rows else 1


if __name__ == "__main__":
    raise SystemExit(main())
