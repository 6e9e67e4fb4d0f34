"""A backbone, weights, data and K are looked up once, and travel from there as what was found."""

import collections
import sys
from collections.abc import Callable
from typing import Any

import pytest

from ict.catalogue import get_backbone
from ict.resolve import resolve
from ict.running.execute import run as execute
from ict.selection import resolve_k
from ict.store import Store
from ict.tasks import fingerprint, get_task
from ict.weights import digest_of
from tests.running.small_runs import SMALL

LOOK_UPS = (get_task, get_backbone, digest_of, fingerprint, resolve_k)
ONCE = {"get_task": 1, "get_backbone": 1, "digest_of": 1, "fingerprint": 1}


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> collections.Counter[str]:
    """How often each look-up is reached, through whichever module took its name."""
    import ict.cli.criteria
    import ict.cli.scoring
    import ict.running.pipeline
    import ict.scoring.causal_task
    import ict.scoring.inspect_task  # noqa: F401 -- so that all modules are here to be counted in

    seen: collections.Counter[str] = collections.Counter()

    def count(real: Callable[..., Any]) -> Callable[..., Any]:
        def look_up(*arguments: Any, **options: Any) -> Any:
            seen[real.__name__] += 1
            return real(*arguments, **options)

        return look_up

    for real in LOOK_UPS:
        for name, module in list(sys.modules.items()):
            if name.startswith("ict.") and vars(module).get(real.__name__) is real:
                monkeypatch.setattr(module, real.__name__, count(real))
    return seen


def test_one_score_looks_everything_up_once(store: Store, counted: collections.Counter[str]):
    from ict.cli import main

    with pytest.raises(SystemExit) as ended:
        main(["score", "digits", "--limit", "20", "--json"])
    assert ended.value.code == 0
    assert counted == ONCE


@pytest.mark.parametrize(
    "words",
    [
        ("causal", "digits", "--backbone", "ict_tiny", "--random-draws", "1", "--fraction", "0.5"),
        ("inspect", "digits", "--backbone", "ict_tiny"),
        ("inspect", "digits"),
    ],
)
def test_a_check_and_an_inspection_look_everything_up_once(
    words: tuple[str, ...], store: Store, counted: collections.Counter[str]
):
    from ict.cli import main

    with pytest.raises(SystemExit) as ended:
        main([*words, "--image-size", "16", "--limit", "20", "--json"])
    assert ended.value.code == 0
    assert counted == ONCE


def test_an_overlap_looks_everything_up_once_and_data_once_a_task(
    store: Store, counted: collections.Counter[str]
):
    from ict.cli import main

    options = ["--limit", "20", "--json"]
    for task in ("digits", "count"):
        with pytest.raises(SystemExit):
            main(["score", task, "--image-size", "16", "--keep-images", *options])
    counted.clear()
    words = ["overlap", "digits", "count", "--image-size", "16", "--splits", "2", *options]
    with pytest.raises(SystemExit) as ended:
        main([*words, "--permutations", "0"])
    assert ended.value.code == 0
    a_task = {"get_task": 2, "fingerprint": 2}
    assert counted == {**ONCE, **a_task, "resolve_k": 1}


@pytest.mark.parametrize("score_task", [None, "count"])
def test_what_is_asked_for_is_looked_up_once(
    score_task: str | None, counted: collections.Counter[str]
):
    resolve({**SMALL, "epochs": 1, "k": 2, "score_task": score_task})
    a_task = dict.fromkeys(("get_task", "fingerprint"), 2 if score_task else 1)
    assert counted == {**ONCE, **a_task, "resolve_k": 1}


def test_a_dry_run_looks_everything_up_once(counted: collections.Counter[str]):
    from ict.cli import main

    with pytest.raises(SystemExit) as ended:
        main(["train", "digits", "--dry-run", "--json"])
    assert ended.value.code == 0
    assert (counted["get_task"], counted["get_backbone"], counted["resolve_k"]) == (1, 1, 1)


def test_one_run_looks_everything_up_once(store: Store, counted: collections.Counter[str]):
    record = resolve({**SMALL, "epochs": 1, "k": 2}).record()
    folder = store.create_run(record)
    counted.clear()
    execute(folder.id, store, threads=1, device="cpu")
    assert counted == {**ONCE, "resolve_k": 1}
