"""Made the store beside this file, with the code of version 0.1.0 (commit a61a93d).

    git worktree add /tmp/old a61a93d && cd /tmp/old && PYTHONPATH=. python MAKE_PY TARGET

Digits, 200 images a split, 4 epochs, one thread, fp32: one run done, one (another seed) killed with
its checkpoint after epoch 2, their scores and their study. `unbroken.json` holds what the killed run
gives when nobody kills it, and the processor that it was measured on: sums of float32 differ in the
last digits from one kind of processor to the next.
"""

import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STUDY = """
name = "seeds"
title = "Digits, two seeds"
[base]
task = "digits"
limit = 200
epochs = 4
precision = "fp32"
[grid]
seed = [42, 44]
"""


def ict(store: Path, *words: str) -> dict:
    environment = {**os.environ, "ICT_STORE": str(store), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "ict", *words, "--json"]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def execute(store: Path, run_id: str) -> subprocess.Popen:
    words = ["-m", "ict.run", run_id, "--store", str(store), "--threads", "1", "--device", "cpu"]
    return subprocess.Popen([sys.executable, *words, "--slots", "2"])


def kill_after_second_epoch(store: Path, run_id: str) -> None:
    state = store / "runs" / run_id / "checkpoint" / "state.json"
    process = execute(store, run_id)
    while not (state.exists() and json.loads(state.read_text() or "{}").get("epoch") == 2):
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert json.loads(state.read_text())["epoch"] == 2


def forget_paths(store: Path) -> None:
    for config in store.glob("runs/*/config.json"):
        record = json.loads(config.read_text())
        record["sources"] = dict.fromkeys(record["sources"])
        config.write_text(json.dumps(record, indent=1))
        execution = config.with_name("execution.json")
        kept = json.loads(execution.read_text()) | {"host": "elsewhere", "pid": 1}
        execution.write_text(json.dumps(kept, indent=1))
        config.with_name("lock").unlink(missing_ok=True)
        config.with_name("live.json").unlink(missing_ok=True)
    shutil.rmtree(store / "workers", ignore_errors=True)


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    said = {line.split(":")[0].strip(): line.partition(":")[2].split() for line in lines}
    vendor = "".join(said.get("vendor_id", []))
    kinds = ("avx2", "avx512f", "avx512_bf16", "amx_tile")
    found = [kind for kind in kinds if kind in said.get("flags", [])]
    return " ".join([platform.machine(), vendor, *found])


def main(target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store, whole = Path(folder) / "store", Path(folder) / "whole"
        study = Path(folder) / "seeds.toml"
        study.write_text(STUDY)
        # `plan` writes nothing, so the runs are made by a study whose workers never start.
        for place in (store, whole):
            os.environ["ICT_STORE"] = str(place)
            from ict import studies
            from ict.store import Store

            made = studies.create(Store(place), studies.read_toml(study))
        done, killed = made.run_ids
        assert execute(store, done).wait() == 0
        kill_after_second_epoch(store, killed)
        assert execute(whole, killed).wait() == 0
        result = json.loads((whole / "runs" / killed / "result.json").read_text())
        from safetensors.numpy import load_file

        adapter = load_file(whole / "runs" / killed / "adapter.safetensors")
        sums = {name: float(array.astype("float64").sum()) for name, array in adapter.items()}
        forget_paths(store)
        shutil.copytree(store, target, dirs_exist_ok=True)
        kept = ("test_accuracy", "test_loss", "val_accuracy", "train_loss", "train_accuracy")
        unbroken = {name: result[name] for name in kept}
        document = {"processor": processor(), "done": done, "killed": killed}
        document |= {"result": unbroken, "adapter_sums": sums, "versions": result["versions"]}
        (target / "unbroken.json").write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
