"""Starts the calibration of a machine (`ict.running.calibrate`) in a process of its own. No torch here."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Any

from ict.errors import IctError
from ict.files import refuse_published
from ict.store.paces import Pace, Where, known_pace, pace_file

_MOST_SECONDS = 300.0  # building the largest backbone included
_started: dict[str, subprocess.Popen[str]] = {}  # by the file that it will write
_troubles: dict[str, str] = {}
_lock = threading.Lock()


def start(config: Mapping[str, Any], where: Where) -> None:
    """Begins to measure unless this process already does; returns at once."""
    key = str(pace_file(config, where))
    with _lock:
        if key in _started:
            return
        _troubles.pop(key, None)
        _started[key] = _child(config, where)
    threading.Thread(target=_follow, args=(key, _started[key]), daemon=True).start()


def is_measuring(config: Mapping[str, Any], where: Where) -> bool:
    """Whether a calibration that this process began goes on."""
    return str(pace_file(config, where)) in _started


def trouble(config: Mapping[str, Any], where: Where) -> str | None:
    """Why the last calibration that this process began measured nothing."""
    return _troubles.get(str(pace_file(config, where)))


def measure(config: Mapping[str, Any], where: Where) -> Pace:
    """The pace that is known, else measures it now and waits; raises IctError with the reason."""
    if (pace := known_pace(config, where)) is not None:
        return pace
    key = str(pace_file(config, where))
    _follow(key, _child(config, where))
    pace = known_pace(config, where)
    if pace is None:
        raise IctError(_troubles.get(key, "this machine could not be measured"))
    return pace


def _child(config: Mapping[str, Any], where: Where) -> subprocess.Popen[str]:
    refuse_published()
    command = [sys.executable, "-m", "ict.running.calibrate", json.dumps(dict(config))]
    command += ["--device", where.device, "--threads", str(where.threads)]
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={"OMP_WAIT_POLICY": "PASSIVE", **os.environ, "OMP_NUM_THREADS": str(where.threads)},
    )


def _follow(key: str, process: subprocess.Popen[str]) -> None:
    """Waits for the end, so that no zombie stays, and keeps what went wrong."""
    try:
        said = process.communicate(timeout=_MOST_SECONDS)[1]
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        said = f"nothing was measured in {_MOST_SECONDS:.0f} s"
    lines = said.strip().splitlines()
    if process.returncode:
        _troubles[key] = (
            f"this machine could not be measured: {lines[-1] if lines else 'no reason'}"
        )
    with _lock:
        _started.pop(key, None)
